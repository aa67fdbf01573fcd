"""Word vectors of two languages -> one space -> each word's translations.

An orthogonal map is learned from pairs of words that a seed lexicon gives (Procrustes; Schönemann
1966, Xing et al. 2015), then again from the pairs that the mapped space itself is sure of
(Conneau et al. 2018, arXiv 1710.04087). Translations are nearest neighbours by CSLS (same paper),
which is fair to words that are near to everything. Matrix products go in blocks: memory does not
grow with the vocabularies.
"""

import mmap
import re
import struct
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clir.errors import InputError
from clir.text.lines import opened

NEIGHBOURS = 10  # that a word's nearness to everything is measured by
LINE_END = "</s>"  # fastText's name for the end of a line, which has a vector too
_UNREADABLE = "\N{REPLACEMENT CHARACTER}"  # for a character that is cut
_CUT, _MANY_NUMBERS = "not UTF-8", "more numbers than dimensions"  # why a word is left out
_DECIMAL = re.compile(r" [-+]?\d*\.\d+(?:e[-+]?\d+)?$", re.IGNORECASE)
_NO_NUMBER = re.compile(rb"^[-+]?(?:1\.#\w+|nan\(\w*\))$", re.IGNORECASE)
ROWS, KEYS = 1024, 16_384  # of a block: 64 MB of similarities
_BIN_MAGIC, _BIN_DICTIONARY = 793712314, 64  # a model's first number; the byte its words begin at
_SURE_WORDS = 15_000  # the most frequent words of each side refine the map


class Vectors(NamedTuple):
    """Words, most frequent first, and their vectors: words x dimensions, float32, all finite."""

    words: pa.Array
    matrix: np.ndarray
    dropped: Counter[str]  # words that are left out, by reason


def read_vec(path: Path, limit: int) -> Vectors:
    """The first ``limit`` vectors of a text file as word2vec and fastText write it (.vec, .vec.gz).

    A word may hold spaces: the numbers are the last cells of a line. InputError names the line.
    What is no word or no direction is left out, as such tools write it now and then.
    """
    words: dict[str, np.ndarray] = {}
    dropped: Counter[str] = Counter()
    with opened(path) as file:
        count, dimensions = _header(path, file.readline())
        for number, line in enumerate(file, 2):
            if len(words) + dropped.total() == limit:
                break
            if not line.strip():
                continue
            cells = line.rstrip().rsplit(b" ", dimensions)
            place = f"{path}:{number}"
            row = _numbers(place, cells[1:], dimensions)
            word, reason = _word(cells[0])
            if reason == _MANY_NUMBERS and not words:  # the most frequent word of all
                raise InputError(f"{place}: more numbers than the {dimensions} of the first line")
            if not reason and word in words:
                reason = "repeated"
            if reason:
                dropped[reason] += 1
            else:
                words[word] = row
    read = len(words) + dropped.total()
    if not read:
        raise InputError(f"{path}: no vectors in it")
    if read < min(limit, count):
        raise InputError(f"{path}: {read} vectors, its first line says {count}; fetch it again")
    rows = list(words.values()) or [np.empty((0, dimensions), np.float32)]
    return _with_direction(Vectors(pa.array(list(words), pa.string()), np.vstack(rows), dropped))


def _header(path: Path, line: bytes) -> tuple[int, int]:
    """The numbers of words and of dimensions that a text file begins with."""
    cells = line.split()
    if len(cells) != 2 or not all(cell.isdigit() for cell in cells) or not int(cells[1]):
        raise InputError(
            f"{path}:1: expected `WORDS DIMENSIONS` (GloVe's files have no such line: write it)"
        )
    return int(cells[0]), int(cells[1])


def _numbers(place: str, cells: list[bytes], dimensions: int) -> np.ndarray:
    if len(cells) != dimensions:
        raise InputError(
            f"{place}: {len(cells)} numbers, expected {dimensions}; fetch it again if it is cut"
        )
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is dropped
        try:
            return np.array(cells, np.float32)
        except ValueError:  # a cell that is no number, or what Windows writes for none
            try:
                return np.array([_NO_NUMBER.sub(b"nan", cell) for cell in cells], np.float32)
            except ValueError:
                raise InputError(f"{place}: not a word and its numbers") from None


