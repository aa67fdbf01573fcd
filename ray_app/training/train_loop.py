"""Fine-tuning with DeepSpeed, one run after another, against a small worker context.

The loop knows its rank and where to leave checkpoints, not who started it.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any, Protocol

import deepspeed
import numpy as np
import torch
import torch.distributed as dist
from torch import nn
from transformers import AutoTokenizer, BatchEncoding

from clir import manifest, scratch
from clir.errors import InputError
from ray_app.models import base_models
from ray_app.models.encoding import Encoder
from ray_app.models.families import FAMILIES
from ray_app.training.batching import Batch, PairStream, made_ahead, tokenized
from ray_app.training.losses import LOSSES
from ray_app.training.runs import Run

_LOG_EVERY = 50  # steps between looks at the loss (a look waits for the device)


class Context(Protocol):
    """What the loop asks of its surroundings."""

    rank: int
    workers: int
    device: torch.device

    def checkpoint(self) -> Path | None:
        """The latest checkpoint of any run, on this machine, or None."""

    def report(self, metrics: dict[str, Any], checkpoint: Path | None) -> None:
        """Tell progress; all workers call it together, each with its own part of a checkpoint."""


def train_all(runs: list[Run], context: Context) -> None:
    """Train every run that is not finished yet."""
    if context.device.type == "cpu":
        # Its shared-memory collectives are compiled on first use, which takes minutes.
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
        torch.set_num_threads(runs[0].training.threads)
    deepspeed.init_distributed(
        dist_backend="nccl" if context.device.type == "cuda" else "gloo", verbose=False
    )
    for run in runs:
        if run.is_due():
            train(run, context)


def train(run: Run, context: Context) -> None:
    """Train one run from its latest checkpoint, or from the start, and save the model."""
    started = time.monotonic()
    network = _Network(run)
    engine = _engine(run, network, context)
    positives_only = run.model.learns_by.against == "batch"
    stream = PairStream(run.pairs, positives_only, run.without_domain, run.switch)
    first_step = _resume(run, engine, context)
    if context.rank == 0:
        steps = f"steps {first_step} to {run.model.steps}"
        print(f"{run.name}: {steps} on {stream.rows:,} pairs", flush=True)
    loss = torch.zeros(())
    pairs = stream.batches(
        first_step, run.model.steps, run.model.batch_size, context.rank, context.workers, run.seed
    )
    encode = Encoder(network.tokenizer, run.model.max_length)
    batches = made_ahead(pairs, lambda table: tokenized(table, network.family, encode))
    for step, batch in enumerate(batches, first_step + 1):
        # Draws of dropout hang on the step alone, so a resumed run draws the same.
        draw = (run.seed * 1_000_003 + step) * context.workers + context.rank
        torch.manual_seed(draw % 2**63)
        loss = engine(batch.to(context.device))
        engine.backward(loss)
        engine.step()
        if step % _LOG_EVERY == 0 or step == run.model.steps:
            _check_loss(run, step, loss.item())
        if step % run.training.checkpoint_every == 0 and step < run.model.steps:
            _save_checkpoint(run, step, loss.item(), engine, context)
    _save_model(run, network, loss.item(), time.monotonic() - started, context)
    engine.destroy()


class _Network(nn.Module):
    """A model with its tokenizer and loss: a batch in, the loss out."""

    def __init__(self, run: Run):
        super().__init__()
        self.settings, self.family = run.model, FAMILIES[run.model.family]
        self.loss = LOSSES[run.model.learns_by.name]
        if run.base is not None:
            self.model, self.tokenizer = self.family.load(base_models.folder_on(run.base))
        else:
            assert run.tokenizer is not None
            self.tokenizer = AutoTokenizer.from_pretrained(run.tokenizer)
            self.model = self.family.create(run.model, self.tokenizer, run.seed)

    def forward(self, batch: Batch) -> torch.Tensor:
        texts = tuple(self._partly_hidden(tokens) for tokens in batch.texts)
        return self.loss(self.family.outputs(self.model, texts), batch, self.settings)

    def _partly_hidden(self, tokens: BatchEncoding) -> BatchEncoding:
        """Some tokens hidden: a text must be found by whatever part of it is left."""
        if not self.settings.token_dropout:
            return tokens
        mask = tokens["attention_mask"]
        draws = torch.rand(mask.shape).to(mask.device)  # on the CPU: every device draws alike
        kept = mask * (draws >= self.settings.token_dropout)
        tokens["attention_mask"] = torch.where(kept.sum(1, keepdim=True) > 0, kept, mask)
        return tokens


def _engine(run: Run, network: _Network, context: Context) -> deepspeed.DeepSpeedEngine:
    training = run.training
    trained = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
    groups = [
        {
            "params": [p for name, p in trained if _decays(name)],
            "weight_decay": run.model.weight_decay,
        },
        {"params": [p for name, p in trained if not _decays(name)], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=run.model.learning_rate,
        fused=True,  # one pass over the weights: 4 times the speed on a CPU, too
    )
    warmup, steps = run.model.warmup_steps, run.model.steps

    def factor(step: int) -> float:
        """Linear warm-up, then linear decay to 0 at the last step."""
        return min((step + 1) / (warmup + 1), max(0.0, (steps - step) / max(1, steps - warmup)))

    bf16 = training.precision == "bf16" or (
        training.precision == "auto"
        and context.device.type == "cuda"
        and torch.cuda.is_bf16_supported()
    )
    bf16 = bf16 and run.model.kind.bf16
    engine, *_ = deepspeed.initialize(
        model=network,
        optimizer=optimizer,
        lr_scheduler=torch.optim.lr_scheduler.LambdaLR(optimizer, factor),
        config={
            "train_micro_batch_size_per_gpu": run.model.batch_size // context.workers,
            "gradient_accumulation_steps": 1,
            "gradient_clipping": run.model.gradient_clip,
            "zero_optimization": {"stage": training.zero_stage},
            "bf16": {"enabled": bf16},
            "zero_allow_untested_optimizer": True,
            "steps_per_print": 10**9,
        },
        dist_init_required=False,
    )
    return engine


def _decays(name: str) -> bool:
    """Weight decay is for matrices, not for biases, layer norms and the weights of tokens."""
    return not (name.endswith(("bias", "token_weight")) or "norm" in name.lower())


def _check_loss(run: Run, step: int, loss: float) -> None:
    if not np.isfinite(loss):
        raise InputError(
            f"{run.name}: the loss is {loss} at step {step}; lower training.learning_rate "
            "or set training.gradient_clip"
        )


def _save_checkpoint(
    run: Run, step: int, loss: float, engine: deepspeed.DeepSpeedEngine, context: Context
) -> None:
    """Every worker writes its part; the launcher keeps a checkpoint only when it has all parts."""
    folder = Path(tempfile.mkdtemp(prefix="checkpoint-", dir=scratch.folder()))
    engine.save_checkpoint(str(folder), tag="state", client_state={"step": step})
    note = {"run": run.name, "step": step, "origin": run.origin}
    (folder / "run.json").write_text(json.dumps(note))
    if run.workspace.hashes:
        manifest.list_files(folder, f"files.{context.rank}.json")
    dist.barrier()
    context.report({"run": run.name, "step": step, "loss": loss}, folder)
    shutil.rmtree(folder, ignore_errors=True)


def _resume(run: Run, engine: deepspeed.DeepSpeedEngine, context: Context) -> int:
    """Load the latest checkpoint if it is this run's; the step it was left at, or 0."""
    folder = context.checkpoint()
    if folder is None:
        return 0
    try:
        note = json.loads((folder / "run.json").read_text())
        if note["run"] != run.name or note["origin"] != run.origin:
            return 0
        manifest.check_files(folder, f"files.{context.rank}.json")  # each worker its own
    except (OSError, ValueError, KeyError, TypeError) as error:
        kept = run.workspace.kept(run.workspace.checkpoints)
        raise InputError(
            f"{run.name}: its checkpoint was damaged ({error}); delete {kept} and run again"
        ) from None
    _, state = engine.load_checkpoint(str(folder), tag="state")
    if context.rank == 0:
        print(f"{run.name}: resumed at step {state['step']}", flush=True)
    return int(state["step"])


def _save_model(run: Run, network: _Network, loss: float, seconds: float, context: Context) -> None:
    """Rank 0 writes the folder, which gets its name when it is whole; then all go on."""
    state = network.model.state_dict()
    if run.training.zero_stage == 3:  # every worker holds a part
        with deepspeed.zero.GatheredParameters(list(network.parameters()), modifier_rank=None):
            state = {k: v.detach().clone() for k, v in network.model.state_dict().items()}
    if context.rank == 0:
        counts = {"steps": run.model.steps, "final loss": round(loss, 4)}

        def write(folder: Path) -> dict[str, Any]:
            float_state = {key: value.float().cpu().contiguous() for key, value in state.items()}
            network.family.save(network.model, float_state, network.tokenizer, folder)
            return counts

        manifest.publish(run.workspace, run.folder, run.origin, write, seconds)
    dist.barrier()
    context.report({"run": run.name, "step": run.model.steps, "loss": loss}, None)
