"""The Ray cluster that a job runs on."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

import ray

from clir import progress, scratch
from clir.errors import InputError, in_a_line

# Joins or starts the cluster when first called; what is up to date never calls it.
Connect = Callable[[], None]

# For the processes of a local cluster, which inherit them: a worker's prints come once and plain.
_PLAIN = {"RAY_TRAIN_ENABLE_PRINT_PATCH": "0", "RAY_COLOR_PREFIX": "0"}


@contextmanager
def connection() -> Iterator[Connect]:
    """The cluster that RAY_ADDRESS names (``ray job submit`` sets it), or a local one.

    A cluster started here is no other's: it does not join one that runs on this machine, nor can
    others take it for theirs. It ends with the block; one that was joined goes on.
    """
    with ExitStack() as block:

        def connect() -> None:
            if not ray.is_initialized():
                block.enter_context(_connected())

        yield connect


@contextmanager
def _connected() -> Iterator[None]:
    for name, value in _PLAIN.items():
        os.environ.setdefault(name, value)
    try:
        own: AbstractContextManager[dict[str, Any]]
        own = _own_place() if _is_local() else nullcontext({})
        with progress.stage("starting Ray"), own as place:
            ray.init(**place)
    except ConnectionError as error:
        address = os.environ.get("RAY_ADDRESS")
        raise InputError(f"RAY_ADDRESS {address}: no cluster there: {in_a_line(error)}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _is_local() -> bool:
    return os.environ.get("RAY_ADDRESS", "local") in ("", "local")


@contextmanager
def _own_place() -> Iterator[dict[str, Any]]:
    """How a cluster of our own is started; its processes are told where it is.

    Some of Ray Train's look for the one cluster of this machine, and there may be others.
    """
    with socket.socket() as free:
        free.bind(("", 0))
        port = free.getsockname()[1]
    told = {
        "RAY_GCS_SERVER_PORT": str(port),
        "RAY_ADDRESS": f"{ray.util.get_node_ip_address()}:{port}",
    }
    before = {name: os.environ.get(name) for name in told}
    os.environ.update(told)
    try:
        yield {"address": "local", "_temp_dir": str(scratch.short_folder() / "ray")}
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
