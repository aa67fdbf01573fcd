"""BM25 on texts small enough to score by hand."""

import math

import pyarrow as pa
import pytest

from clir.retrieval import bm25


def ranked(folder, documents, queries, lang="en", depth=9):
    bm25.save_index(bm25.words(pa.array(documents), lang), folder / "index")
    return bm25.best(folder / "index", bm25.words(pa.array(queries), lang), depth)


def test_scores_by_hand(tmp_path):
    """Lucene's formula, which is bm25s's default: k1 1.5, b .75."""
    rows, scores = ranked(tmp_path, ["snow snow mountain", "harbour"], ["snow"])
    idf = math.log(1 + (2 - 1 + 0.5) / (1 + 0.5))
    expected = idf * 2 / (2 + 1.5 * (1 - 0.75 + 0.75 * 3 / 2))
    assert rows.tolist() == [[0, 1]]
    assert scores[0] == pytest.approx([expected, 0])


def test_words_are_found_in_any_script(tmp_path):
    rows, _ = ranked(tmp_path, ["我在山上看见雪", "船在港口", "狗"], ["港口的船", "雪山"], "zh", 1)
    assert rows.tolist() == [[1], [0]]


def test_letter_case_and_english_stop_words_do_not_count(tmp_path):
    _, scores = ranked(tmp_path, ["The HARBOUR", "the mountain"], ["the harbour", "the"])
    assert scores[0, 0] > scores[0, 1] == 0
    assert (scores[1] == 0).all()


def test_where_nothing_matches_the_later_document_is_the_better_one(tmp_path):
    rows, scores = ranked(tmp_path, ["snow", "harbour", ""], ["boats", ""], depth=2)
    assert rows.tolist() == [[2, 1], [2, 1]] and not scores.any()


def test_documents_without_a_word(tmp_path):
    rows, scores = ranked(tmp_path, ["...", ""], ["snow"])
    assert rows.tolist() == [[1, 0]] and not scores.any()


def test_blocks_of_queries_make_the_whole(tmp_path, monkeypatch):
    documents, queries = ["snow mountain", "harbour snow", "dog"], ["snow", "dog", "harbour snow"]
    whole = ranked(tmp_path / "1", documents, queries)
    monkeypatch.setattr(bm25, "_SCORES", 1)
    for one, other in zip(whole, ranked(tmp_path / "2", documents, queries), strict=True):
        assert (one == other).all()
