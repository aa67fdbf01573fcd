"""Word vectors of two languages -> one space -> each word's translations.

An orthogonal map is learned from pairs of words that a seed lexicon gives (Procrustes; Schönemann
1966, Xing et al. 2015), then again from the pairs that the mapped space itself is sure of
(Conneau et al. 2018, arXiv 1710.04087). Translations are nearest neighbours by CSLS (same paper),
which is fair to words that are near to everything. Matrix products go in blocks: memory does not
grow with the vocabularies.
"""

from __future__ import annotations

import gzip
import mmap
import struct
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clir.errors import InputError

NEIGHBOURS = 10  # that a word's nearness to everything is measured by
LINE_END = "</s>"  # fastText's name for the end of a line, which has a vector too
_ROWS, _KEYS = 1024, 16_384  # of a block: 64 MB of similarities
_BIN_MAGIC, _BIN_DICTIONARY = 793712314, 64  # a model's first number; the byte its words begin at
_SURE_WORDS = 15_000  # the most frequent words of each side refine the map


class Vectors(NamedTuple):
    """Words, most frequent first, and their vectors: words x dimensions, float32."""

    words: pa.Array
    matrix: np.ndarray


def read_vec(path: Path, limit: int) -> Vectors:
    """The first ``limit`` vectors of a text file as word2vec and fastText write it (.vec, .vec.gz).

    A word may hold spaces: the numbers are the last cells of a line. InputError names the line.
    """
    words: list[str] = []
    rows: list[np.ndarray] = []
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            header = file.readline().split()
            if len(header) != 2 or not all(cell.isdigit() for cell in header):
                raise InputError(f"{path}:1: expected `WORDS DIMENSIONS`")
            dimensions = int(header[1])
            for number, line in enumerate(file, 2):
                if len(words) == limit:
                    break
                cells = line.rstrip().rsplit(b" ", dimensions)
                try:
                    row = np.array(cells[1:], np.float32)
                    word = cells[0].decode()
                except ValueError:  # a cell that is no number, or bytes that are no text
                    raise InputError(f"{path}:{number}: not a word and its numbers") from None
                if len(row) != dimensions:
                    raise InputError(
                        f"{path}:{number}: {len(row)} numbers, expected {dimensions}; "
                        "fetch it again if it is cut"
                    )
                words.append(word)
                rows.append(row)
    except FileNotFoundError:
        raise InputError(f"{path}: no such vectors") from None
    except (EOFError, gzip.BadGzipFile) as error:
        raise InputError(f"{path}: truncated or damaged ({error}); fetch it again") from None
    if not rows:
        raise InputError(f"{path}: no vectors in it")
    if len(rows) < min(limit, int(header[0])):
        raise InputError(
            f"{path}: {len(rows)} vectors, its first line says {int(header[0])}; fetch it again"
        )
    return Vectors(pa.array(words), np.stack(rows))


def read_bin(path: Path, limit: int) -> Vectors:
    """The vectors of the first ``limit`` words of a fastText model (.bin); needs fasttext.

    fasttext loads the whole model into memory.
    """
    _check_whole(path)
    model = import_fasttext().load_model(str(path))
    # A word cut within a character by whoever made the model is no error of the user.
    words = model.get_words(on_unicode_error="replace")[:limit]
    return Vectors(pa.array(words), np.stack([model.get_word_vector(word) for word in words]))


def import_fasttext() -> Any:
    """The package, an extra because it is built from source; InputError where it is missing."""
    try:
        import fasttext
    except ImportError:
        raise InputError(
            "fastText models and training need the package fasttext: pip install 'clir[vectors]' "
            "(it needs a C++ compiler and Python's headers)"
        ) from None
    return fasttext


