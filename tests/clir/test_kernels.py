"""Compiled loops: where they are kept, and that what is kept is never stale."""

import importlib
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

from numba.core.dispatcher import Dispatcher

import clir
from clir.kernels import compiled


def test_what_cannot_be_kept_is_compiled_all_the_same():
    names = {"compiled": compiled}
    exec("@compiled\ndef add(a, b):\n    return a + b\n", names)  # of no file to keep it beside
    assert names["add"](1, 2) == 3
    assert names["add"].stats.cache_path is None


def test_no_index_is_out_of_bounds(tmp_path):
    """Compiled loops do not look; here, where they do, what tests them passes all the same."""
    checked = {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    tests = [str(Path(__file__).with_name(f"test_{name}.py")) for name in ("switching", "words")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
        env=os.environ | checked,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:]


def test_compiled_functions_call_none_of_another_file():
    """Numba would keep the caller, with the callee in it, when the callee's file changes."""
    found = 0
    for module in pkgutil.iter_modules(clir.__path__):
        names = vars(importlib.import_module(f"clir.{module.name}"))
        for function in (each for each in names.values() if isinstance(each, Dispatcher)):
            for name in function.py_func.__code__.co_names:
                callee = function.py_func.__globals__.get(name)
                if isinstance(callee, Dispatcher):
                    assert callee.__module__ == function.__module__, f"{function} calls {name}"
                    found += 1
    assert found > 10
