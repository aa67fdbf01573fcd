"""Word vectors, trained in the stage, as one of the lexicons that switching asks."""

import gzip
import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clir import experiment, manifest
from clir.lexicons import word_vectors
from spark_etl import (
    collection_tables,
    lexicon_table,
    titles,
    trained_vectors,
    training_pairs,
    vector_lexicon,
)
from tests.dumps import LANGLINKS, PAGE, page, write_dump
from tests.sample_runs import must_not_start
from tests.spark_etl.test_stages import change, data, fails, write_collection

# English and German of one corpus, word by word: fastText sees the same in both.
NOTHING_ELSE = {"name": "test", "collections": {"train": [], "test": []}, "models": {}}
GERMAN = {"dog": "hund", "cat": "katze", **{f"w{n}x": f"d{n}x" for n in range(38)}}


def write_texts(folder: Path) -> dict[str, Path]:
    """Lines of words that follow each other in the list, so that each has company of its own."""
    draw, english, lines = random.Random(1), list(GERMAN), []
    for _ in range(600):
        place = draw.randrange(len(english))
        lines.append([english[(place + draw.randrange(5)) % len(english)] for _ in range(9)])
    for lang, spelled in (("en", str), ("de", GERMAN.get)):
        texts = [" ".join(spelled(word).capitalize() for word in line) for line in lines]
        (folder / f"{lang}.txt").write_text("\n".join(texts) + "\n")
    return {lang: folder / f"{lang}.txt" for lang in ("en", "de")}


@pytest.fixture(scope="module")
def dog(spark, tmp_path_factory) -> Path:
    """Titles of ``Dog`` in de and ar."""
    folder = tmp_path_factory.mktemp("titles")
    dumps = {
        "lang": "en",
        "page": write_dump(folder / "page.sql", "page", PAGE, [page(1, "Dog")]),
        "langlinks": write_dump(
            folder / "links.sql", "langlinks", LANGLINKS, [(1, "de", "Hund"), (1, "ar", "كلب")]
        ),
    }
    return titles.mine(
        spark, experiment.Experiment(titles=[dumps], output=folder / "out", **NOTHING_ELSE)
    )


def with_titles(settings: experiment.Experiment, dog: Path) -> None:
    """The same in an experiment's own output folder."""
    settings.workspace.open()
    settings.workspace.titles.symlink_to(dog)


@pytest.fixture
def mined(settings, dog) -> None:
    with_titles(settings, dog)


@pytest.fixture
def settings(fasttext, tmp_path):
    """Dictionaries know ``dog`` and ``which`` in all languages; that of de aligns vectors too."""
    (tmp_path / "dictionary").mkdir()
    for lang in ("de", "ar", "hi"):
        entries = {"which": f"{lang}-which", "dog": f"{lang}-dog"}
        if lang == "de":
            entries |= dict(list(GERMAN.items())[2:32])
        rows = "".join(f"{source}\t{target}\n" for source, target in entries.items())
        (tmp_path / "dictionary" / f"en-{lang}.tsv").write_text(rows)
    return experiment.Experiment(
        name="test",
        output=tmp_path / "out",
        titles=[],
        lexicons={
            "dictionary": tmp_path / "dictionary",
            "words": ["word-vectors", "wikipedia-titles", "dictionary"],
            "vector_texts": write_texts(tmp_path),
            "vector_seed": "dictionary",
            "vector_training": {"dimensions": 16, "epochs": 20, "subwords": (0, 0), "buckets": 1},
        },
        collections={"train": [{"path": write_collection(tmp_path / "train")}], "test": []},
        switching={
            "languages": ["de", "ar", "hi"],
            "pair": ["de", "hi"],
            "probability": 1.0,
            "copies": 8,
        },
        models={"static": {"family": "static"}},
        spark={"shuffle_partitions": 2},
    )


def test_switching_asks_vectors_then_titles_then_dictionaries(spark, settings, mined):
    lexicon = lexicon_table.build(spark, settings)
    by_vectors = {
        r["source_term"]: r["target_term"] for r in data(lexicon) if r["origin"] == "word-vectors"
    }
    assert by_vectors == GERMAN  # also dog and cat, which it was not aligned by
    collection_tables.load(spark, settings)
    bl_cs = data(training_pairs.build(spark, settings, "bl-cs"))
    # dog: by vectors (titles have Hund, the dictionary de-dog); which: only the dictionary has it.
    assert all(row["query"].startswith("De-which hund is") for row in bl_cs)
    # hi has neither vectors nor titles.
    assert all(row["passage"].startswith("The hi-dog") for row in bl_cs)
    ml_cs = data(training_pairs.build(spark, settings, "ml-cs"))
    queries = [row["query"].split() for row in ml_cs]
    assert {query[0] for query in queries} <= {"De-which", "Ar-which", "Hi-which"}
    # ar has no vectors, but a title.
    assert {query[1] for query in queries} == {"hund", "كلب", "hi-dog"}


