"""Texts of a language -> its word vectors, trained by fastText (Bojanowski et al. 2017).

fastText parts words at blanks, so texts are written down for it as the words of
``clir.text.words``, in lower case: a vector belongs to what a lexicon finds in a text. Of Chinese
and Japanese these are single characters, of Vietnamese syllables; there, neighbours that together
are a known term (a title, a dictionary's translation) become one word, the longest first. Other
words of several characters have no vector.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from clir import scratch
from clir.compiling import compiled
from clir.errors import InputError
from clir.experiment import VectorTraining
from clir.lexicons.entries import entry_table, ranked
from clir.lexicons.word_vectors import LINE_END, import_fasttext
from clir.switching.switcher import MAX_PHRASE_WORDS, Switcher
from clir.text.folding import IGNORED
from clir.text.lines import read_blocks
from clir.text.words import Words, buffer_of, count_words, find_words

TERMS_JOINED = ("zh", "ja", "vi")  # their words are often several of ours
_TEXTS = 4096  # of a batch
_BLANK, _UNDERSCORE, _LINE_END = b" _\n"


def train(
    paths: Sequence[Path],
    lang: str,
    terms: pa.Array,
    settings: VectorTraining,
    limit: int,
    out: Path,
) -> dict[str, int]:
    """Train vectors on texts and write those of the ``limit`` most frequent words (.vec).

    ``paths`` as ``read_texts`` takes them, ``terms`` as ``term_finder`` does. Texts stream through
    a temporary file. Returns counts. InputError where the texts are not enough.
    """
    finder = term_finder(terms, lang)
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(dir=scratch.folder()) as folder:
        words = Path(folder) / "words.txt"
        with words.open("wb") as file:
            for path in paths:
                for texts in read_texts(path, lang):
                    file.write(running_words(texts, lang, finder))
                    counts["texts"] += len(texts)
        counts["vectors"] = _in_a_process_of_its_own(words, out, lang, settings, limit)
    return dict(counts)


def read_texts(path: Path, lang: str) -> Iterator[pa.Array]:
    """Batches of texts: a text file (or .gz) has one a line, a .parquet table one a row.

    A table has the column ``text`` and, if it holds several languages, ``lang``. A folder stands
    for all files in it. InputError names the file and the line, or the column.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file or folder (lexicons.vector_texts)")
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if not file.is_file() or file.name.startswith((".", "_")):
            continue  # Spark's own marks beside its tables begin like this
        if file.suffix == ".parquet":
            yield from _rows(file, lang)
        else:
            yield from (block.lines for block in read_blocks(file))


def _rows(path: Path, lang: str) -> Iterator[pa.Array]:
    table = pq.ParquetFile(path)
    if "text" not in table.schema_arrow.names:
        raise InputError(f"{path}: column text is missing; it has {table.schema_arrow.names}")
    columns = [name for name in ("text", "lang") if name in table.schema_arrow.names]
    for batch in table.iter_batches(_TEXTS, columns=columns):
        if "lang" in columns:
            batch = batch.filter(pc.equal(batch["lang"], lang))
        yield batch["text"].drop_null()


def term_finder(terms: pa.Array, lang: str) -> Switcher | None:
    """What finds those ``terms`` in running text that have several words; None if none has."""
    terms = pc.unique(terms)
    several = count_words(terms, lang)
    terms = terms.filter(pa.array((several > 1) & (several <= MAX_PHRASE_WORDS)))
    if not len(terms):
        return None
    entries = ranked(entry_table(lang, lang, terms, terms, "terms"))
    return Switcher(entries, [lang], max_words=MAX_PHRASE_WORDS)


def running_words(texts: pa.Array, lang: str, finder: Switcher | None = None) -> bytes:
    """The words of each text as a line, parted by blanks; a blank inside a known term is ``_``."""
    # A word that is written in several ways is one word.
    folded = pc.replace_substring_regex(pc.utf8_normalize(texts, "NFKC"), IGNORED, "")
    folded = pc.replace_substring_regex(folded, r"\s+", " ")
    buffer = buffer_of(pc.utf8_lower(folded))
    words = find_words(buffer, lang)
    joined = np.zeros(len(words.start), bool)  # with the word before, as one term
    if finder:
        found = finder.matches(buffer, words)
        for nth in range(1, MAX_PHRASE_WORDS):
            joined[found.first[found.length > nth] + nth] = True
    out = np.empty(len(buffer.data) + len(words.start) + len(texts), np.uint8)
    return out[: _spell(buffer.data, words, joined, len(texts), out)].tobytes()


@compiled
def _spell(data: np.ndarray, words: Words, joined: np.ndarray, texts: int, out: np.ndarray) -> int:
    """Write the words of each text as a line; how many bytes that makes."""
    at = word = 0
    for text in range(texts):
        first = word
        while word < len(words.text) and words.text[word] == text:
            begin = words.end[word - 1] if joined[word] else words.start[word]
            if word > first and not joined[word]:
                out[at] = _BLANK
                at += 1
            for byte in data[begin : words.end[word]]:
                out[at] = _UNDERSCORE if byte == _BLANK else byte
                at += 1
            word += 1
        out[at] = _LINE_END
        at += 1
    return at


def _in_a_process_of_its_own(
    words: Path, out: Path, lang: str, settings: VectorTraining, limit: int
) -> int:
    """Have fastText train there; the number of vectors.

    fasttext 0.9.3 leaves what it does not fill of its matrix (with one thread, nine tenths) as the
    memory was, so a second model of one process came out different, or full of NaN. A process
    whose memory glibc hands out zeroed (MALLOC_PERTURB_ tells it the complement) repeats to the
    bit. It also gives back gigabytes when it ends.
    """
    arguments = {
        "input": str(words),
        "model": "skipgram",
        "dim": settings.dimensions,
        "epoch": settings.epochs,
        "minCount": settings.min_count,
        "minn": settings.subwords[0],
        "maxn": settings.subwords[1],
        "bucket": settings.buckets,
        "lr": settings.learning_rate,
        "thread": settings.threads,
        "verbose": 0,
    }
    work = json.dumps({"arguments": arguments, "limit": limit, "out": str(out)})
    environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "MALLOC_PERTURB_": "255"}
    with subprocess.Popen(
        [sys.executable, "-m", __name__, work],
        stdin=subprocess.PIPE,  # held open: the child ends when this process does
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | environment,
    ) as child:
        assert child.stdout
        said = child.stdout.read().decode(errors="replace").splitlines()
    if child.returncode:
        raise InputError(
            f"lexicons.vector_texts.{lang}: fastText cannot train on this: "
            f"{said[-1] if said else f'it ended with {child.returncode}'} "
            "(too few texts, too little memory, or see lexicons.vector_training)"
        )
    return int(said[-1])


def _work(arguments: dict[str, Any], limit: int, out: str) -> int:
    """Train and write the vectors as text; the number of words."""
    model = import_fasttext().train_unsupervised(**arguments)
    words = [word for word in model.get_words() if word != LINE_END][:limit]
    with Path(out).open("w", encoding="utf-8") as file:
        file.write(f"{len(words)} {arguments['dim']}\n")
        for word in words:
            numbers = model.get_word_vector(word).tolist()
            file.write(f"{word.replace('_', ' ')} {' '.join(map('{:.6g}'.format, numbers))}\n")
    return len(words)


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    print(_work(**json.loads(sys.argv[1])))
