"""Word vectors of each language + seed pairs -> lexicon entries by mutual CSLS neighbours.

Vectors lie as .npy files in the output folder, which all workers see, and are mapped into memory,
never sent. English rows are looked up block by block, each block by one task; then the entries of a
language are ranked by one task.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import from_arrow_schema

from clir import manifest, stages, tables, whole_files
from clir.errors import InputError
from clir.experiment import Experiment
from clir.lexicons import word_vectors
from clir.lexicons.entries import entry_table, ranked
from clir.text.terms import term_keys
from spark_etl.session import Spark, read_each, read_table, run_each

BLOCK = 8192  # words looked up by one task


class _Words(NamedTuple):
    """What became of a language's words."""

    words: int  # that have a vector
    dropped: dict[str, int]  # by reason


def build(
    spark: Spark,
    experiment: Experiment,
    vectors: dict[str, Path],
    seeds: Callable[[], DataFrame],
) -> Path:
    """Make the entries that word vectors give; returns their folder.

    ``vectors``: a file of each language, English among them; ``seeds()``: entries of another
    lexicon, whose one-word terms the map is learned from.
    """
    stage = stages.vector_lexicon(experiment)

    def write(out: Path) -> dict[str, int]:
        session, work = spark(), out / "work"
        langs = [lang for lang in vectors if lang != "en"]
        pairs = seeds().where("source_lang = 'en' and source_words = 1 and rank = 1")
        pairs.write.partitionBy("target_lang").parquet(str(work / "seeds"))
        limit = experiment.lexicons.vector_words
        files = [(lang, path.absolute()) for lang, path in vectors.items()]
        read = run_each(session, files, lambda file: _read(work, *file, limit))
        sizes = {lang: one.words for lang, one in zip(vectors, read, strict=True)}
        used = run_each(session, langs, lambda lang: _map(work, lang))
        blocks = [
            (lang, side, block)
            for lang in langs
            for side in ("en", lang)
            for block in range(0, sizes[side], BLOCK)
        ]
        run_each(session, blocks, lambda block: write_nearness(work, *block))
        count = experiment.lexicons.translations
        english = [(lang, block) for lang, side, block in blocks if side == "en"]
        run_each(session, english, lambda block: write_entries(work, *block, count))

        def best(one: dict[str, str]) -> list[pa.RecordBatch]:
            return best_of_language(work, one["lang"], count).to_batches()

        columns, each = from_arrow_schema(tables.LEXICON), [(lang,) for lang in langs]
        table = read_each(session, each, "lang string", best, columns)
        table.write.parquet(str(out / "data"))
        shutil.rmtree(work)
        counts = {f"{lang} words": size for lang, size in sorted(sizes.items())}
        for lang, one in sorted(zip(vectors, read, strict=True)):
            counts |= {f"{lang} words dropped: {why}": n for why, n in sorted(one.dropped.items())}
        counts |= {f"{lang} seed pairs": n for lang, n in sorted(zip(langs, used, strict=True))}
        return counts | {"entries": read_table(session, out / "data").count()}

    manifest.build(experiment.workspace, *stage, write)
    return stage.folder


def _read(work: Path, lang: str, path: Path, limit: int) -> _Words:
    """Write a language's vectors, normalised; what became of its words."""
    reader = word_vectors.read_bin if path.suffix == ".bin" else word_vectors.read_vec
    words, matrix, dropped = word_vectors.of_words(reader(path, limit))
    if not len(words):
        raise InputError(f"{path}: no word of use in it ({dict(dropped)})")
    with whole_files.writing(work / f"{lang}.npy") as file:
        np.save(file, word_vectors.normalised(matrix))
    whole_files.write_table(pa.table({"word": words}), work / f"{lang}.words.parquet")
    return _Words(len(words), dict(dropped))


