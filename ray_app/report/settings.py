"""What was run: the whole experiment file, with defaults."""

import pandas as pd
import yaml

from clir.experiment import Experiment


def section(experiment: Experiment, summary: pd.DataFrame) -> dict[str, object]:
    return {"yaml": yaml.safe_dump(experiment.model_dump(mode="json"), sort_keys=False)}
