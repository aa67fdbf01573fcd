"""How many translations failed, and why."""

import pandas as pd

from clir import manifest
from clir.experiment import Experiment
from clir.languages import OF_COLLECTIONS


def section(experiment: Experiment, summary: pd.DataFrame) -> dict[str, object] | None:
    """A line per collection and language that has some; None where none failed."""
    counts = manifest.read(experiment.workspace.collections)["counts"]["flaws"]
    lines = [
        {"collection": name, "language": OF_COLLECTIONS[lang].name, "flaws": flaws}
        for name, langs in counts.items()
        for lang, flaws in langs.items()
    ]
    return {"lines": lines} if lines else None
