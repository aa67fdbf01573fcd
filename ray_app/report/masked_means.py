"""Means with and without failed translations."""

import pandas as pd

from clir.experiment import Experiment
from ray_app.report import rows


def section(experiment: Experiment, summary: pd.DataFrame) -> dict[str, object] | None:
    """None where no translation failed."""
    part = rows.means(summary)
    shown = part[(part["measure"] == rows.SHOWN) & (part["masked_queries"] > 0)]
    if (shown["masked_value"] == shown["value"]).all():
        return None
    conditions, lines = rows.conditions(part), {}
    for method in rows.methods(shown):
        found = shown[shown["method"] == method].set_index("condition")
        pairs = {row.Index: (row.value, row.masked_value) for row in found.itertuples()}
        lines[method] = [pairs.get(condition) for condition in conditions]
    return {"measure": rows.SHOWN, "conditions": conditions, "lines": lines}
