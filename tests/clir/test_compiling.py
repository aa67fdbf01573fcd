"""Compiled loops: where they are kept, and that what is kept is never stale."""

import os
import subprocess
import sys
from pathlib import Path

from clir.compiling import compiled

ROOT = Path(__file__).parents[2]


def test_what_cannot_be_kept_is_compiled_all_the_same():
    names = {"compiled": compiled}
    exec("@compiled\ndef add(a, b):\n    return a + b\n", names)  # of no file to keep it beside
    assert names["add"](1, 2) == 3
    assert names["add"].stats.cache_path is None


def test_no_index_is_out_of_bounds(tmp_path):
    """Compiled loops do not look; here, where they do, what tests them passes all the same."""
    checked = {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    files = ("switching/test_switcher.py", "switching/test_term_index.py", "text/test_words.py")
    tests = [str(Path(__file__).parent / file) for file in files]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
        env=os.environ | checked,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:]


def test_what_was_compiled_from_other_sources_is_not_used(tmp_path):
    """Not even where only a function has changed that the kept one calls, in another file."""
    package = tmp_path / "clir"
    package.mkdir()
    for name in ("__init__.py", "compiling.py"):
        (package / name).write_text((ROOT / "clir" / name).read_text())
    callee = "from clir.compiling import compiled\n@compiled\ndef add(a):\n    return a + {}\n"
    caller = "from clir.callee import add\nfrom clir.compiling import compiled\n"
    (package / "caller.py").write_text(caller + "@compiled\ndef twice(a):\n    return 2 * add(a)\n")
    code = "from clir.caller import twice; print(twice(1), dict(twice.stats.cache_hits))"
    said = []
    for number in (1, 1, 20):
        (package / "callee.py").write_text(callee.format(number))
        done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True,
                              text=True, env={"PATH": "/usr/bin"})  # fmt: skip
        assert done.returncode == 0, done.stderr
        said.append(done.stdout)
    assert said[0] == "4 {}\n" and said[1].startswith("4 {(") and said[2] == "42 {}\n"
