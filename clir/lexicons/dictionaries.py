"""Dictionaries: files of two columns, a term and its translation."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from clir.errors import InputError
from clir.languages import LANGUAGES
from clir.lexicons.entries import entry_table, ranked
from clir.text.lines import Block, read_blocks


def dictionaries_in(folder: Path) -> dict[str, Path]:
    """The dictionaries from English in a folder, by language. InputError where there is none."""
    if not folder.is_dir():
        raise InputError(f"{folder}: lexicons.dictionary must be a folder of en-XX.tsv files")
    paths = {code: path for code in LANGUAGES if (path := _dictionary(folder, code))}
    if not paths:
        raise InputError(
            f"{folder}: no dictionary in it; they are called en-XX.tsv or en-XX.txt, perhaps .gz"
        )
    return paths


def read_dictionary(path: Path, target_lang: str) -> pa.Table:
    """A dictionary from English as a lexicon, ranked by order of lines.

    A line is a term and its translation with a tab between or, in a file that has no tab at all (as
    MUSE's), a blank. InputError with file and line for one that has not exactly these two.
    """
    blocks = list(read_blocks(path))
    if not blocks:
        raise InputError(f"{path}: no entries in it")
    tabs = any(pc.any(pc.match_substring(block.lines, "\t")).as_py() for block in blocks)
    between = "<TAB>" if tabs else " "
    columns = [_cells(block, tabs, f"`term{between}translation`") for block in blocks]
    source, target = (
        pc.utf8_normalize(pa.chunked_array(column), "NFC") for column in zip(*columns, strict=True)
    )
    return ranked(entry_table("en", target_lang, source, target, "dictionary"))


def _dictionary(folder: Path, lang: str) -> Path | None:
    """The dictionary into a language, under any of the names that it may have."""
    names = [f"en-{lang}.{suffix}" for suffix in ("tsv", "txt", "tsv.gz", "txt.gz")]
    paths = [folder / name for name in names if (folder / name).exists()]
    if len(paths) > 1:
        raise InputError(
            f"{folder}: {paths[0].name} and {paths[1].name} are both dictionaries into {lang}; "
            "keep one of them"
        )
    return paths[0] if paths else None


def _cells(block: Block, tabs: bool, expected: str) -> list[pa.Array]:
    """The two columns of some lines of a dictionary, both filled."""
    cells = [pc.utf8_trim_whitespace(cell) for cell in block.cells(2, expected, tabs)]
    for cell in cells:
        block.refuse(pc.equal(pc.binary_length(cell), 0), f"expected {expected}")
    return cells
