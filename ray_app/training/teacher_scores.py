"""English pairs -> the same with a teacher's scores, by Ray Data: file by file, in order."""

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
        scored = 0
        with progress.stage("scoring pairs", len(files), "files") as told:
            for row in done.iter_rows():
                scored += row["pairs"]
                told.update(told.done + 1)
        return {"pairs": scored}

    manifest.build(workspace, *stage, write)
    return stage.folder


class _Scorer:
    """An actor that scores one file after another."""

    def __init__(self, teacher: Teacher, base: Base, out: Path):
        import torch  # it takes seconds to load, and the driver needs it not

        from ray_app.models.ranker import Ranker

        torch.set_num_threads(1)  # actors share the machine; each has one CPU
        folder, self.out = base_models.folder_on(base), out / "data"
        self.ranker = Ranker(
            "cross-encoder", folder, teacher.max_length, teacher.batch_size, teacher.precision
        )

    def __call__(self, batch: pa.Table) -> pa.Table:
        return pa.table({"pairs": [self._score(Path(f)) for f in batch["file"].to_pylist()]})

    def _score(self, file: Path) -> int:
        pairs = 0
        with writing(self.out / file.name) as out, pq.ParquetWriter(out, tables.PAIRS) as writer:
            for part in pq.ParquetFile(file).iter_batches(_ROWS, columns=tables.PAIRS.names):
                scores = self.ranker.score(part["query"], part["passage"])
                if not np.isfinite(scores).all():
                    raise InputError("teacher: it gives scores that are NaN or infinite")
                at = part.schema.get_field_index("score")
                part = part.set_column(at, "score", pa.array(scores.astype(np.float64)))
                writer.write_batch(part.cast(tables.PAIRS))
                pairs += len(part)
        return pairs