def _map(work: Path, lang: str) -> int:
    """Turn a language's vectors into the English space; the number of seed pairs used."""
    theirs, english = np.load(work / f"{lang}.npy"), np.load(work / "en.npy", mmap_mode="r")
    if theirs.shape[1] != english.shape[1]:
        raise InputError(
            f"the vectors of {lang} have {theirs.shape[1]} dimensions, those of en "
            f"{english.shape[1]}: give or train all alike (lexicons.vector_training.dimensions)"
        )
    folder = work / "seeds" / f"target_lang={lang}"
    pairs = np.empty((0, 2), np.int64)
    if folder.exists():
        table = tables.dataset(folder).to_table()
        sides = (
            _rows_of(table["target_term"], work, lang),
            _rows_of(table["source_term"], work, "en"),
        )
        pairs = np.stack(sides, axis=1)
        pairs = pairs[(pairs >= 0).all(axis=1)]
    if not len(pairs):
        raise InputError(
            f"lexicons.vector_seed: no entry of it has vectors in both en and {lang}; "
            f"name the other lexicon, or leave out the vectors of {lang}"
        )
    with whole_files.writing(work / f"{lang}.mapped.npy") as file:
        np.save(file, theirs @ word_vectors.align(theirs, english, pairs))
    return len(pairs)


def _rows_of(terms: pa.ChunkedArray, work: Path, lang: str) -> np.ndarray:
    """The row of each term among a language's words, letter case aside; -1 where it is none."""
    known = term_keys(_words(work, lang), lang)
    order = np.argsort(known, kind="stable")
    wanted = term_keys(terms.combine_chunks(), lang)
    place = np.minimum(np.searchsorted(known[order], wanted), len(known) - 1)
    return np.where(known[order][place] == wanted, order[place], -1)


def write_nearness(work: Path, lang: str, side: str, block: int) -> int:
    """Nearness of a block of one side to the other side, for CSLS."""
    english, theirs = _space(work, lang)
    queries, keys = (english, theirs) if side == "en" else (theirs, english)
    mean = word_vectors.nearness(queries[block : block + BLOCK], keys)
    with whole_files.writing(work / f"{lang}.near.{side}.{block:09}.npy") as file:
        np.save(file, mean)
    return len(mean)


def write_entries(work: Path, lang: str, block: int, count: int) -> int:
    """Write the entries of a block of English words: targets whose own best is that word."""
    english, theirs = _space(work, lang)
    near_english, near_theirs = (
        np.concatenate([np.load(part) for part in sorted(work.glob(f"{lang}.near.{side}.*.npy"))])
        for side in ("en", lang)
    )
    here = slice(block, block + BLOCK)
    found, scores = word_vectors.csls(english[here], theirs, near_english[here], near_theirs, count)
    targets, place = np.unique(found, return_inverse=True)
    back = word_vectors.csls(theirs[targets], english, near_theirs[targets], near_english, 1)[0][
        :, 0
    ]
    rows = np.arange(block, block + len(found))
    query, rank = np.nonzero(back[place.reshape(found.shape)] == rows[:, None])
    source = _words(work, "en").take(pa.array(rows[query]))
    target = _words(work, lang).take(pa.array(found[query, rank]))
    nearness = scores[query, rank].astype(np.float64)
    entries = entry_table("en", lang, source, target, "word-vectors", nearness)
    whole_files.write_table(entries, work / f"{lang}.entries.{block:09}.parquet")
    return len(query)


def best_of_language(work: Path, lang: str, count: int) -> pa.Table:
    """The entries of all blocks: spellings of one term may stand in any (``apple``, ``Apple``)."""
    parts = [pq.read_table(part) for part in sorted(work.glob(f"{lang}.entries.*.parquet"))]
    entries = ranked(pa.concat_tables(parts))
    return entries.filter(pc.less_equal(entries["rank"], count))


def _space(work: Path, lang: str) -> tuple[np.ndarray, np.ndarray]:
    names = ("en.npy", f"{lang}.mapped.npy")
    english, theirs = (np.load(work / name, mmap_mode="r") for name in names)
    return english, theirs


def _words(work: Path, lang: str) -> pa.Array:
    return pq.read_table(work / f"{lang}.words.parquet")["word"].combine_chunks()
