"""Language by language: a map for each method."""

import io

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from clir.experiment import Experiment
from clir.languages import OF_COLLECTIONS
from ray_app.report import rows


def section(experiment: Experiment, summary: pd.DataFrame) -> dict[str, object]:
    """Query languages down, document languages across; one scale of colours for all maps."""
    pairs = rows.pairs(summary[summary["measure"] == rows.SHOWN])
    queries, documents = (
        rows.present(pairs[side], OF_COLLECTIONS) for side in ("query_lang", "doc_lang")
    )
    top = max(pairs["value"].max(), 0.01)
    maps = {}
    for method in rows.methods(pairs):
        part = pairs[pairs["method"] == method]
        grid = part.pivot_table(index="query_lang", columns="doc_lang", values="value")
        maps[method] = _svg(grid.reindex(queries, columns=documents), top)
    return {"measure": rows.SHOWN, "maps": maps}


def _svg(grid: pd.DataFrame, top: float) -> str:
    down, across = grid.shape
    figure = Figure(figsize=(0.34 * across + 1, 0.34 * down + 1))
    axes = figure.subplots()
    axes.imshow(grid, vmin=0, vmax=top, cmap="viridis")
    axes.set_xticks(range(across), grid.columns)
    axes.set_yticks(range(down), grid.index)
    axes.set_xlabel("documents")
    axes.set_ylabel("queries")
    axes.tick_params(length=0)
    for row, column in zip(*np.nonzero(grid.notna().to_numpy()), strict=True):
        value = grid.iloc[row, column]
        axes.text(
            column, row, f"{100 * value:.0f}", ha="center", va="center", fontsize=7,
            color="white" if value < 0.6 * top else "black",
        )  # fmt: skip
    buffer = io.StringIO()
    # A fixed salt and no date: the same results are the same bytes.
    with matplotlib.rc_context({"svg.hashsalt": "clir", "svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None})
    return buffer.getvalue()[buffer.getvalue().index("<svg") :]
