"""The learning rate from step to step, and steps of several batches, in one process."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from ray_app.training.engines import Torch, scheduler_of


def started(warmup, steps):
    """An optimizer whose rate is 1 but for its schedule, and the schedule."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    return optimizer, scheduler_of(optimizer, warmup, steps)


def rates(optimizer, scheduler, steps):
    """The rate of each of the next steps."""
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def test_every_step_has_a_rate_above_0_and_the_rate_after_the_last_one_is_0():
    optimizer, scheduler = started(2, 5)
    assert rates(optimizer, scheduler, 6) == pytest.approx([1 / 3, 2 / 3, 1, 2 / 3, 1 / 3, 0])
    assert rates(*started(0, 1), 1) == [1]
    assert rates(*started(3, 2), 2) == [1 / 4, 2 / 4]  # training ends during the warm-up


def test_a_resumed_schedule_goes_on_with_the_rate_it_would_have_had():
    whole = rates(*started(3, 9), 9)
    optimizer, scheduler = started(3, 9)
    rates(optimizer, scheduler, 4)
    saved = optimizer.state_dict(), scheduler.state_dict()
    optimizer, scheduler = started(3, 9)
    optimizer.load_state_dict(saved[0])
    scheduler.load_state_dict(saved[1])
    assert rates(optimizer, scheduler, 5) == whole[4:]


class Sum(nn.Module):
    """A network whose loss is its weight times what comes in."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(1.0))

    def forward(self, batch):
        return self.weight * batch


def engine(accumulate):
    model = SimpleNamespace(accumulate=accumulate, gradient_clip=0.0, weight_decay=0.0,
                            learning_rate=0.1, warmup_steps=0, steps=10)  # fmt: skip
    return Torch(SimpleNamespace(model=model), Sum(), torch.device("cpu"))


def test_a_step_takes_the_mean_gradient_of_several_batches():
    whole, parts = engine(1), engine(2)
    for of_step in ([1.0, 3.0], [-5.0, 1.0], [2.0, 8.0]):
        before = parts.network.weight.item()
        whole.learn(torch.tensor(of_step).mean())
        parts.learn(torch.tensor(of_step[0]))
        assert parts.network.weight.item() == before  # the step is not taken yet
        parts.learn(torch.tensor(of_step[1]))
        assert parts.network.weight.item() == whole.network.weight.item() != before
