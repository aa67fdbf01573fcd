"""The results as files: summary.json, one self-contained report.html, and a table to print."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
import jinja2
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pyarrow.dataset
import yaml
from rich.markup import escape
from rich.table import Table

from clir import manifest, progress, stages, tables
from clir.errors import InputError
from clir.experiment import Experiment, LeaveOut
from clir.languages import OF_COLLECTIONS
from clir.scoring.measures import MEASURES
from clir.scoring.summary import summarise
from clir.switching.methods import BASELINE, METHODS
from ray_app.evaluation.systems import plan_systems

_CONDITIONS = ("MoIR", "CLIR", "MLIR", "MLIR-xx-en", "MLIR-en-xx", "MLIR-xx-xx")
_SHOWN = "MRR@10"  # the measure of the heat maps and of the terminal's table
_SIGNIFICANT = 0.05


def write(experiment: Experiment) -> Path:
    """Write summary.json and report.html into the experiment's folder; the report's path.

    InputError where a result that they tell of is not there, or was made from other settings than
    the experiment's.
    """
    workspace = experiment.workspace
    summary, report = workspace.summary, workspace.report
    for path in (summary, report):
        manifest.check_replaceable(workspace, path)
    for look in stages.looks(experiment):
        if look.why:
            raise InputError(
                f"{look.stage.folder}: {look.why}; run jobs/run_experiment.py (or the job that "
                "makes it), so that the report tells of these settings"
            )
    evaluations = [system.folder for system in plan_systems(experiment)]
    for folder in (*evaluations, workspace.lexicon_card):
        manifest.verify(workspace, folder)
    values = pyarrow.dataset.dataset(
        [str(p) for folder in evaluations for p in sorted((folder / "measures").glob("*.parquet"))]
    ).to_table()
    tables.check(values.schema, tables.MEASURES, str(workspace.evaluation("*")))
    if not values.num_rows:
        raise InputError(
            "nothing was scored: between the languages that evaluation and models.*.pairs ask for, "
            "no test collection has queries with a judged document"
        )
    rows = summarise(values.to_pandas())
    for path, text in (
        (summary, json.dumps(rows, indent=0, ensure_ascii=False) + "\n"),
        (report, _page(experiment, pd.DataFrame(rows))),
    ):
        manifest.replace(workspace, path, partial(Path.write_text, data=text, encoding="utf-8"))
    return report


def print_table(experiment: Experiment) -> None:
    """The means of every method in every condition, to the terminal."""
    rows = pd.DataFrame(json.loads((experiment.workspace.summary).read_text()))
    for model, collection, part in _parts(experiment, _means(rows)):
        # A name is no markup: rich would take te[s]t for a style.
        title = escape(f"{model} on {collection}: {_SHOWN} (* differs from zero-shot)")
        table = Table(title=title)
        table.add_column("method")
        for condition in _present(part):
            table.add_column(condition, justify="right")
        for line in _by_method(part, _SHOWN):
            table.add_row(escape(line["method"]), *(cell["text"] for cell in line["cells"]))
        progress.show(table)
    progress.say(f"summary: {experiment.workspace.summary}")
    progress.say(f"report:  {experiment.workspace.report}")


def _page(experiment: Experiment, rows: pd.DataFrame) -> str:
    means = _means(rows)
    sections = []
    for model, collection, part in _parts(experiment, means):
        here = rows[(rows["model"] == model) & (rows["collection"] == collection)]
        sections.append(
            {
                "model": model,
                "collection": collection,
                "conditions": _present(part),
                "tables": [{"measure": m, "lines": _by_method(part, m)} for m in MEASURES],
                "heat_maps": _heat_maps(here),
                "domains": _domain_gains(here),
                "masked": _masked(part),
            }
        )
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True
    )
    return environment.get_template("report.html").render(
        experiment=experiment,
        settings_yaml=yaml.safe_dump(experiment.model_dump(mode="json"), sort_keys=False),
        sections=sections,
        present=_languages(rows),
        left_out=_left_out(rows, experiment.leave_out) if experiment.leave_out else None,
        cards=_cards(experiment),
        flaws=_flaws(experiment),
        stages=_stages(experiment),
        languages=OF_COLLECTIONS,
    )


def _languages(rows: pd.DataFrame) -> list[str]:
    """Those of the queries and documents that were ranked."""
    found = {*rows["query_lang"], *rows["doc_lang"]}
    return [code for code in OF_COLLECTIONS if code in found]


def _means(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[
        (rows["query_lang"] == "all") & (rows["domain"] == "all") & (rows["without_domain"] == "")
    ]


def _parts(experiment: Experiment, rows: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Models, collections and their rows, in the order of the experiment file."""
    for model in experiment.models:
        for collection in (collection.id for collection in experiment.collections.test):
            part = rows[(rows["model"] == model) & (rows["collection"] == collection)]
            if len(part):
                yield model, collection, part


def _present(part: pd.DataFrame) -> list[str]:
    return [condition for condition in _CONDITIONS if (part["condition"] == condition).any()]


def _by_method(part: pd.DataFrame, measure: str) -> list[dict[str, Any]]:
    """Lines of a table of methods by conditions; the order of methods is that of their CLIR."""
    chosen = part[part["measure"] == measure]
    lines = []
    for method in _ordered(chosen["method"].unique()):
        cells = []
        for condition in _present(part):
            found = chosen[(chosen["method"] == method) & (chosen["condition"] == condition)]
            cells.append(_cell(found.iloc[0]) if len(found) else {"text": "", "tone": ""})
        lines.append({"method": method, "cells": cells})
    return lines


def _ordered(methods: Any) -> list[str]:
    order = list(METHODS)
    return sorted(methods, key=order.index)


