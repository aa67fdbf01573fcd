"""Look-up tables that were damaged on disk are refused when they are opened."""

import numpy as np
import pytest

from clir.errors import InputError
from clir.lexicons.entries import entry_table, ranked
from clir.switching.switcher import Switcher
from clir.switching.term_index import TermIndex


@pytest.fixture
def saved(tmp_path):
    entries = [("dog", "Hund"), ("hot dog", "Bockwurst"), ("C++", "Programmiersprache")]
    table = ranked(entry_table("en", "de", *zip(*entries, strict=True)))
    Switcher(table, ["de"], max_words=3).save(tmp_path / "method" / "de")
    return tmp_path / "method" / "de"


def change(file, place, value):
    array = np.load(file)
    array.reshape(-1)[place] = value
    np.save(file, array)


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [
        ("rows", 0, 1_000_000),
        ("rows", 0, -2),
        ("rows", slice(None), 0),  # no empty slot: a look-up would go round for ever
        ("phrase_rows", 0, 5),
        ("languages", 0, 9),
        ("spread", 0, 200),
        ("first", 1, 1_000_000),
        ("first", 1, -5),
        ("target_offsets", 1, 1 << 40),
        ("target_offsets", -1, 3),
        ("target_bytes", 0, 0xFF),
        ("phrase_longest", 0, 100),
        ("phrase_longest", 0, 1),
        ("phrase_longest", 0, -3),
        ("spread", slice(None), 0),
        ("longest", 0, -1),
    ],
)
def test_places_beyond_an_array_are_refused(saved, name, place, value):
    change(saved / f"{name}.npy", place, value)
    with pytest.raises(InputError, match=r"method/de: .*damaged.*delete the folder .*method "):
        TermIndex.open(saved)


@pytest.mark.parametrize("name", TermIndex._fields)
def test_arrays_that_are_cut_or_of_another_kind_or_gone_are_refused(saved, name):
    file = saved / f"{name}.npy"
    array, whole = np.load(file), file.read_bytes()
    damaged = [whole[: len(whole) // 2], whole[:3], b"", b"no array at all"]
    for data in damaged:
        file.write_bytes(data)
        with pytest.raises(InputError, match="damaged"):
            TermIndex.open(saved)
    for other in (array.astype(np.float32), array.reshape(1, -1)):
        np.save(file, other)
        with pytest.raises(InputError, match="damaged"):
            TermIndex.open(saved)
    file.unlink()
    with pytest.raises(InputError, match="damaged"):
        TermIndex.open(saved)
