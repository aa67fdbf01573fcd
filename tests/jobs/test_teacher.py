"""A cross-encoder teaches: it scores the English pairs, and another model learns its scores."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from ray_app.models.ranker import Ranker
from tests.sample_runs import command, linked, run, succeed

STUDENT = {"family": "static", "methods": ["zero-shot", "ml-cs"], "loss": "margin-mse",
           "vocabulary": 3000, "hidden_size": 16, "steps": 4}  # fmt: skip


@pytest.fixture(scope="module")
def taught(finished, tmp_path_factory):
    """An output folder, the settings of a teacher, and its folder."""
    output = tmp_path_factory.mktemp("taught")
    linked(output, finished, "collections", "lexicon", "pairs/zero-shot", "switchers/ml-cs")
    folder = finished / "models" / "cross-encoder.zero-shot.1"
    teacher = {"base": str(folder), "max_length": 64, "precision": "fp32", "workers": 2}
    settings = [
        f"models={json.dumps({'student': STUDENT})}",
        f"teacher={json.dumps(teacher)}",
        "switching.on_the_fly=true",
        "training.workers=1",
        "leave_out=null",
    ]
    refused = run(*command(output, *settings, job="train"))
    assert refused.returncode == 2 and "scored_pairs" in refused.stderr.splitlines()[0]
    succeed(*command(output, *settings, job="score_pairs"))
    return output, settings, folder


def test_every_pair_has_the_teachers_score_in_its_place(taught):
    output, _, folder = taught
    ranker = Ranker("cross-encoder", folder, max_length=64, batch_size=64)
    names = {path.name for path in (output / "pairs/zero-shot/data").glob("*.parquet")}
    scored = sorted((output / "scored_pairs/data").glob("*.parquet"))
    assert {path.name for path in scored} == names
    for path in scored:
        plain = pq.read_table(output / "pairs/zero-shot/data" / path.name)
        found = pq.read_table(path)
        assert found.drop_columns("score") == plain.select(found.column_names).drop_columns("score")
        sides = (found[side].combine_chunks() for side in ("query", "passage"))
        np.testing.assert_allclose(found["score"], ranker.score(*sides), atol=1e-5)


def test_a_student_learns_the_scores_of_pairs_that_are_switched_as_it_reads_them(taught):
    output, settings, _ = taught
    succeed(*command(output, *settings, job="train"), "--here")
    for method in ("zero-shot", "ml-cs"):
        card = (output / "models" / f"student.{method}.1" / "README.md").read_text()
        assert "| loss | margin-mse |" in card
