"""Negatives that a teacher takes for answers, without an engine."""

import pyarrow as pa

from ray_app.training.teacher_scores import RightScores


def pairs(*rows):
    names = ["query_id", "label", "score"]
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    return pa.RecordBatch.from_pydict({"collection": ["c"] * len(rows), **columns})


def test_a_negative_scores_far_below_the_right_passages_of_its_query():
    right = RightScores()
    part = pairs(("a", 1, 5.0), ("a", 1, 4.0), ("a", 0, 3.5), ("a", 0, 2.9), ("b", 1, 1.0))
    assert right.far_enough(part, margin=1.0).tolist() == [True, True, False, True, True]
    # The next part begins within a query: what was right of it is known.
    part = pairs(("b", 0, 0.5), ("b", 0, -1.0), ("a", 0, 9.0))
    assert right.far_enough(part, margin=1.0).tolist() == [False, True, True]
    assert right.far_enough(pairs(("b", 0, 9.0)).slice(0, 0), margin=1.0).tolist() == []
