"""A trained model's card: README.md in its folder, as model hubs show it."""

import hashlib
import json
import re
from pathlib import Path

import yaml

from clir import tables
from clir.switching.methods import METHODS
from ray_app.training.runs import Run

_LICENCE = re.compile(r"^license: *(\S+)", re.MULTILINE)


def card(run: Run) -> str:
    """What a model is, what it was trained on, and by which settings."""
    about: dict[str, object] = {
        "library_name": "sentence-transformers",
        "language": ["en", *_languages(run)],
        "tags": ["cross-lingual-retrieval", run.model.family, run.method],
    }
    beginning = "trained from scratch"
    if run.base is not None:
        about["base_model"] = run.model.base
        beginning = f"made from {run.model.base}"
        if licence := _licence(run.base.folder):
            about["license"] = licence
    rows = "".join(f"| {name} | {value} |\n" for name, value in _facts(run).items())
    return (
        f"---\n{yaml.safe_dump(about)}---\n# {run.name}\n\n"
        f"A {run.model.family} for retrieval across languages, {beginning}.\n\n"
        f"| | |\n|---|---|\n{rows}\n"
        "How well it ranks stands in summary.json and report.html of its experiment.\n"
    )


def _facts(run: Run) -> dict[str, object]:
    facts: dict[str, object] = {"method": run.method}
    if run.goes_on_from is not None:
        facts["goes on from"] = run.goes_on_from.name
    learns_from = METHODS[run.method].learns_from
    if learns_from:
        facts |= _training_data(run)
    if run.without_domain:
        facts["domain left out"] = run.without_domain
    if run.plan.switches:
        facts["switched into"] = ", ".join(_languages(run))
        facts["lexicons, in the order asked"] = ", ".join(run.plan.origins)
        facts["probability of switching"] = run.plan.probability
    if learns_from == "labels":
        facts["loss"] = run.model.learns_by.name
    if learns_from:
        pairs = run.model.batch_size * run.model.accumulate
        facts["steps"] = f"{run.model.steps:,} of about {pairs} pairs"
        facts["learning rate"] = run.model.learning_rate
        facts["seed"] = run.seed
    facts["longest input"] = f"{run.model.max_length} tokens"
    for side in ("query", "passage"):
        if prefix := getattr(run.model, f"{side}_prefix"):
            facts[f"before every {side}"] = f"`{prefix}`"
    made = json.dumps(run.origin, sort_keys=True).encode()
    facts["hash of inputs and settings"] = f"sha256 {hashlib.sha256(made).hexdigest()}"
    facts["made by"] = f"clir {run.origin['version']}"
    return facts


def _languages(run: Run) -> list[str]:
    """Those that its texts were switched into."""
    return list(dict.fromkeys(lang for _, langs in run.plan.sides for lang in langs))


def _training_data(run: Run) -> dict[str, str]:
    found: dict[str, set[str]] = {"collection": set(), "domain": set()}
    for batch in tables.dataset(run.pairs).to_batches(columns=[*found]):
        for name, values in found.items():
            values |= set(batch[name].unique().to_pylist())
    return {f"training {name}s": ", ".join(sorted(values)) for name, values in found.items()}


def _licence(base: Path) -> str | None:
    """The licence that a base's own card names."""
    path = base / "README.md"
    if not path.is_file():
        return None
    _, *head = path.read_text(encoding="utf-8", errors="replace").split("---\n", 2)
    found = _LICENCE.search(head[0]) if len(head) == 2 else None
    return found[1] if found else None
