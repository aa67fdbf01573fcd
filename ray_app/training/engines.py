"""What takes a network's steps: DeepSpeed, over all workers, or torch alone, in one process."""

from pathlib import Path
from typing import Protocol

import torch
from torch import nn
from transformers import get_linear_schedule_with_warmup

from ray_app.training.batching import Batch
from ray_app.training.network import Network
from ray_app.training.runs import Run

_STATE = "state.pt"


class Engine(Protocol):
    """A network under training."""

    def learn(self, batch: Batch) -> torch.Tensor:
        """Add a batch's gradient; with the last batch of a step, take it. The loss before it."""

    def save(self, folder: Path, step: int) -> None:
        """Write what ``load`` goes on from: all workers together, each its part."""

    def load(self, folder: Path) -> int:
        """Go on from what was saved; the step it was left at."""

    def weights(self) -> dict[str, torch.Tensor]:
        """The model's, whole: fp32 on the CPU. All workers ask together."""

    def end(self) -> None:
        """Free what was taken."""


class DeepSpeed:
    """Over all workers, with its ZeRO stages; the process group is there already."""

    def __init__(self, run: Run, network: Network, workers: int, device: torch.device):
        import deepspeed  # who trains by torch alone may not have it

        self.network, self.stage = network, run.training.zero_stage
        optimizer, scheduler = _optimizer(run, network)
        self.engine, *_ = deepspeed.initialize(
            model=network,
            optimizer=optimizer,
            lr_scheduler=scheduler,
            config={
                "train_micro_batch_size_per_gpu": run.model.batch_size // workers,
                "gradient_accumulation_steps": run.model.accumulate,
                "gradient_clipping": run.model.gradient_clip,
                "zero_optimization": {"stage": self.stage},
                "zero_allow_untested_optimizer": True,
                "steps_per_print": 10**9,
            },
            dist_init_required=False,
        )

    def learn(self, batch: Batch) -> torch.Tensor:
        loss = self.engine(batch)
        self.engine.backward(loss)
        self.engine.step()  # of every batch but a step's last, it only counts
        return loss

    def save(self, folder: Path, step: int) -> None:
        self.engine.save_checkpoint(str(folder), tag="state", client_state={"step": step})

    def load(self, folder: Path) -> int:
        _, state = self.engine.load_checkpoint(str(folder), tag="state")
        return int(state["step"])

    def weights(self) -> dict[str, torch.Tensor]:
        if self.stage < 3:
            return _whole(self.network.model)
        import deepspeed

        parameters = list(self.network.parameters())  # every worker holds a part
        with deepspeed.zero.GatheredParameters(parameters, modifier_rank=None):
            return _whole(self.network.model)

    def end(self) -> None:
        self.engine.destroy()


class Torch:
    """In one process, by torch alone."""

    def __init__(self, run: Run, network: Network, device: torch.device):
        self.network, self.device = network.to(device), device
        self.clip, self.accumulate, self.added = run.model.gradient_clip, run.model.accumulate, 0
        self.optimizer, self.scheduler = _optimizer(run, network)

    def learn(self, batch: Batch) -> torch.Tensor:
        loss: torch.Tensor = self.network(batch)
        (loss / self.accumulate).backward()
        self.added += 1
        if self.added == self.accumulate:
            self._step()
            self.added = 0
        return loss

    def _step(self) -> None:
        trained = [p for p in self.network.parameters() if p.requires_grad]
        for p in trained:  # what takes no part decays all the same, as with DeepSpeed
            p.grad = torch.zeros_like(p) if p.grad is None else p.grad
        if self.clip:
            # The norm as DeepSpeed sums it; torch's own rounds otherwise, and Adam enlarges that.
            gradients = [p.grad for p in trained if p.grad is not None]
            norm = torch.stack([gradient.norm() for gradient in gradients]).pow(2).sum().pow(0.5)
            nn.utils.clip_grads_with_norm_(self.network.parameters(), self.clip, norm)
        self.optimizer.step()
        self.scheduler.step()
        self.optimizer.zero_grad(set_to_none=True)

    def save(self, folder: Path, step: int) -> None:
        state = {
            "step": step,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
        }
        torch.save(state, folder / _STATE)

    def load(self, folder: Path) -> int:
        state = torch.load(folder / _STATE, self.device, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scheduler.load_state_dict(state["scheduler"])
        return int(state["step"])

    def weights(self) -> dict[str, torch.Tensor]:
        return _whole(self.network.model)

    def end(self) -> None:
        """Nothing was taken."""


def _whole(model: nn.Module) -> dict[str, torch.Tensor]:
    state = model.state_dict().items()
    return {name: value.detach().float().cpu().clone() for name, value in state}


def _optimizer(
    run: Run, network: Network
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """AdamW, and what changes its rate from step to step."""
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
    return optimizer, scheduler_of(optimizer, run.model.warmup_steps, run.model.steps)


def scheduler_of(
    optimizer: torch.optim.Optimizer, warmup: int, steps: int
) -> torch.optim.lr_scheduler.LRScheduler:
    """A linear warm-up to the optimizer's rate, then linear decay, to 0 after the last step."""
    for group in optimizer.param_groups:
        group["initial_lr"] = group["lr"]
    # Begun at its step 1, because its step 0 has a rate of 0 and would teach nothing.
    return get_linear_schedule_with_warmup(optimizer, warmup + 1, steps + 1, last_epoch=0)


def _decays(name: str) -> bool:
    """Weight decay is for matrices, not for biases, layer norms and the weights of tokens."""
    return not (name.endswith(("bias", "token_weight")) or "norm" in name.lower())
