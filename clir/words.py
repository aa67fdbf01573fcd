"""Words in a buffer of UTF-8 bytes: where they are, and the key of every one.

A word is a run of letters, marks and digits. An apostrophe between two of them belongs to it, but
what a language elides before the next word (l', dell') is a word by itself. Characters of scripts
written without blanks (Han, Kana) are words of their own, so that a dictionary entry of several
characters is found as a phrase. Web and e-mail addresses, @names, #tags, HTML entities and names in
code are no words.

Words and terms that differ only in what ``clir.folding`` folds away have the same key.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from clir import kernels, left_alone
from clir.folding import letters_of
from clir.kernels import Terms, Words
from clir.replacing import mixed


class Buffer(NamedTuple):
    """The bytes of a string array, and where each text begins (one more than texts)."""

    data: np.ndarray
    offsets: np.ndarray


def buffer_of(texts: pa.Array) -> Buffer:
    """The bytes behind a string array without nulls (copied only if it is not one block)."""
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    texts = texts.cast(pa.large_string())
    texts.validate(full=True)  # kernels rely on UTF-8
    assert texts.null_count == 0, "texts must not be null"
    _, offsets, data = texts.buffers()
    bounds = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    data = np.frombuffer(data or b"", np.uint8)[bounds[0] : bounds[-1]]
    data.setflags(write=False)  # Arrow's memory, or not: one kind to compile for
    return Buffer(data, bounds - bounds[0])


def find_words(buffer: Buffer, lang: str) -> Words:
    """All words of a batch of texts in a language; a batch has less than 2 GB."""
    size = len(buffer.data)
    assert size < 2**31, "texts come in smaller batches"
    most = size // 2 + len(buffer.offsets)  # untouched memory costs nothing
    start, end, text, position = (np.empty(most, np.int32) for _ in range(4))
    words = Words(start, end, text, position, np.empty(most, np.uint64))
    letters = letters_of(lang)
    pieces = left_alone.find_pieces(*buffer, letters.classes)
    count = kernels.find_all(*buffer, pieces, letters, words)
    return Words(*(column[:count] for column in words))


def count_words(texts: pa.Array, lang: str) -> np.ndarray:
    """Words in each text."""
    return np.bincount(find_words(buffer_of(texts), lang).text, minlength=len(texts))


def find_terms(terms: pa.Array, lang: str) -> Terms:
    """Keys of terms, each a text of its own, and how many words each has."""
    buffer = buffer_of(terms)
    count = len(terms)
    keys = (np.empty(count, np.uint64) for _ in range(3))
    sizes = (np.empty(count, np.int32) for _ in range(2))
    found = Terms(*keys, *sizes, *(np.empty(count, np.bool_) for _ in range(2)))
    kernels.key_terms(*buffer, find_words(buffer, lang), letters_of(lang), found)
    return found


def term_keys(terms: pa.Array, lang: str) -> np.ndarray:
    """The key of each term, uint64: equal for terms that a look-up takes for the same."""
    return find_terms(terms, lang).key


def hash_ids(ids: pa.Array) -> np.ndarray:
    """A 64-bit hash of the bytes of each id."""
    return kernels.hash_all(*buffer_of(ids))


def mix(value: np.ndarray | np.uint64) -> np.ndarray:
    """Spread every bit of a 64-bit number over all bits (the finaliser of SplitMix64)."""
    with np.errstate(over="ignore"):
        return np.asarray(mixed(value))
