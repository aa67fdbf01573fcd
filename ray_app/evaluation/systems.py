"""Who ranks, and what is read for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from clir.experiment import Evaluation
from clir.families import Family


@dataclass(frozen=True)
class System:
    """One way to rank: a trained model, reading texts as they are or translated into English."""

    name: str
    model_name: str
    family: Family
    method: str
    seed: int
    without_domain: str | None
    model: Path
    max_length: int
    candidates: int  # that are reranked per query, by a family that does
    translates: bool
    work: Path  # where its results are made


@dataclass(frozen=True)
class Sources:
    """Where all items read from."""

    tables: Path
    translators: Path | None  # of Translate-Test, if any system asks for it
    candidates: Path | None
    split: str
    evaluation: Evaluation
    hashes: bool = True  # whether what an earlier start left is checked by hash, else by size
