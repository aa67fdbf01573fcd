"""Negatives and the mixture of domains, on tables small enough to count."""

from collections import Counter

import pytest

from clir.errors import InputError
from clir.experiment import Switching
from spark_etl import training_pairs
from spark_etl.negatives import (
    candidate_negatives,
    hard_candidates,
    number_passages,
    random_negatives,
)

KEYS = "collection string, query_id string, doc_id string"


@pytest.fixture(scope="module")
def passages(spark):
    rows = [("a", f"a{n}") for n in range(300)] + [("b", f"b{n}") for n in range(5)]
    return spark().createDataFrame(rows, "collection string, doc_id string")


def test_passages_are_numbered_from_0_whatever_the_partitions(passages):
    found = {
        tuple(sorted((r.collection, r.number, r.doc_id) for r in number_passages(table).collect()))
        for table in (passages.coalesce(1), passages.repartition(5))
    }
    (rows,) = found
    assert [number for name, number, _ in rows if name == "a"] == list(range(300))
    assert [number for name, number, _ in rows if name == "b"] == list(range(5))


def test_random_negatives_come_from_the_same_collection(spark, passages):
    positives = spark().createDataFrame(
        [("a", f"q{n}", f"a{n}") for n in range(100)] + [("b", "q1", "b1")], KEYS
    )
    rows = random_negatives(positives, passages, 3, seed=1).collect()
    assert Counter((r.collection, r.query_id) for r in rows).most_common()[-1][1] == 3
    assert all(row.negative.startswith(row.collection) for row in rows)
    assert len({row.negative for row in rows}) > 150  # 300 draws among 300 passages


def test_candidate_negatives_are_unjudged_candidates(spark):
    def table(*rows):
        return spark().createDataFrame([("c", *row) for row in rows], KEYS)

    candidates = table(*(("q1", f"d{n}") for n in range(8)), ("q2", "d1"), ("q3", "d3"))
    judged = table(("q1", "d0"), ("q1", "d5"), ("q2", "d2"), ("q3", "d3"))
    positives = table(("q1", "d0"), ("q1", "d5"), ("q2", "d2"), ("q3", "d3"))
    drawn = [candidate_negatives(positives, candidates, judged, 2, seed) for seed in (1, 2)]
    found = [{(r.query_id, r.doc_id, r.negative) for r in each.collect()} for each in drawn]
    for rows in found:
        counts = Counter((query, positive) for query, positive, _ in rows)
        assert counts == {("q1", "d0"): 2, ("q1", "d5"): 2, ("q2", "d2"): 1}
        assert not {negative for query, _, negative in rows if query == "q1"} & {"d0", "d5"}
    assert found[0] != found[1]


def test_hard_negatives_by_their_ranks_and_scores(spark):
    rows = [
        ("c", query, f"d{rank}", rank, 10.0 - rank) for query in ("q", "p") for rank in (1, 2, 3, 4)
    ]
    candidates = spark().createDataFrame(rows, f"{KEYS}, rank int, score double")
    judged = spark().createDataFrame([("c", "q", "d2"), ("c", "p", "gone")], KEYS)

    def kept(**settings):
        found = hard_candidates(candidates, judged, Switching(**settings)).collect()
        return {query: sorted(r.doc_id for r in found if r.query_id == query) for query in "qp"}

    assert kept() == {query: ["d1", "d2", "d3", "d4"] for query in "qp"}
    assert kept(negatives_skip=2) == {query: ["d3", "d4"] for query in "qp"}
    # The right passage of q has 8; where none was found, nothing is known.
    assert kept(negatives_below=0.8) == {"q": ["d4"], "p": ["d1", "d2", "d3", "d4"]}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"copies": 3}, {"news": 3, "social": 3}),
        # As many pairs in all (80), half of each domain.
        ({"copies": 2, "domain_temperature": 1e9}, {"news": 40 / 30, "social": 4}),
        ({"copies": 2, "domain_weights": {"news": 3, "social": 1}}, {"news": 2, "social": 2}),
        ({"domain_weights": {"news": 0, "social": 1}}, {"news": 0, "social": 4}),
    ],
)
def test_passes_over_domains(settings, expected):
    passes = training_pairs.passes_over_domains({"news": 30, "social": 10}, Switching(**settings))
    assert passes == pytest.approx(expected, abs=1e-5)


def test_a_domain_without_a_weight_is_named():
    with pytest.raises(InputError, match="no weight for social"):
        training_pairs.passes_over_domains(
            {"news": 1, "social": 1}, Switching(domain_weights={"news": 1})
        )
