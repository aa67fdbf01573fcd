"""The Ray cluster that a job runs on."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

import ray

# For the processes of a local cluster, which inherit them: a worker's prints come once and plain.
_QUIET = {"RAY_TRAIN_ENABLE_PRINT_PATCH": "0", "RAY_COLOR_PREFIX": "0"}


@contextmanager
def connected() -> Iterator[None]:
    """Join the cluster that RAY_ADDRESS names (``ray job submit`` sets it), or start a local one.

    A cluster started here ends with the block; one that was joined goes on.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    # A local cluster asks for a token, by default and rightly; that needs no warning.
    logging.getLogger("ray._private.authentication").setLevel(logging.ERROR)
    ray.init(logging_level=logging.WARNING)
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    try:
        yield
    finally:
        ray.shutdown()
