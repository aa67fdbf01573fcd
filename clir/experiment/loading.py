"""Read an experiment file, and say all that is wrong with it.

A YAML file, with ``${NAME:-default}`` replaced from the environment, then ``--set key.path=value``
overrides (values are YAML too). Every job reads the same file.
"""

import argparse
import os
import re
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic import ValidationError

from clir.errors import InputError
from clir.experiment.file import Experiment


class Problem(NamedTuple):
    """Something that is wrong with an experiment, and the keys that it was seen by."""

    message: str
    keys: tuple[str, ...]


Check = Callable[[Experiment], Iterable[Problem]]


def problem(message: str, *keys: str) -> Problem:
    """A problem whose line begins with the first of its keys."""
    return Problem(f"{keys[0]}: {message}", keys)


def from_command_line(description: str | None, *checks: Check) -> Experiment:
    """The experiment that the arguments of every job name (``command_line``).

    ``checks``: what the job looks at before it starts, such as files. InputError lists all that is
    wrong, a line each.
    """
    arguments = command_line(description).parse_args()
    return load(arguments.config, arguments.set, *checks)


def command_line(description: str | None) -> argparse.ArgumentParser:
    """The arguments of every job: ``--config FILE [--set key=value ...]``."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, required=True, help="the experiment file (YAML)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override a field, such as training.steps=100; may be repeated",
    )
    return parser


def load(path: Path, overrides: list[str] | None = None, *checks: Check) -> Experiment:
    """Read an experiment file. InputError lists all that is wrong with it, a line each.

    Looks at nothing but the file, unless ``checks`` do.
    """
    from clir.experiment import consistency  # it reads experiments

    values = _values(path, overrides or [])
    wrong = [*_left_over(values)]
    experiment: Experiment | None
    try:
        experiment = Experiment.model_validate(values)
    except ValidationError as error:
        wrong += [_explained(one) for one in error.errors()]
        experiment = _without(values, wrong)
    if experiment is not None:
        unsure = {key for one in wrong for key in one.keys}
        for check in (consistency.problems, *checks):
            wrong += [one for one in check(experiment) if not _touches(one.keys, unsure)]
    if wrong:
        raise InputError("\n".join(dict.fromkeys(f"{path}: {one.message}" for one in wrong)))
    assert experiment is not None
    return experiment


def _values(path: Path, overrides: list[str]) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InputError(f"{path}: cannot read the experiment file: {why}") from None
    try:
        values = yaml.safe_load(_expand(text))
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise InputError(f"{path}: expected keys such as name, output, collections")
    for override in overrides:
        _override(values, override)
    return values


def _expand(text: str) -> str:
    return re.sub(r"\$\{(\w+):-([^{}]*)\}", lambda m: os.environ.get(m[1], m[2]), text)


def _left_over(value: Any, *place: str) -> Iterator[Problem]:
    """Names of the environment, or of a home folder, that nobody replaces."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            yield from _left_over(inner, *place, str(key))
    elif isinstance(value, str) and (found := re.search(r"\$\{[^}]*\}?|^\$\w+|^~(?=/|$)", value)):
        yield problem(
            f"{found[0]} is not replaced here: write the value, or ${{NAME:-default}} in the "
            "experiment file",
            ".".join(place),
        )


def _override(values: dict[str, Any], override: str) -> None:
    key, separator, value = override.partition("=")
    if not separator:
        raise InputError(f"--set {override}: expected key=value, such as training.steps=100")
    *parents, last = key.split(".")
    for parent in parents:
        values = values.setdefault(parent, {})
        if not isinstance(values, dict):
            raise InputError(f"--set {override}: {parent} is no section")
    try:
        values[last] = yaml.safe_load(value)
    except yaml.YAMLError:
        raise InputError(f"--set {override}: {value!r} is not YAML") from None


def _explained(error: Any) -> Problem:
    """One of pydantic's errors. An unknown key makes its whole section unsure."""
    location = tuple(part for part in error["loc"] if part != "[key]")
    place = ".".join(str(part) for part in location)
    if error["type"] == "extra_forbidden":
        valid = ", ".join(_keys_beside(location))
        section = ".".join(str(part) for part in location[:-1])
        return Problem(f"unknown key {place}; valid here: {valid}", (section or place, place))
    return problem(error["msg"].removeprefix("Value error, "), place)


def _without(values: dict[str, Any], wrong: list[Problem]) -> Experiment | None:
    """The experiment without the values that are wrong, to look at the rest; None if it needs them.

    An item of a list goes alone, so the rest of the list is still looked at.
    """
    left = deepcopy(values)
    places = {tuple(one.keys[-1].split(".")) for one in wrong}
    # The last items first, since those behind a deleted one move up.
    for *parents, last in sorted(places, key=lambda place: [p.zfill(9) for p in place])[::-1]:
        section: Any = left
        for part in parents:
            section = _inside(section, part)
        if isinstance(section, list) and last.isdigit() and int(last) < len(section):
            del section[int(last)]
        elif isinstance(section, dict):
            for key in [key for key in section if str(key) == last]:
                del section[key]
    if left == values:
        return None
    try:
        return Experiment.model_validate(left)
    except ValidationError as error:  # such as a list that is empty now
        return _without(left, [_explained(one) for one in error.errors()])


def _inside(section: Any, part: str) -> Any:
    if isinstance(section, list):
        return section[int(part)] if part.isdigit() and int(part) < len(section) else None
    if isinstance(section, dict):
        return next((inner for key, inner in section.items() if str(key) == part), None)
    return None


def _touches(keys: Iterable[str], others: set[str]) -> bool:
    """Whether some key is one of the others, or inside it, or around it."""
    return any(
        f"{key}.".startswith(f"{other}.") or f"{other}.".startswith(f"{key}.")
        for key in keys
        for other in others
    )


def _keys_beside(location: tuple[int | str, ...]) -> list[str]:
    """The keys of the section that a wrong key stands in."""
    section: Any = Experiment
    for part in location[:-1]:
        if isinstance(part, str) and part in getattr(section, "model_fields", {}):
            section = section.model_fields[part].annotation
        arguments = [a for a in getattr(section, "__args__", ()) if hasattr(a, "model_fields")]
        section = arguments[-1] if arguments else section
    return sorted(getattr(section, "model_fields", {}))
