"""The learning rate from step to step, without an engine."""

import pytest
import torch

from ray_app.training.engines import scheduler_of


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