def _word(written: bytes) -> tuple[str, str]:
    """A word, and why it is none, if so."""
    try:
        word = written.decode()
    except UnicodeDecodeError:
        return "", _CUT
    if _UNREADABLE in word:
        return word, _CUT
    if _DECIMAL.search(word):
        return word, _MANY_NUMBERS
    return word, ""


def read_bin(path: Path, limit: int) -> Vectors:
    """The vectors of the first ``limit`` words of a fastText model (.bin); needs fasttext.

    fasttext loads the whole model into memory.
    """
    _check_whole(path)
    model = import_fasttext().load_model(str(path))
    # A word cut within a character by whoever made the model is no error of the user.
    words = model.get_words(on_unicode_error="replace")[:limit]
    good = [word for word in words if _UNREADABLE not in word]
    dropped = Counter({_CUT: len(words) - len(good)} if len(good) < len(words) else {})
    rows = [model.get_word_vector(word) for word in good]
    rows = rows or [np.empty((0, model.get_dimension()), np.float32)]
    return _with_direction(Vectors(pa.array(good, pa.string()), np.vstack(rows), dropped))


def _with_direction(vectors: Vectors) -> Vectors:
    """Without vectors that have none: one such number would make a whole language's numbers nan."""
    with np.errstate(over="ignore", invalid="ignore"):
        length = np.linalg.norm(vectors.matrix, axis=1)
    finite = np.isfinite(length)
    vectors = _only(vectors, finite, "not finite")
    return _only(vectors, length[finite] > 0, "zero")


def _only(vectors: Vectors, kept: np.ndarray, reason: str) -> Vectors:
    """Those that are kept; the others are counted."""
    if kept.all():
        return vectors
    dropped = vectors.dropped + Counter({reason: int((~kept).sum())})
    return Vectors(vectors.words.filter(pa.array(kept)), vectors.matrix[kept], dropped)


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
    return _only(vectors, kept, "no word")


def normalised(matrix: np.ndarray) -> np.ndarray:
    """Rows of length 1 around 0, of length 1 again (Artetxe et al. 2016)."""
    matrix = _unit(matrix.astype(np.float32))
    return _unit(matrix - matrix.mean(axis=0))


def align(source: np.ndarray, target: np.ndarray, seeds: np.ndarray, rounds: int = 5) -> np.ndarray:
    """The map of normalised ``source`` into normalised ``target``: dimensions x dimensions.

    ``seeds``: pairs x 2, rows of source and target that translate each other. Each round learns
    from the frequent words that choose each other in the space of the round before.
    """
    from scipy.linalg import orthogonal_procrustes  # 0.1 s, which a plan of stages can save

    if not len(seeds):
        raise InputError("no seed pair has vectors on both sides; give another lexicon as a seed")
    mapping, _ = orthogonal_procrustes(source[seeds[:, 0]], target[seeds[:, 1]])
    keys = target[:_SURE_WORDS]
    for _ in range(rounds):
        sure = mutual(source[:_SURE_WORDS] @ mapping, keys)
        if len(sure) < len(source.T):  # fewer pairs than dimensions do not settle a map
            break
        mapping, _ = orthogonal_procrustes(source[sure[:, 0]], keys[sure[:, 1]])
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
    for at in range(0, len(queries), ROWS):
        rows = queries[at : at + ROWS]
        best = np.full((len(rows), 0), 0, np.int64), np.empty((len(rows), 0), np.float32)
        for begin in range(0, len(keys), KEYS):
            block = rows @ keys[begin : begin + KEYS].T
            if penalty is not None:
                block = 2 * block - penalty[begin : begin + KEYS]
            kept = min(count, block.shape[1])
            top = np.argpartition(-block, kept - 1, axis=1)[:, :kept]
            index = np.concatenate([best[0], top + begin], axis=1)
            score = np.concatenate([best[1], np.take_along_axis(block, top, 1)], axis=1)
            order = np.argsort(-score, axis=1, kind="stable")[:, :count]
            best = np.take_along_axis(index, order, 1), np.take_along_axis(score, order, 1)
        found[at : at + ROWS], scores[at : at + ROWS] = best
    return found, scores


def _unit(matrix: np.ndarray) -> np.ndarray:
    return matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-9)
