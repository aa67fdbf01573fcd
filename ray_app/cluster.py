"""The Ray cluster that a job runs on."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import ray


@contextmanager
def connected() -> Iterator[None]:
    """Join the cluster that RAY_ADDRESS names (``ray job submit`` sets it), or start a local one.

    A cluster started here ends with the block; one that was joined goes on.
    """
    ray.init(logging_level=logging.WARNING, include_dashboard=False)
    try:
        yield
    finally:
        ray.shutdown()