def _check_whole(path: Path) -> None:
    """InputError unless a fastText model is as long as its parts say.

    At the end of a cut model fasttext would go on reading for ever, or take noise for vectors.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            magic, at = *struct.unpack_from("<i", data), _BIN_DICTIONARY
            if magic != _BIN_MAGIC:
                raise InputError(f"{path}: no fastText model (.bin)")
            entries, pruned = struct.unpack_from("<i", data, at) + struct.unpack_from(
                "<q", data, at + 20
            )
            at += 28
            for _ in range(entries):  # each a word, a zero byte, its count and its type
                at = data.find(b"\0", at) + 10
                if at < 10:
                    raise struct.error("a word without an end")
            at += 8 * max(pruned, 0)
            for _ in ("input", "output"):
                quantised, rows, columns = struct.unpack_from("<?2q", data, at)
                if quantised:
                    raise InputError(f"{path}: quantised; give the .bin it was made from")
                at += 17 + 4 * rows * columns
            size = len(data)
    except FileNotFoundError:
        raise InputError(f"{path}: no such vectors") from None
    except InputError:
        raise
    except (struct.error, ValueError) as error:  # ValueError: an empty file cannot be mapped
        raise InputError(f"{path}: truncated or damaged ({error}); fetch it again") from None
    if size != at:
        raise InputError(f"{path}: {size} bytes, expected {at}; fetch it again")


def of_words(vectors: Vectors) -> Vectors:
    """Without those of marks, numbers and line ends."""
    kept = np.array(pc.match_substring_regex(vectors.words, r"\p{L}"))
    kept &= ~np.asarray(pc.equal(vectors.words, LINE_END))
    return Vectors(vectors.words.filter(pa.array(kept)), vectors.matrix[kept])


def normalised(matrix: np.ndarray) -> np.ndarray:
    """Rows of length 1 around 0, of length 1 again (Artetxe et al. 2016)."""
    matrix = _unit(matrix.astype(np.float32))
    return _unit(matrix - matrix.mean(axis=0))


def procrustes(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The orthogonal W that brings ``source @ W`` nearest to ``target``; rows belong together."""
    left, _, right = np.linalg.svd(source.T @ target)
    return left @ right


def align(source: np.ndarray, target: np.ndarray, seeds: np.ndarray, rounds: int = 5) -> np.ndarray:
    """The map of normalised ``source`` into normalised ``target``: dimensions x dimensions.

    ``seeds``: pairs x 2, rows of source and target that translate each other. Each round learns
    from the frequent words that choose each other in the space of the round before.
    """
    if not len(seeds):
        raise InputError("no seed pair has vectors on both sides; give another lexicon as a seed")
    mapping = procrustes(source[seeds[:, 0]], target[seeds[:, 1]])
    keys = target[:_SURE_WORDS]
    for _ in range(rounds):
        sure = mutual(source[:_SURE_WORDS] @ mapping, keys)
        if len(sure) < len(source.T):  # fewer pairs than dimensions do not settle a map
            break
        mapping = procrustes(source[sure[:, 0]], keys[sure[:, 1]])
    return mapping


def nearness(queries: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Mean cosine of each query to its ten nearest keys."""
    return _best(queries, keys, min(NEIGHBOURS, len(keys)), None)[1].mean(axis=1)


def csls(
    queries: np.ndarray,
    keys: np.ndarray,
    near_queries: np.ndarray,
    near_keys: np.ndarray,
    count: int,
) -> tuple[np.ndarray, np.ndarray]:
    """The ``count`` best keys of each query: rows of keys, and scores 2 cos(q, k) - r(q) - r(k).

    ``near_queries``, ``near_keys``: r, the ``nearness`` of each to the whole other side.
    """
    found, scores = _best(queries, keys, min(count, len(keys)), near_keys)
    return found, scores - near_queries[:, None]


def mutual(queries: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Pairs x 2 of queries and keys that are each other's best by CSLS."""
    near_queries, near_keys = nearness(queries, keys), nearness(keys, queries)
    forward = csls(queries, keys, near_queries, near_keys, 1)[0][:, 0]
    back = csls(keys, queries, near_keys, near_queries, 1)[0][:, 0]
    both = np.flatnonzero(back[forward] == np.arange(len(queries)))
    return np.stack([both, forward[both]], axis=1)


def _best(
    queries: np.ndarray, keys: np.ndarray, count: int, penalty: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Best keys of each query, best first: by cosine, or by 2 cosine - penalty of the key."""
    found = np.empty((len(queries), count), np.int64)
    scores = np.empty((len(queries), count), np.float32)
    for at in range(0, len(queries), _ROWS):
        rows = queries[at : at + _ROWS]
        best = np.full((len(rows), 0), 0, np.int64), np.empty((len(rows), 0), np.float32)
        for begin in range(0, len(keys), _KEYS):
            block = rows @ keys[begin : begin + _KEYS].T
            if penalty is not None:
                block = 2 * block - penalty[begin : begin + _KEYS]
            kept = min(count, block.shape[1])
            top = np.argpartition(-block, kept - 1, axis=1)[:, :kept]
            index = np.concatenate([best[0], top + begin], axis=1)
            score = np.concatenate([best[1], np.take_along_axis(block, top, 1)], axis=1)
            order = np.argsort(-score, axis=1, kind="stable")[:, :count]
            best = np.take_along_axis(index, order, 1), np.take_along_axis(score, order, 1)
        found[at : at + _ROWS], scores[at : at + _ROWS] = best
    return found, scores


def _unit(matrix: np.ndarray) -> np.ndarray:
    return matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-9)
