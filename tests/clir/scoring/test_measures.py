import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import stats

from clir import tables
from clir.scoring import measures
from clir.scoring.summary import summarise


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
    ranked = measures.best(np.zeros((documents, documents), np.float16), documents)
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


@given(
    scores=npst.arrays(
        np.float32, st.tuples(st.integers(1, 4), st.integers(1, 12)), elements=st.integers(0, 3)
    ),
    depth=st.integers(1, 14),
)
def test_best_is_trec_evals_order(scores, depth):
    found = measures.best(scores, depth)
    for row, columns in zip(scores, found, strict=True):
        expected = sorted(range(len(row)), key=lambda d: (-row[d], -d))[:depth]
        assert list(columns) == expected


def test_paired_tests_are_scipys():
    rng = np.random.default_rng(1)
    ours, base = rng.random((5, 30)), rng.random((5, 30))
    ours[4] = base[4]
    difference = ours - base
    p_values = measures.paired_p_values(
        difference.mean(axis=1), difference.std(axis=1, ddof=1), np.full(5, 30)
    )
    assert p_values[:4] == pytest.approx(stats.ttest_rel(ours[:4], base[:4], axis=1).pvalue)
    assert p_values[4] == 1.0


def test_summary_averages_seeds_and_pairs_before_it_tests():
    rows = []
    for method, gain in (("zero-shot", 0.0), ("ml-cs", 0.1)):
        for seed in (1, 2):
            for langs in (("en", "de"), ("de", "en")):
                for query in range(6):
                    noise = 0.02 * (query % 3) + (0.05 if seed == 1 else -0.05)
                    value = 0.3 + gain * (1 + query % 2) + noise
                    flawed = query == 5 or (query == 0 and langs == ("en", "de"))
                    rows.append(("m", method, "", seed, "c", "news", "CLIR", *langs, 1, 0,
                                 f"q{query}", flawed, "MRR@10", value))  # fmt: skip
    found = pd.DataFrame(summarise(pd.DataFrame(rows, columns=tables.MEASURES.names)))
    mean = found[(found["query_lang"] == "all") & (found["domain"] == "all")].set_index("method")
    assert mean.loc["ml-cs", "value"] == pytest.approx(0.3 + 0.15 + 0.02)
    assert mean.loc["ml-cs", "zero_shot_value"] == pytest.approx(0.32)
    assert mean.loc["ml-cs", "queries"] == 6
    assert 0 < mean.loc["ml-cs", "p_value"] < 0.01
    # One test of the mean; the pairs are a family of their own, of two tests.
    assert mean.loc["ml-cs", "p_bonferroni"] == mean.loc["ml-cs", "p_value"]
    pair = found[(found["query_lang"] == "en") & (found["domain"] == "all")].set_index("method")
    assert pair.loc["ml-cs", "p_bonferroni"] == pytest.approx(2 * pair.loc["ml-cs", "p_value"])
    assert pd.isna(pair.loc["zero-shot", "p_value"])
    # Without failed translations: query 5 is gone, of query 0 one pair is left.
    assert list(mean["masked_queries"]) == [5, 5] and list(pair["masked_queries"]) == [4, 4]
    assert mean.loc["zero-shot", "masked_value"] == pytest.approx(0.3 + 0.02 * 4 / 5)
    assert pair.loc["zero-shot", "masked_value"] == pytest.approx(0.3 + 0.02 * 4 / 4)
