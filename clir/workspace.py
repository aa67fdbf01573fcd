"""Every folder of an experiment by its name, in the order in which they are made.

A stage makes a folder with a manifest (``clir.manifest``); beside them lie two files, the report.
All paths are absolute: workers of engines do not run in this process's folder.
"""

from __future__ import annotations

from pathlib import Path

from clir import names
from clir.output_folder import OutputFolder


class Workspace(OutputFolder):
    """The results of an experiment, each by its place in the output folder."""

    @property
    def log(self) -> Path:
        """What engines say; no result."""
        return self.output / "engines.log"

    @property
    def titles(self) -> Path:
        """Titles that articles of different languages link."""
        return self.output / "titles"

    @property
    def rejected_titles(self) -> Path:
        """What could not be read of dumps that failed; it has no manifest."""
        return self.output / "titles.rejected"

    @property
    def collections(self) -> Path:
        """Documents, queries, judgments, candidates of all collections, and flawed translations."""
        return self.output / "collections"

    def vectors(self, lang: str) -> Path:
        """Word vectors trained on texts of a language."""
        return self.output / "vectors" / lang

    @property
    def vector_lexicon(self) -> Path:
        """The lexicon of nearest neighbours among word vectors."""
        return self.output / "vector_lexicon"

    @property
    def lexicon(self) -> Path:
        """Entries of all sources."""
        return self.output / "lexicon"

    @property
    def lexicon_card(self) -> Path:
        """What each lexicon is worth."""
        return self.output / "lexicon_card"

    @property
    def training_candidates(self) -> Path:
        """What negatives of training pairs are drawn from."""
        return self.output / "training_candidates"

    def switchers(self, method: str) -> Path:
        """A method's look-up tables."""
        return self.output / "switchers" / method

    @property
    def translators(self) -> Path:
        """Look-up tables of every language into English."""
        return self.switchers("translate-test")

    def pairs(self, method: str) -> Path:
        """A method's training pairs."""
        return self.output / "pairs" / method

    def switch_rates(self, method: str) -> Path:
        """Rates of a method that switches on the fly."""
        return self.output / "switch_rates" / method

    def tokenizer(self, model: str) -> Path:
        """The tokenizer of a model from scratch."""
        return self.output / "tokenizers" / model

    @property
    def checkpoints(self) -> Path:
        """The place that training locks; its checkpoints lie in the private place."""
        return self.output / "checkpoints"

    def model(self, run: str) -> Path:
        """What a run trained."""
        return self.output / "models" / run

    @property
    def candidates(self) -> Path:
        """What is reranked."""
        return self.output / "candidates"

    def evaluation(self, system: str) -> Path:
        """A system's runs and per-query values."""
        return self.output / "evaluation" / system

    @property
    def summary(self) -> Path:
        """Means and tests, for programs."""
        return self.output / "summary.json"

    @property
    def report(self) -> Path:
        """The same for people."""
        return self.output / "report.html"


def run_name(model: str, method: str, seed: int, without: str | None) -> str:
    """What a trained model is called, and a system that ranks with one."""
    return f"{model}.{method}.{seed}" + (f".without-{names.encoded(without)}" if without else "")
