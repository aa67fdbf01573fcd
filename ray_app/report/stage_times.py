"""Where time went: every finished stage, in the order of the work."""

import pandas as pd

from clir import manifest, stages
from clir.experiment import Experiment


def section(experiment: Experiment, summary: pd.DataFrame) -> dict[str, object]:
    lines = []
    for stage in stages.every(experiment):
        if made := manifest.manifest_of(stage.folder):
            counts = manifest.in_words(made["counts"])
            name = str(stage.folder.relative_to(experiment.workspace.output))
            lines.append({"stage": name, "seconds": made["seconds"], "counts": counts})
    return {"lines": lines}
