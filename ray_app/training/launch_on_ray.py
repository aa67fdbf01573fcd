"""The one place that knows Ray Train: workers, retries, and where checkpoints live."""

from __future__ import annotations

import os
import tempfile
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.fs
import ray
import ray.train
import torch.distributed
from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchConfig, TorchTrainer, get_device

from clir import progress, scratch
from clir.experiment import Experiment
from ray_app.cluster import Connect
from ray_app.training.runs import Run, train_due

if TYPE_CHECKING:
    from ray_app.training.engines import Engine
    from ray_app.training.network import Network


def train(connect: Connect, experiment: Experiment) -> list[Run]:
    """Train every run of the experiment that is not finished; all runs, finished now.

    One group of workers trains them one after another: starting workers takes longer than
    training a small model. A killed worker is replaced and its run resumed; a killed driver's
    next start resumes from the checkpoints in the output folder.
    """
    return train_due(experiment, partial(_launch, connect, experiment))


def _launch(connect: Connect, experiment: Experiment, runs: list[Run], kept: Path) -> None:
    workspace, training = experiment.workspace, experiment.training
    connect()
    use_gpu = ray.cluster_resources().get("GPU", 0) > 0
    workers: Any = training.workers
    if training.min_workers:
        workers = training.min_workers, training.workers
    with workspace.piece(workspace.checkpoints) as piece:
        told = piece / "progress"
        trainer = TorchTrainer(
            _worker,
            train_loop_config={"runs": runs, "told": told},
            torch_config=TorchConfig(backend="nccl" if use_gpu else "gloo"),
            scaling_config=ScalingConfig(
                num_workers=workers,
                use_gpu=use_gpu,
                resources_per_worker={"CPU": 1} | ({"GPU": 1} if use_gpu else {}),
            ),
            run_config=RunConfig(
                name="training",
                storage_path=str(kept),
                storage_filesystem=pyarrow.fs.LocalFileSystem(),  # the path is a path, and no URI
                failure_config=FailureConfig(max_failures=training.max_failures),
                checkpoint_config=CheckpointConfig(num_to_keep=training.checkpoints_kept),
            ),
        )
        with progress.stage("training"), progress.relayed(told):  # it begins with starting workers
            trainer.fit()


def _worker(config: dict[str, Any]) -> None:
    if get_device().type == "cpu":
        os.environ.setdefault("DS_ACCELERATOR", "cpu")  # else DeepSpeed warns that it found no GPU
        # The model needs the cores; texts are tokenized beside it by one thread.
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # Not above: the controller reads this module too, and would load DeepSpeed for nothing.
    import deepspeed

    from ray_app.training.train_loop import train_all

    # Its shared-memory collectives are compiled on first use, which takes minutes.
    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    backend = "nccl" if get_device().type == "cuda" else "gloo"
    deepspeed.init_distributed(dist_backend=backend, verbose=False)
    context = _RayContext()
    # What the first one says is enough.
    with progress.sent_to(config["told"]) if context.rank == 0 else nullcontext():
        train_all(config["runs"], context)


class _RayContext:
    """``Context`` by Ray Train."""

    def __init__(self) -> None:
        context = ray.train.get_context()
        self.rank = context.get_world_rank()
        self.workers = context.get_world_size()
        self.device = get_device()

    def engine(self, run: Run, network: Network) -> Engine:
        from ray_app.training.engines import DeepSpeed  # see above

        return DeepSpeed(run, network, self.workers, self.device)

    def checkpoints(self) -> list[Path]:
        if (latest := ray.train.get_checkpoint()) is None:
            return []
        # Where they lie: Ray's copy is one for all workers of a machine, and one that comes late
        # writes it again while others read it. By a link, as DeepSpeed takes a path for a pattern.
        links, newest = Path(tempfile.mkdtemp(dir=scratch.folder())), Path(latest.path)
        kept = [path for path in newest.parent.glob("checkpoint_*") if path.name <= newest.name]
        for path in kept:
            (links / path.name).symlink_to(path)
        return sorted(links.iterdir(), reverse=True)

    def report(self, metrics: dict[str, Any], checkpoint: Path | None) -> None:
        kept = ray.train.Checkpoint.from_directory(checkpoint) if checkpoint else None
        ray.train.report(metrics, checkpoint=kept)

    def wait_for_all(self) -> None:
        torch.distributed.barrier()

    def all_say(self, yes: bool) -> bool:
        said = torch.tensor(int(yes), device=self.device)
        torch.distributed.all_reduce(said, torch.distributed.ReduceOp.MIN)
        return bool(said)
