"""How one method switches in an experiment: which side into what, how often, and on the fly or not.

A plan only says; ``switching.pairs`` lays out what it looks words up in.
"""

from pathlib import Path
from typing import NamedTuple

from clir.experiment import Experiment
from clir.switching.methods import BASELINE, METHODS


class Plan(NamedTuple):
    """How one method switches: the languages of each side, and what is replaced how often."""

    method: str
    query_languages: tuple[str, ...]  # empty: this side is left alone
    passage_languages: tuple[str, ...]
    probability: float
    origins: tuple[str, ...]  # the chain of lexicons asked
    phrases: bool  # phrases of up to three words, language drawn per text; else words
    translations: int
    english_share: float = 0.0  # of pairs, which are left alone

    @property
    def sides(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        return ("query", self.query_languages), ("passage", self.passage_languages)

    @property
    def switches(self) -> bool:
        return bool(self.query_languages or self.passage_languages)


class OnTheFly(NamedTuple):
    """How training switches pairs as it reads them."""

    plan: Plan
    switchers: Path
    seed: int  # of the draws: the experiment's first, as of pairs that are written
    keeps_english: bool = False  # whether the texts before they are switched are read as well


def plan(experiment: Experiment, method: str) -> Plan:
    """The plan of a trained method, from the experiment."""
    switching, lexicon, row = experiment.switching, experiment.lexicons, METHODS[method]
    if row.into is None:
        return Plan(method, (), (), 0.0, (), False, lexicon.translations)
    query = passage = tuple(switching.languages)
    if row.into == "pair":
        query, passage = (() if lang == "en" else (lang,) for lang in switching.pair)
    phrases = row.chain == "phrases"
    share = switching.phrase_probability if phrases else switching.probability
    if row.learns_from == "itself":
        share = switching.distillation_probability
    chain = tuple(getattr(lexicon, row.chain))
    left = switching.english_share
    return Plan(method, query, passage, share, chain, phrases, lexicon.translations, left)


def on_the_fly(experiment: Experiment, method: str) -> OnTheFly | None:
    """How a method's pairs are switched while training reads them, or None: they lie switched."""
    chosen = plan(experiment, method)
    by_itself = METHODS[method].learns_from == "itself"
    if not (chosen.switches and (experiment.switching.on_the_fly or by_itself)):
        return None
    switchers = experiment.workspace.switchers(method)
    return OnTheFly(chosen, switchers, experiment.seeds[0], keeps_english=by_itself)


def pairs_folder(experiment: Experiment, method: str) -> Path:
    """Where the pairs lie that a method reads: its own, or the English ones it switches."""
    read = BASELINE if on_the_fly(experiment, method) else method
    return experiment.workspace.pairs(read)
