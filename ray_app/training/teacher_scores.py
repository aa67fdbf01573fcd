"""English pairs -> the same with a teacher's scores, by Ray Data: file by file, in order."""

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import ray
import ray.data

from clir import manifest, progress, stages, tables
from clir.errors import InputError
from clir.experiment import Experiment, Teacher
from clir.switching.methods import BASELINE
from clir.whole_files import writing
from ray_app.cluster import Connect
from ray_app.models import base_models
from ray_app.models.base_models import Base

_ROWS = 1 << 14  # whose texts are held at once
_RETRIES = 3  # of an actor, and of a file
_LEFT_OUT = "dropped: negative that may answer"
_COUNTED = ("pairs", _LEFT_OUT)


def build(connect: Connect, experiment: Experiment) -> Path:
    """Have the teacher score the English pairs, ``tables.PAIRS``; their folder.

    InputError where the experiment has no teacher, or one that cannot score.
    """
    workspace, teacher = experiment.workspace, experiment.teacher
    if teacher is None:
        raise InputError("teacher: name the cross-encoder that scores the pairs")
    stage, english = stages.scored_pairs(experiment), workspace.pairs(BASELINE) / "data"

    def write(out: Path) -> dict[str, int]:
        connect()
        (out / "data").mkdir(parents=True)
        files = sorted(english.glob("*.parquet"))
        gpus = int(ray.cluster_resources().get("GPU", 0) > 0)
        ray.data.DataContext.get_current().enable_progress_bars = False
        work = ray.data.from_items(
            [{"file": str(file)} for file in files], override_num_blocks=len(files)
        )
        done = work.map_batches(
            _Scorer,
            fn_constructor_args=(teacher, base_models.find(teacher.base), out),
            batch_size=1,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(size=min(teacher.workers, len(files))),
            max_restarts=_RETRIES,
            max_task_retries=_RETRIES,
            num_cpus=1,
            num_gpus=gpus,
        )
        counts: Counter[str] = Counter()
        with progress.stage("scoring pairs", len(files), "files") as told:
            for row in done.iter_rows():
                counts.update({name: row[name] for name in _COUNTED})
                told.update(told.done + 1)
        return dict(counts)

    manifest.build(workspace, *stage, write)
    return stage.folder


class _Scorer:
    """An actor that scores one file after another."""

    def __init__(self, teacher: Teacher, base: Base, out: Path):
        import torch  # it takes seconds to load, and the driver needs it not

        from ray_app.models.ranker import Ranker

        torch.set_num_threads(1)  # actors share the machine; each has one CPU
        folder, self.out, self.margin = base_models.folder_on(base), out / "data", teacher.margin
        self.ranker = Ranker(
            "cross-encoder", folder, teacher.max_length, teacher.batch_size, teacher.precision
        )

    def __call__(self, batch: pa.Table) -> pa.Table:
        counts = [self._score(Path(file)) for file in batch["file"].to_pylist()]
        return pa.table({name: [each[name] for each in counts] for name in _COUNTED})

    def _score(self, file: Path) -> Counter[str]:
        """Score a file, whose pairs of a query stand together, its positives first."""
        counts: Counter[str] = Counter()
        right = RightScores()
        with writing(self.out / file.name) as out, pq.ParquetWriter(out, tables.PAIRS) as writer:
            for part in pq.ParquetFile(file).iter_batches(_ROWS, columns=tables.PAIRS.names):
                scores = self.ranker.score(part["query"], part["passage"])
                if not np.isfinite(scores).all():
                    raise InputError("teacher: it gives scores that are NaN or infinite")
                at = part.schema.get_field_index("score")
                part = part.set_column(at, "score", pa.array(scores.astype(np.float64)))
                if self.margin is not None:
                    kept = part.filter(pa.array(right.far_enough(part, self.margin)))
                    counts[_LEFT_OUT] += len(part) - len(kept)
                    part = kept
                writer.write_batch(part.cast(tables.PAIRS))
                counts["pairs"] += len(part)
        return counts


class RightScores:
    """The lowest score of a right passage of each query, over parts of a file."""

    def __init__(self) -> None:
        self._last: tuple[str, float] = ("", np.inf)  # the query that the last part ended with

    def far_enough(self, pairs: pa.RecordBatch, margin: float) -> np.ndarray:
        """Which pairs are right, or score more than the margin below all right ones so far."""
        frame = pairs.select(["collection", "query_id", "label", "score"]).to_pandas()
        query = frame["collection"] + "\0" + frame["query_id"]
        right = frame["score"].where(frame["label"] > 0, np.inf)
        lowest = right.groupby(query).transform("min")
        name, score = self._last
        lowest = lowest.mask(query == name, lowest.clip(upper=score))
        if len(frame):
            self._last = query.iloc[-1], lowest.iloc[-1]
        return ((frame["label"] > 0) | (frame["score"] < lowest - margin)).to_numpy()
