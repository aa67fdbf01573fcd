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
    others = part[part["method"] != BASELINE].groupby(["domain", "method"], sort=True)
    lines = [
        {"domain": domain, "method": method, "cells": rows.cells(group, conditions, gains=True)}
        for (domain, method), group in others
    ]
    return {"measure": rows.SHOWN, "conditions": conditions, "lines": lines}
