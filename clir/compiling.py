"""Loops over numbers and bytes, compiled by Numba the first time they run.

What was compiled is kept beside the sources, or else in the user's cache folder, so that the next
process loads it in half a second. Compiled functions let other threads run.
"""

import hashlib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from numba import njit
from numba.core import config

Function = TypeVar("Function", bound=Callable[..., object])
_SOURCES = Path(__file__).parent
_NUMBA: Any = config  # a module that makes its names when it is imported


def compiled(function: Function) -> Function:
    """Compile a function of numbers and NumPy arrays."""
    own = _NUMBA.CACHE_DIR  # the user's wish goes first
    _NUMBA.CACHE_DIR = own or _folder()
    result: Any
    try:
        result = njit(cache=True, nogil=True)(function)
    except RuntimeError:  # no folder to keep it in: a container whose disk is read-only
        result = njit(nogil=True)(function)
    finally:
        _NUMBA.CACHE_DIR = own
    return result


@cache
def _folder() -> str:
    """Where is kept what was compiled from these very sources.

    Numba looks whether a function's own file has changed, but not those of the functions it calls.
    So all files with compiled functions give the folder its name. Empty where the sources lie in a
    zip: Numba looks whether that has changed.
    """
    if not _SOURCES.is_dir():
        return ""
    contents = (path.read_bytes() for path in sorted(_SOURCES.rglob("*.py")))
    state = hashlib.sha256()
    for content in contents:
        if b"@compiled" in content:
            state.update(content)
    name = f"clir-{state.hexdigest()[:12]}"
    beside = _SOURCES / "__pycache__"
    if os.access(beside if beside.exists() else _SOURCES, os.W_OK):
        return str(beside / name)
    return str(Path.home() / ".cache" / name)
