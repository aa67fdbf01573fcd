import gzip
import tempfile
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clir.errors import InputError
from clir.text import lines
from clir.text.lines import read_blocks


def read(path, start=0, end=None):
    return [line for block in read_blocks(path, start, end) for line in block.lines.to_pylist()]


def numbered(path):
    return [
        (int(number), line)
        for block in read_blocks(path)
        for number, line in zip(block.numbers, block.lines.to_pylist(), strict=True)
    ]


texts = st.text(st.sampled_from('ab\t"\n\r é狗'), max_size=60)


@given(
    text=texts,
    cuts=st.lists(st.integers(0, 200), max_size=5),
    block=st.integers(1, 40),
    mark=st.sampled_from(["", "\ufeff"]),
)
@example(text="a\nb\n", cuts=[2], block=1, mark="")  # a cut just behind a line's end
@example(text="a\nbbbbbb\nc", cuts=[3, 5], block=2, mark="")  # two cuts in one line
@example(text="a\nb\nc", cuts=[1, 2, 4, 6], block=3, mark="\ufeff")  # cuts in the mark
@example(text="\n\na", cuts=[2, 4], block=1, mark="\ufeff")
def test_any_cut_into_ranges_gives_the_same_lines(text, cuts, block, mark):
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "BLOCK_BYTES", block)
        path = Path(folder) / "lines"
        data = (mark + text).encode()
        path.write_bytes(data)
        expected = [
            (number, line.removesuffix("\r"))
            for number, line in enumerate(text.split("\n"), 1)
            if line.strip(" \t\r")
        ]
        assert numbered(path) == expected
        marks = sorted({0, *(cut for cut in cuts if cut < len(data)), len(data)})
        parts = [read(path, *ends) for ends in pairwise(marks)]
        assert [line for part in parts for line in part] == [line for _, line in expected]


def test_only_a_newline_ends_a_line_and_a_mark_is_one_only_where_the_file_begins(tmp_path):
    path = tmp_path / "lines.gz"
    path.write_bytes(gzip.compress("\ufeffa\u2028b\x85c\x0bd\x1ce\rf\r\n\ufeffg\n".encode()))
    assert numbered(path) == [(1, "a\u2028b\x85c\x0bd\x1ce\rf"), (2, "\ufeffg")]
    path = tmp_path / "lines"
    path.write_bytes(b"\xef\xbb\xbf\n\n1\t2\n3\n")
    with pytest.raises(InputError, match=r"lines:4: expected two$"):
        for block in read_blocks(path, 6):
            block.cells(2, "two")
    path.write_bytes(b"\xef\xbb\xbf")
    assert read(path) == []


def test_packed_files_and_damaged_ones(tmp_path):
    path = tmp_path / "lines.gz"
    packed = gzip.compress(b"".join(b"%d\n" % n for n in range(5000)))
    path.write_bytes(packed)
    assert read(path) == [str(n) for n in range(5000)]
    for damaged in (packed[:-20], packed[:2000] + b"x" * 50 + packed[2050:], b"plain\n"):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"lines\.gz: cannot be read to its end"):
            read(path)
    with pytest.raises(InputError, match="nowhere: no such file"):
        read(tmp_path / "nowhere")


def test_places_in_errors_are_those_in_the_whole_file(tmp_path):
    """Also where a task reads a range that begins in the midst of it."""
    path = tmp_path / "rows.tsv"
    path.write_bytes(b"1\tx\n\n2\ty\n3\tz\tzz\n4\t\xff\n5\tv\n")
    with pytest.raises(InputError, match=r"rows\.tsv:5: not UTF-8"):
        read(path)
    for start, end in ((0, 15), (5, 15), (9, 10), (8, 12)):
        with pytest.raises(InputError, match=r"rows\.tsv:4: expected two$"):
            for block in read_blocks(path, start, end):
                block.cells(2, "two")
    with pytest.raises(InputError, match=r"rows\.tsv:5: not UTF-8"):
        read(path, 12)
    assert read(path, 0, 9) == ["1\tx", "2\ty"]


def test_cells_between_tabs_and_between_blanks(tmp_path):
    path = tmp_path / "rows"
    path.write_text('1\t"a\tb c\r\n 2 \t\t3\n')
    (block,) = read_blocks(path)
    assert [cell.to_pylist() for cell in block.cells(3, "three")] == [
        ["1", " 2 "], ['"a', ""], ["b c", "3"],
    ]  # fmt: skip
    path.write_text(" 7  0\td1 -2\n8\t0\td2\t1 \r\n")
    (block,) = read_blocks(path)
    query, _, doc, grade = block.cells(4, "four", tabs=False)
    assert (query.to_pylist(), doc.to_pylist()) == (["7", "8"], ["d1", "d2"])
    assert block.integers(grade, "a number").to_pylist() == [-2, 1]
    with pytest.raises(InputError, match=r"rows:1: expected a number$"):
        block.integers(doc, "a number")
    with pytest.raises(InputError, match=r"rows:1: expected a number$"):
        block.reals(doc, "a number")
