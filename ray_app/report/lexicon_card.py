"""The lexicon's quality card."""

import json

import pandas as pd

from clir.experiment import Experiment
from clir.languages import OF_COLLECTIONS


def section(experiment: Experiment, summary: pd.DataFrame) -> dict[str, object]:
    cards = json.loads((experiment.workspace.lexicon_card / "card.json").read_text())
    return {"cards": cards, "languages": OF_COLLECTIONS}
