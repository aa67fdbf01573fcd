"""The results as files: summary.json for programs, and report.html for people."""

import json
from functools import partial
from pathlib import Path

import pandas as pd
import pyarrow.dataset

from clir import manifest, stages, tables
from clir.errors import InputError
from clir.experiment import Experiment
from clir.scoring.summary import summarise
from ray_app.evaluation.systems import plan_systems
from ray_app.report.page import page
from ray_app.report.rows import frame


def write(experiment: Experiment) -> Path:
    """Write summary.json and report.html into the experiment's folder; the report's path.

    InputError where a result that they tell of is not there, or was made from other settings than
    the experiment's.
    """
    workspace = experiment.workspace
    for path in (workspace.summary, workspace.report):
        manifest.check_replaceable(workspace, path)
    for look in stages.looks(experiment):
        if look.why:
            raise InputError(
                f"{look.stage.folder}: {look.why}; run jobs/run_experiment.py (or the job that "
                "makes it), so that the report tells of these settings"
            )
    rows = summarise(_values(experiment))
    for path, text in (
        (workspace.summary, json.dumps(rows, indent=0, ensure_ascii=False) + "\n"),
        (workspace.report, page(experiment, frame(rows))),
    ):
        manifest.replace(workspace, path, partial(Path.write_text, data=text, encoding="utf-8"))
    return workspace.report


def _values(experiment: Experiment) -> pd.DataFrame:
    """Per-query values of every system, verified."""
    workspace = experiment.workspace
    evaluations = [system.folder for system in plan_systems(experiment)]
    for folder in (*evaluations, workspace.lexicon_card):
        manifest.verify(workspace, folder)
    values = pyarrow.dataset.dataset(
        [str(p) for folder in evaluations for p in sorted((folder / "measures").glob("*.parquet"))]
    ).to_table()
    tables.check(values.schema, tables.MEASURES, str(workspace.evaluation("*")))
    if not values.num_rows:
        raise InputError(
            "nothing was scored: between the languages that evaluation and models.*.pairs ask for, "
            "no test collection has queries with a judged document"
        )
    return values.to_pandas()
