"""Fine-tuning, one run after another, against a small worker context.

The loop knows its rank and where to leave checkpoints, not who started it nor what takes its steps.
"""

import time
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from clir import manifest, progress
from clir.errors import InputError
from ray_app.models.encoding import Encoder
from ray_app.training import checkpoints, model_cards
from ray_app.training.batching import PairStream, made_ahead, tokenized
from ray_app.training.engines import Engine
from ray_app.training.network import Network
from ray_app.training.runs import Run

_LOG_EVERY = 50  # steps between looks at the loss (a look waits for the device)


class Context(Protocol):
    """What the loop asks of its surroundings."""

    rank: int
    workers: int
    device: torch.device

    def engine(self, run: Run, network: Network) -> Engine:
        """What takes the steps of a run."""

    def checkpoint(self) -> Path | None:
        """The latest checkpoint of any run, on this machine, or None."""

    def report(self, metrics: dict[str, Any], checkpoint: Path | None) -> None:
        """Tell progress; all workers call it together, each with its own part of a checkpoint."""

    def wait_for_all(self) -> None:
        """Until every worker is here."""


def train_all(runs: list[Run], context: Context) -> None:
    """Train every run that is not finished yet."""
    if context.device.type == "cpu":
        torch.set_num_threads(runs[0].training.threads)
    for run in runs:
        if run.is_due():
            name = run.workspace.name(run.folder)
            with progress.stage(name, run.model.steps, "steps") as stage:
                _train(run, context, stage)


def _train(run: Run, context: Context, stage: progress.Stage) -> None:
    """Train one run from its latest checkpoint, or from the start, and save the model."""
    started = time.monotonic()
    network = Network(run)
    if not run.model.steps:  # the base is ranked with as it comes
        _save_model(run, network, network.model.state_dict(), 0.0, started, context)
        return
    engine = context.engine(run, network)
    # Who learns from itself, or tells pairs of a batch from each other, needs no wrong passages.
    positives_only = bool(network.teacher) or run.model.learns_by.against == "batch"
    stream = PairStream(run.pairs, positives_only, run.without_domain, run.switch)
    first_step = checkpoints.resume(run, engine, context.checkpoint(), context.rank)
    loss = torch.zeros(())
    shares = stream.batches(
        first_step, run.model.steps, run.model.batch_size, context.rank, context.workers, run.seed
    )
    encode = Encoder(network.tokenizer, run.model.max_length)
    batches = made_ahead(shares, lambda share: tokenized(share, network.family, encode, run.model))
    stepping = time.monotonic()

    def told(step: int) -> str:
        rate = (step - first_step) * run.model.batch_size / (time.monotonic() - stepping)
        return f"loss {loss.item():.3f}, {rate:,.0f} pairs/s"

    for step, batch in enumerate(batches, first_step + 1):
        # Draws of dropout hang on the step alone, so a resumed run draws the same.
        draw = (run.seed * 1_000_003 + step) * context.workers + context.rank
        torch.manual_seed(draw % 2**63)
        loss = engine.step(batch.to(context.device))
        if step % _LOG_EVERY == 0 or step == run.model.steps:
            _check_loss(run, step, loss.item())
        if stage.is_due():
            stage.update(step, facts=told(step))
        if step % run.training.checkpoint_every == 0 and step < run.model.steps:
            with checkpoints.saved(run, step, engine, context.rank) as folder:
                context.wait_for_all()
                context.report({"run": run.name, "step": step, "loss": loss.item()}, folder)
    facts = told(run.model.steps)
    _save_model(run, network, engine.weights(), loss.item(), started, context)
    stage.result = f"{run.model.steps:,} steps, {facts}"
    engine.end()


def _check_loss(run: Run, step: int, loss: float) -> None:
    if not np.isfinite(loss):
        raise InputError(
            f"{run.name}: the loss is {loss} at step {step}; lower training.learning_rate "
            "or set training.gradient_clip"
        )


def _save_model(
    run: Run,
    network: Network,
    weights: dict[str, torch.Tensor],
    loss: float,
    started: float,
    context: Context,
) -> None:
    """Rank 0 writes the folder, which gets its name when it is whole; then all go on."""
    if context.rank == 0:

        def write(folder: Path) -> dict[str, Any]:
            network.family.save(network.model, weights, network.tokenizer, run.model, folder)
            (folder / "README.md").write_text(model_cards.card(run), encoding="utf-8")
            return {"steps": run.model.steps, "final loss": round(loss, 4)}

        seconds = time.monotonic() - started
        manifest.publish(run.workspace, run.folder, run.origin, write, seconds)
    context.wait_for_all()
    context.report({"run": run.name, "step": run.model.steps, "loss": loss}, None)
