"""Where stages write, and what they are called: a user's folders stay, and odd names are names."""

import pytest

from clir import experiment, manifest
from clir.switching.translate_test import build_translators
from spark_etl import (
    collection_tables,
    lexicon_card,
    lexicon_table,
    titles,
    trained_vectors,
    training_pairs,
    vector_lexicon,
)
from tests.spark_etl.test_stages import (
    change,
    data,
    fails,
    must_not_start,
    prepare,
    settings,
    write_collection,
)

__all__ = ["settings"]  # a fixture

ODD = "o[u]t {a,b} 100%=1,:#é?*"


def stages(settings):
    """Each stage's place, and how it is made."""
    plain = change(settings, lexicons={"vector_texts": {}})

    def pairs(method, **fields):
        changed = change(settings, switching=fields)
        return lambda: training_pairs.build(must_not_start, changed, method)

    return {
        "titles": lambda: titles.mine(must_not_start, settings),
        "collections": lambda: collection_tables.load(must_not_start, settings),
        "lexicon": lambda: lexicon_table.build(must_not_start, plain),
        "lexicon_card": lambda: lexicon_card.build(must_not_start, settings),
        "pairs/zero-shot": pairs("zero-shot"),
        "pairs/fine-tuning": pairs("fine-tuning"),
        "switchers/ml-cs": pairs("ml-cs"),
        "switchers/bl-cs": pairs("bl-cs", on_the_fly=True),
        "training_candidates": pairs("zero-shot", negatives_from="bm25"),
        "switchers/translate-test": lambda: build_translators(settings),
        "vectors/de": lambda: trained_vectors.train(must_not_start, settings, must_not_start),
        "vector_lexicon": lambda: vector_lexicon.build(must_not_start, plain, {}, must_not_start),
    }


@pytest.fixture
def prepared(settings, tmp_path):
    """Folders that stages are made of, as far as it matters to whether they begin."""
    for name in ("titles", "collections", "lexicon"):
        manifest.build(settings.workspace, settings.output / name, [], {}, lambda out: {})
    (tmp_path / "de.txt").write_text("hund\n")
    return change(settings, lexicons={"vector_texts": {"de": [tmp_path / "de.txt"]}})


PLACES = stages(
    experiment.Experiment(
        name="", output="", titles=[], collections={"train": [], "test": []}, models={}
    )
)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("holds", ["notes.txt", "data/part-0.parquet", manifest.NAME])
def test_a_stage_does_not_begin_where_something_of_a_user_s_would_go(prepared, place, holds):
    folder = prepared.output / place
    if folder.exists():  # ours, with a file of a user's in it
        manifest.remove(prepared.workspace, folder)
    (folder / holds).parent.mkdir(parents=True)
    (folder / holds).write_text("mine")
    message = fails(stages(prepared)[place])
    assert str(folder) in message and "run again" in message
    assert [path for path in folder.rglob("*") if path.is_file()] == [folder / holds]
    assert (folder / holds).read_text() == "mine"


def test_rejected_rows_of_a_user_s_own_folder_stay(prepared, tmp_path):
    manifest.remove(prepared.workspace, prepared.output / "titles")
    theirs = prepared.output / "titles.rejected" / "mine"
    theirs.parent.mkdir()
    theirs.write_text("mine")
    assert "titles.rejected" in fails(lambda: titles.mine(must_not_start, prepared))
    assert theirs.read_text() == "mine" and not (prepared.output / "titles").exists()


def test_names_that_mean_something_in_paths_are_names(spark, settings, tmp_path):
    """Of the output folder and of collections: the same tables as with plain names."""
    made = []
    for name in ("plain", ODD):
        path = tmp_path / "data" / name / name
        path.parent.mkdir(parents=True)
        train = [experiment.Collection(path=write_collection(path))]
        named = change(
            settings,
            output=tmp_path / "made" / name,
            collections={"train": train, "test": []},
            switching={"negatives_from": "bm25"},
        )
        prepare(spark, named)
        lexicon_card.build(spark, named)
        for method in ("zero-shot", "ml-cs"):
            rows = data(training_pairs.build(spark, named, method))
            assert {row["collection"] for row in rows} == {name}
            kept = ("query_id", "doc_id", "query", "passage", "label")
            made.append(sorted(tuple(row[key] for key in kept) for row in rows))
    plain, switched, odd, odd_switched = made
    assert len(plain) == 6 * 2 * 3 and {row[:2] for row in plain} == {row[:2] for row in odd}
    assert len(switched) == len(odd_switched)
