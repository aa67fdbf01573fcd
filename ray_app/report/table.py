"""The table that is printed in the terminal."""

import json

from rich.markup import escape
from rich.table import Table

from clir import progress
from clir.experiment import Experiment
from ray_app.report import rows


def print_table(experiment: Experiment) -> None:
    """The means of every method in every condition, to the terminal."""
    summary = rows.frame(json.loads(experiment.workspace.summary.read_text()))
    for model, collection, part in rows.by_model(experiment, rows.means(summary)):
        # A name is no markup: rich would take te[s]t for a style.
        title = escape(f"{model} on {collection}: {rows.SHOWN} (* differs from zero-shot)")
        columns = rows.conditions(part)
        table = Table(title=title)
        table.add_column("method")
        for condition in columns:
            table.add_column(condition, justify="right")
        for line in rows.by_method(part, rows.SHOWN, columns):
            table.add_row(escape(line["method"]), *(cell["text"] for cell in line["cells"]))
        progress.show(table)
    progress.say(f"summary: {experiment.workspace.summary}")
    progress.say(f"report:  {experiment.workspace.report}")
