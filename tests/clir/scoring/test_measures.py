import numpy as np
import pandas as pd
import pytest
from ir_measures import RR, P

from clir.retrieval.top_k import top_k
from clir.scoring import measures


def run(*rows):
    return pd.DataFrame(rows, columns=["query_id", "doc_id", "rank"])


def qrels(*rows):
    return pd.DataFrame(rows, columns=["query_id", "doc_id", "grade"])


def test_measures_counted_by_hand():
    values = measures.per_query(
        qrels(("q1", "a", 2), ("q1", "b", 1), ("q2", "x", 1), ("q3", "z", 1)),
        run(
            *[("q1", document, rank) for rank, document in enumerate("cab", 1)],
            *[("q2", f"d{n}", n) for n in range(1, 11)],
            ("q2", "x", 11),
        ),
    )
    table = values.pivot(index="query_id", columns="measure", values="value")
    assert table.loc["q1", "MRR@10"] == 1 / 2
    assert table.loc["q1", "MAP"] == pytest.approx((1 / 2 + 2 / 3) / 2)
    gains = 2 / np.log2(3) + 1 / np.log2(4)
    assert table.loc["q1", "nDCG@10"] == pytest.approx(gains / (2 + 1 / np.log2(3)))
    assert table.loc["q2", "MRR@10"] == 0 and table.loc["q2", "recall@50"] == 1
    assert (table.loc["q3"] == 0).all()  # a query that the run does not have


def test_a_constant_scorer_scores_as_badly_as_chance():
    """Ties go by document id, so a scorer that knows nothing finds nothing."""
    documents = 100
    ranked = top_k(np.zeros((documents, documents), np.float16), documents)
    rows = [
        (f"q{q}", f"d{d:03}", rank + 1)
        for q in range(documents)
        for rank, d in enumerate(ranked[q])
    ]
    judged = qrels(*[(f"q{n}", f"d{n:03}", 1) for n in range(documents)])
    values = measures.per_query(judged, run(*rows))
    mean = values.groupby("measure")["value"].mean()
    chance = sum(1 / rank for rank in range(1, 11)) / documents
    assert mean["MRR@10"] == pytest.approx(chance)
    assert mean["recall@50"] == pytest.approx(0.5)


def test_a_measure_is_a_row_of_the_table(monkeypatch):
    table = measures.MEASURES | {"MRR@20": RR @ 20, "MRR": RR, "P@5": P @ 5}
    monkeypatch.setattr(measures, "MEASURES", table)
    values = measures.per_query(
        qrels(("q", "d4", 1), ("late", "d15", 1)),
        run(*[(query, f"d{n}", n) for query in ("q", "late") for n in range(1, 31)]),
    )
    found = values.pivot(index="query_id", columns="measure", values="value")
    assert set(found.columns) == set(table)
    names = ["MRR@10", "MRR@20", "MRR", "P@5"]
    assert list(found.loc["q", names]) == [1 / 4, 1 / 4, 1 / 4, 1 / 5]
    assert list(found.loc["late", names]) == [0, 1 / 15, 1 / 15, 0]
