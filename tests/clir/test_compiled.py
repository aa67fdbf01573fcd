"""Kernels run also where nothing can be kept: such code has no file to keep it beside."""

from clir.compiled import compiled


def test_what_cannot_be_kept_is_compiled_all_the_same():
    names = {"compiled": compiled}
    exec("@compiled\ndef add(a, b):\n    return a + b\n", names)
    assert names["add"](1, 2) == 3
    assert names["add"].stats.cache_path is None
