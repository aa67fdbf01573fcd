"""Settings, draws and rankings, without an engine."""

import numpy as np
import pyarrow as pa
import pytest

from clir.experiment import Evaluation
from ray_app.evaluation import ranking, texts


def test_settings_of_a_collection_with_three_languages():
    found = list(texts.settings(["ar", "de", "en"], Evaluation()))
    moir = [s.query_lang for s in found if s.name == "MoIR"]
    clir = [s.label for s in found if s.name == "CLIR"]
    assert sorted(moir) == ["ar", "de", "en"] and len(clir) == 6 and "de.ar" in clir
    mlir = {s.name: s.label for s in found if s.name.startswith("MLIR") and "14" in s.label}
    assert mlir == {
        "MLIR-xx-en": "xx-14-1.en",
        "MLIR-en-xx": "en.xx-14-1",
        "MLIR-xx-xx": "xx-14-1.xx-14-1",
    }


def test_every_id_draws_one_language_whatever_else_is_there():
    ids = pa.array([f"d{n}" for n in range(3000)])
    first = texts.drawn(ids, ["ar", "de", "en"], draw=1)
    assert (texts.drawn(ids.slice(1000), ["ar", "de", "en"], draw=1) == first[1000:]).all()
    assert (texts.drawn(ids, ["ar", "de", "en"], draw=2) != first).any()
    assert np.unique(first, return_counts=True)[1] == pytest.approx([1000] * 3, rel=0.1)


def test_ranking_in_blocks_is_ranking_at_once():
    rng = np.random.default_rng(1)
    queries = rng.integers(0, 3, (5, 4)).astype(np.float32)  # few values: many ties
    documents = rng.integers(0, 3, (40, 4)).astype(np.float32)
    scores = queries @ documents.T
    expected = np.array([sorted(range(40), key=lambda d: (-row[d], -d))[:7] for row in scores])
    shuffled = rng.permutation(40)
    for blocks in ([np.arange(40)], [np.sort(shuffled[:3]), np.sort(shuffled[3:])]):
        found = ranking.by_vectors(queries, ((places, documents[places]) for places in blocks), 7)
        assert (found.documents == expected).all()
        assert (found.scores == np.take_along_axis(scores, expected, 1)).all()


def test_candidates_missing_at_the_end_come_last():
    found = ranking.of_candidates(np.array([[4, 2, -1]]), np.array([[1.0, 1.0, 99.0]]))
    assert found.documents.tolist() == [[4, 2, -1]]
