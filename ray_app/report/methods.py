"""Methods by conditions, a table for each measure."""

import pandas as pd

from clir.experiment import Experiment
from clir.scoring.measures import MEASURES
from ray_app.report import rows


def section(experiment: Experiment, summary: pd.DataFrame) -> dict[str, object]:
    part = rows.means(summary)
    conditions = rows.conditions(part)
    tables = {measure: rows.by_method(part, measure, conditions) for measure in MEASURES}
    return {"conditions": conditions, "tables": tables}
