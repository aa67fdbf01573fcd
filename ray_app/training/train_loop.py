"""Fine-tuning, one run after another, against a small worker context.

The loop knows neither who started it nor what takes its steps.
"""

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from clir import manifest, progress
from clir.errors import InputError
from ray_app.models.encoding import Encoder
from ray_app.training import checkpoints, model_cards
from ray_app.training.batching import PairStream, made_ahead, tokenized
from ray_app.training.context import Context
from ray_app.training.engines import Engine
from ray_app.training.events import Events
from ray_app.training.meter import Meter
from ray_app.training.network import Network
from ray_app.training.runs import Run

_LOOK_EVERY = 20  # steps between looks at the loss (a look waits for the device)


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
    fastest = network.fastest(context.device)
    engine = context.engine(run, network)
    # Who compares all pairs of a batch needs no wrong passages.
    by_itself = bool(network.teacher) and not run.model.kind.together
    positives_only = by_itself or run.model.learns_by.against == "batch"
    stream = PairStream(run.pairs, positives_only, run.without_domain, run.switch)
    first_step = checkpoints.resume(run, engine, context)
    encode = Encoder(network.tokenizer, run.model.max_length)
    # A step is so many batches.
    first, last = (step * run.model.accumulate for step in (first_step, run.model.steps))
    shares = stream.batches(
        first, last, run.model.batch_size, context.rank, context.workers, run.seed
    )
    batches = Meter(
        made_ahead(shares, lambda share: tokenized(share, network.family, encode, run.model))
    )
    told_in = run.workspace.tensorboard / run.name if context.rank == 0 else None
    with Events(told_in, fastest) as events:
        loss = _learn(run, context, engine, batches, first, stage, events)
    _save_model(run, network, engine.weights(), loss, started, context)
    stage.result = f"{run.model.steps:,} steps, loss {loss:.3f}, {batches.work}"
    engine.end()


def _learn(
    run: Run,
    context: Context,
    engine: Engine,
    batches: Meter,
    first: int,
    stage: progress.Stage,
    events: Events,
) -> float:
    """Take the steps of batches, which are numbered from ``first`` on; the last one's loss."""
    loss, steps = torch.zeros(()), run.model.steps
    for number, batch in enumerate(batches, first + 1):
        # Draws of dropout hang on the batch alone, so a resumed run draws the same.
        draw = (run.seed * 1_000_003 + number) * context.workers + context.rank
        torch.manual_seed(draw % 2**63)
        loss = engine.learn(batch.to(context.device))
        step, more = divmod(number, run.model.accumulate)
        if more:
            continue
        if step % _LOOK_EVERY == 0 or step == steps:
            _check_loss(run, step, loss.item(), context.rank)
            events.look(step, loss.item(), batches.work)
        if stage.is_due():
            stage.update(step, facts=f"loss {loss.item():.3f}, {batches.work}")
        if step % run.training.checkpoint_every == 0 and step < steps:
            with checkpoints.saved(run, step, engine, context) as folder:
                context.wait_for_all()
                context.report({"run": run.name, "step": step, "loss": loss.item()}, folder)
    return loss.item()


def _check_loss(run: Run, step: int, loss: float, rank: int) -> None:
    if not np.isfinite(loss):
        raise InputError(
            f"{run.name}: the loss is {loss} at step {step} (worker {rank}); lower "
            "training.learning_rate or set training.gradient_clip"
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
