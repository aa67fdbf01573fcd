"""Loops over bytes and words, compiled by Numba the first time they run.

What was compiled is kept beside the module, or else in the user's cache folder, so the next process
loads it in half a second. Compiled functions let other threads run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """Compile a function of numbers and NumPy arrays."""
    result: Any
    try:
        result = njit(cache=True, nogil=True)(function)
    except RuntimeError:  # no folder to keep it in: a container whose disk is read-only
        result = njit(nogil=True)(function)
    return result
