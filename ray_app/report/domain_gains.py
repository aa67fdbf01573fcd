"""Gain over zero-shot by domain and condition."""

import pandas as pd

from clir.experiment import Experiment
from clir.switching.methods import BASELINE
from ray_app.report import rows


def section(experiment: Experiment, summary: pd.DataFrame) -> dict[str, object] | None:
    """None where there is no zero-shot."""
    part = summary[
        (summary["query_lang"] == "all")
        & (summary["measure"] == rows.SHOWN)
        & (summary["without_domain"] == "")
        & summary["zero_shot_value"].notna()
    ]
    if not len(part):
        return None
    conditions = rows.conditions(part)
    others = part[part["method"] != BASELINE]
    groups = dict(iter(others.groupby(["domain", "method"])))
    lines = [
        {"domain": domain, "method": method, "cells": rows.cells(found, conditions, gains=True)}
        for domain in sorted(others["domain"].unique())
        for method in rows.methods(others)
        if (found := groups.get((domain, method))) is not None
    ]
    return {"measure": rows.SHOWN, "conditions": conditions, "lines": lines}