def test_only_languages_whose_texts_or_settings_changed_are_trained_again(spark, settings):
    folders = trained_vectors.train(spark, settings, must_not_start)
    assert trained_vectors.train(must_not_start, settings, must_not_start) == folders
    before = {lang: (path / "words.vec").stat().st_mtime_ns for lang, path in folders.items()}
    german = settings.lexicons.vector_texts["de"][0]
    german.write_text(german.read_text() + "hund hund\n")
    trained_vectors.train(spark, settings, must_not_start)
    after = {lang: (path / "words.vec").stat().st_mtime_ns for lang, path in folders.items()}
    assert after["en"] == before["en"] and after["de"] > before["de"]
    assert sorted(path.name for path in (settings.output / "vectors").iterdir()) == ["de", "en"]


def test_terms_of_chinese_are_words(spark, settings, mined, tmp_path):
    (tmp_path / "dictionary" / "en-zh.tsv").write_text("computer\t电脑\n")
    (tmp_path / "zh.txt").write_text("我买电脑\n一台电脑\n" * 20)
    texts = settings.lexicons.vector_texts | {"zh": [tmp_path / "zh.txt"]}
    settings = change(settings, lexicons={"vector_texts": texts})
    message = fails(lambda: lexicon_table.build(spark, settings))
    # No English text here has the word computer.
    assert "no entry of it has vectors in both en and zh" in message
    written = (settings.output / "vectors" / "zh" / "words.vec").read_text()
    assert sorted(line.split()[0] for line in written.splitlines()[1:]) == sorted(
        ["电脑", *"我买一台"]
    )
    assert sorted(path.name for path in (settings.output / "vectors").iterdir()) == [
        "de", "en", "zh"
    ]  # fmt: skip


def test_mistakes_in_texts_and_vectors(spark, settings, mined, tmp_path):
    (tmp_path / "de.txt").write_bytes(b"hund\n\xff\n")
    assert f"{tmp_path / 'de.txt'}:2: not UTF-8" in fails(
        lambda: lexicon_table.build(spark, settings)
    )
    assert not (settings.output / "vectors" / "de").exists()
    (tmp_path / "de.vec").write_text("1 2\nhund 1 0\n")
    given = {
        "vectors": {"de": tmp_path / "de.vec"},
        "vector_texts": {"en": settings.lexicons.vector_texts["en"]},
    }
    settings = change(settings, lexicons=given)
    message = fails(lambda: lexicon_table.build(spark, settings))
    assert "vectors of de have 2 dimensions, those of en 16" in message


@pytest.mark.parametrize("block", [3, 100])
def test_a_term_has_one_ranking_however_it_is_spelled(tmp_path, monkeypatch, block):
    """``apple`` and ``Apple`` stand in different blocks, and each has a translation of its own."""
    monkeypatch.setattr(vector_lexicon, "BLOCK", block)
    english = ["the", "apple", "of", "sun", "moon", "star", "sea", "Apple", "APPLE", "Sun"]
    german = ["die", "Apfel", "von", "Sonne", "Mond", "Stern", "See", "Firma", "apfel", "Zeitung"]
    space = word_vectors.normalised(np.random.default_rng(5).normal(size=(10, 16)))
    np.save(tmp_path / "en.npy", space)
    np.save(tmp_path / "de.mapped.npy", word_vectors.normalised(space + 0.1 * space[::-1]))
    for lang, words in (("en", english), ("de", german)):
        pq.write_table(pa.table({"word": words}), tmp_path / f"{lang}.words.parquet")
    blocks = range(0, 10, block)
    for at in blocks:
        vector_lexicon.write_nearness(tmp_path, "de", "en", at)
        vector_lexicon.write_nearness(tmp_path, "de", "de", at)
    for at in blocks:
        vector_lexicon.write_entries(tmp_path, "de", at, 2)
    rows = vector_lexicon.best_of_language(tmp_path, "de", 2).to_pylist()
    terms = {}
    for row in rows:
        terms.setdefault(row["source_term"].lower(), []).append(row)
    assert {term: [row["rank"] for row in rows] for term, rows in terms.items()} == {
        "apple": [1, 2], "sun": [1, 2],
        "the": [1], "of": [1], "moon": [1], "star": [1], "sea": [1],
    }  # fmt: skip
    assert {row["target_term"].lower() for row in terms["apple"]} == {"apfel", "firma"}
    assert all(rows[0]["score"] >= rows[-1]["score"] for rows in terms.values())
    best = vector_lexicon.best_of_language(tmp_path, "de", 1).to_pylist()
    assert sorted(row["score"] for row in best) == sorted(r[0]["score"] for r in terms.values())