def _cell(row: pd.Series) -> dict[str, Any]:
    significant = row["p_bonferroni"] is not None and row["p_bonferroni"] < _SIGNIFICANT
    gain = 0.0 if pd.isna(row["zero_shot_value"]) else row["value"] - row["zero_shot_value"]
    tone = ("up" if gain > 0 else "down") if significant else ""
    title = f"{int(row['queries'])} queries"
    if significant or not pd.isna(row["p_value"]):
        title += f"; {gain:+.3f} against zero-shot, p {row['p_value']:.2g}"
        title += f", Bonferroni {row['p_bonferroni']:.2g}"
    return {"text": f"{row['value']:.3f}{'*' if significant else ''}", "tone": tone, "title": title}


def _heat_maps(rows: pd.DataFrame) -> list[dict[str, str]]:
    """One map per method: query languages down, document languages across."""
    pairs = rows[
        (rows["measure"] == _SHOWN)
        & (rows["domain"] == "all")
        & rows["condition"].isin(["MoIR", "CLIR"])
        & (rows["query_lang"] != "all")
        & (rows["without_domain"] == "")
    ]
    sides = {
        side: [code for code in OF_COLLECTIONS if (pairs[side] == code).any()]
        for side in ("query_lang", "doc_lang")
    }
    top = max(pairs["value"].max(), 0.01)
    maps = []
    for method in _ordered(pairs["method"].unique()):
        part = pairs[pairs["method"] == method]
        grid = part.pivot_table(index="query_lang", columns="doc_lang", values="value")
        grid = grid.reindex(sides["query_lang"], columns=sides["doc_lang"])
        maps.append({"method": method, "svg": _heat_map(grid, top)})
    return maps


def _heat_map(grid: pd.DataFrame, top: float) -> str:
    rows, columns = grid.shape
    figure, axes = plt.subplots(figsize=(0.34 * columns + 1, 0.34 * rows + 1))
    axes.imshow(grid, vmin=0, vmax=top, cmap="viridis")
    axes.set_xticks(range(columns), grid.columns)
    axes.set_yticks(range(rows), grid.index)
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
    plt.close(figure)
    return buffer.getvalue()[buffer.getvalue().index("<svg") :]


def _domain_gains(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Gain over zero-shot by domain and condition."""
    part = rows[
        (rows["query_lang"] == "all")
        & (rows["measure"] == _SHOWN)
        & (rows["method"] != BASELINE)
        & (rows["without_domain"] == "")
    ]
    lines = []
    for (domain, method), group in part.groupby(["domain", "method"], sort=True):
        cells = []
        for condition in _present(part):
            found = group[group["condition"] == condition]
            cell = _cell(found.iloc[0]) if len(found) else {"text": "", "tone": "", "title": ""}
            if len(found):
                gain = found.iloc[0]["value"] - found.iloc[0]["zero_shot_value"]
                cell["text"] = f"{gain:+.3f}{'*' if cell['tone'] else ''}"
            cells.append(cell)
        lines.append({"domain": domain, "method": method, "cells": cells})
    return lines


def _left_out(rows: pd.DataFrame, left: LeaveOut) -> list[dict[str, Any]]:
    """Methods trained with and without a domain, tested on that domain (MAP and recall@50)."""
    on_it = rows[
        (rows["model"] == left.model)
        & (rows["domain"] == left.domain)
        & (rows["query_lang"] == "all")
    ]
    without = on_it[on_it["without_domain"] == left.domain]
    lines = []
    for method in _ordered(without["method"].unique()):
        for condition in _present(without):
            line: dict[str, Any] = {"method": method, "domain": left.domain, "condition": condition}
            here = on_it[(on_it["method"] == method) & (on_it["condition"] == condition)]
            for measure in ("MAP", "recall@50"):
                values = here[here["measure"] == measure].groupby("without_domain")["value"].mean()
                line[f"{measure} with"] = values.get("", np.nan)
                line[f"{measure} without"] = values.get(left.domain, np.nan)
            lines.append(line)
    return lines


def _masked(part: pd.DataFrame) -> list[dict[str, Any]]:
    """Means with and without failed translations; nothing where none failed."""
    shown = part[(part["measure"] == _SHOWN) & (part["masked_queries"] > 0)]
    if (shown["masked_value"] == shown["value"]).all():
        return []
    lines = []
    for method in _ordered(shown["method"].unique()):
        cells = []
        for condition in _present(part):
            found = shown[(shown["method"] == method) & (shown["condition"] == condition)]
            text = "".join(f"{r.value:.3f} / {r.masked_value:.3f}" for r in found.itertuples())
            cells.append(text)
        lines.append({"method": method, "cells": cells})
    return lines


def _flaws(experiment: Experiment) -> list[dict[str, Any]]:
    """How many translations failed, and why: a line per collection and language that has some."""
    counts = manifest.read(experiment.workspace.collections)["counts"]["flaws"]
    return [
        {"collection": name, "lang": lang, "flaws": flaws}
        for name, langs in counts.items()
        for lang, flaws in langs.items()
    ]


def _cards(experiment: Experiment) -> list[dict[str, Any]]:
    return json.loads((experiment.workspace.lexicon_card / "card.json").read_text())


def _stages(experiment: Experiment) -> list[dict[str, Any]]:
    """Every finished stage with its seconds and counts, in the order of the work."""
    told = []
    for stage in stages.every(experiment):
        if made := manifest.manifest_of(stage.folder):
            counts = manifest.in_words(made["counts"])
            name = str(stage.folder.relative_to(experiment.workspace.output))
            told.append({"name": name, "seconds": made["seconds"], "counts": counts})
    return told
