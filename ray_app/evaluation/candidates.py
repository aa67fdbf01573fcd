"""Candidates for reranking, by Ray: what a first stage finds in English, and collections' own.

The origin's protocol: every language pair reranks the candidates that the English first stage
found, so what a first stage across languages would lose is not seen here.
"""

import shutil
from pathlib import Path

import ray

from clir import manifest, stages
from clir.experiment import Experiment
from clir.retrieval.candidates import Search, brought
from clir.retrieval.first_stages import FIRST_STAGES
from clir.whole_files import write_table
from ray_app.cluster import Connect
from ray_app.evaluation.texts import held_languages


def build(connect: Connect, experiment: Experiment) -> Path:
    """Make the candidates of every test collection: a table; its folder."""
    stage, tables = stages.candidates(experiment), experiment.workspace.collections
    source, split, depth = stage.settings["from"], stage.settings["split"], stage.settings["depth"]

    def write(out: Path) -> dict[str, int]:
        connect()
        names = dict(enumerate(stage.settings["collections"]))
        english = {
            # Folders are called by a collection's number: its name may mean something in a path.
            number: Search(source, tables, name, split, "en", out / "work" / str(number))
            for number, name in names.items()
            if source in FIRST_STAGES
            and all("en" in langs for langs in held_languages(tables, name, split))
        }
        blocks = dict(
            zip(english, ray.get([_index.remote(one) for one in english.values()]), strict=True)
        )
        data = out / "data"
        found = [
            _find.remote(one, block, depth, data / f"{number:04}.{block:06}.parquet")
            for number, one in english.items()
            for block in range(blocks[number])
        ]
        own = [
            _bring.remote(
                tables, name, split, english.get(number), data / f"{number:04}.own.parquet"
            )
            for number, name in names.items()
        ]
        count = sum(ray.get([*found, *own]))
        shutil.rmtree(out / "work", ignore_errors=True)
        return {"candidates": count}

    manifest.build(experiment.workspace, *stage, write)
    return stage.folder


_index = ray.remote(Search.index)
_find = ray.remote(Search.write)


@ray.remote
def _bring(tables: Path, name: str, split: str, known: Search | None, file: Path) -> int:
    own = brought(tables, name, split, known)
    write_table(own, file)
    return len(own)
