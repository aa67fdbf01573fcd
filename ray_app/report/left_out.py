"""A domain never seen: methods that were trained with and without it, tested on it."""

import numpy as np
import pandas as pd

from clir.experiment import Experiment
from ray_app.report import rows

MEASURES = ("MAP", "recall@50")


def section(experiment: Experiment, summary: pd.DataFrame) -> dict[str, object] | None:
    """None where no domain was left out."""
    if not (left := experiment.leave_out):
        return None
    on_it = summary[
        (summary["model"] == left.model)
        & (summary["domain"] == left.domain)
        & (summary["query_lang"] == "all")
    ]
    without = on_it[on_it["without_domain"] == left.domain]
    lines = []
    for method in rows.methods(without):
        for condition in rows.conditions(without):
            here = on_it[(on_it["method"] == method) & (on_it["condition"] == condition)]
            means = here.groupby(["measure", "without_domain"])["value"].mean()
            cells = [means.get((m, key), np.nan) for m in MEASURES for key in ("", left.domain)]
            lines.append({"method": method, "condition": condition, "cells": cells})
    return {"domain": left.domain, "measures": MEASURES, "lines": lines} if lines else None