def test_dictionaries_under_several_names(spark, tmp_path, dog):
    folder = tmp_path / "dictionary"
    folder.mkdir()
    settings = experiment.Experiment(
        output=tmp_path / "out", titles=[], lexicons={"dictionary": folder}, **NOTHING_ELSE
    )
    with_titles(settings, dog)
    message = fails(lambda: lexicon_table.build(spark, settings))
    assert message.startswith(f"{folder}: no dictionary in it")
    (folder / "en-fr.txt").write_text("dog chien\n")
    (folder / "en-de.tsv.gz").write_bytes(gzip.compress(b"dog\tHund\n"))
    found = data(lexicon_table.build(spark, settings))
    by_dictionary = [row["target_term"] for row in found if row["origin"] == "dictionary"]
    assert sorted(by_dictionary) == ["Hund", "chien"]
    (folder / "en-fr.tsv").write_text("dog\tchien\n")
    message = fails(lambda: lexicon_table.build(spark, settings))
    assert "en-fr.tsv and en-fr.txt are both dictionaries into fr" in message


def test_word_vectors_give_the_words_that_choose_each_other(spark, tmp_path, dog):
    """German is English turned round, and has one word more. Words of no use are counted.

    One nan made all vectors nan, so that the map could not be learned.
    """
    draw = np.random.default_rng(0)
    matrix = draw.normal(size=(40, 6))
    turn = np.linalg.qr(draw.normal(size=(6, 6)))[0]
    (tmp_path / "dictionary").mkdir()
    pairs = "".join(f"en{n}x de{n}x\n" for n in range(25))
    (tmp_path / "dictionary" / "en-de.txt").write_text(f"\ufeff{pairs}\n")
    more_german = np.vstack([matrix @ turn, draw.normal(size=(1, 6))])  # de40x has no counterpart
    for lang, rows in (("en", matrix), ("de", more_german)):
        words = [f"{lang}{n}x {' '.join(map(str, row))}" for n, row in enumerate(rows)]
        more = ["bad nan 0 0 0 0 0", "none 0 0 0 0 0 0", f"{lang}1x 1 2 3 4 5 6", ", 1 2 3 4 5 6"]
        lines = [f"{len(rows) + 4} 6", *words[:30], *more, *words[30:]]
        (tmp_path / f"{lang}.vec").write_text("\n".join(lines))
    settings = experiment.Experiment(
        output=tmp_path / "out",
        titles=[],
        lexicons={
            "dictionary": tmp_path / "dictionary",
            "words": ["word-vectors"],
            "vectors": {lang: tmp_path / f"{lang}.vec" for lang in ("en", "de")},
            "vector_seed": "dictionary",
        },
        **NOTHING_ELSE,
    )
    with_titles(settings, dog)
    lexicon = lexicon_table.build(spark, settings)
    counts = manifest.read(settings.output / "vector_lexicon")["counts"]
    dropped = {"no word": 1, "not finite": 1, "repeated": 1, "zero": 1}
    assert counts == {
        "de words": 41, "en words": 40, "de seed pairs": 25, "entries": 40,
        **{f"de words dropped: {why}": n for why, n in dropped.items()},
        **{f"en words dropped: {why}": n for why, n in dropped.items()},
    }  # fmt: skip
    found = {r["source_term"]: r["target_term"] for r in data(lexicon) if r["rank"] == 1
             and r["origin"] == "word-vectors"}  # fmt: skip
    assert found == {f"en{n}x": f"de{n}x" for n in range(40)}
    assert not (settings.output / "vector_lexicon" / "work").exists()
