"""Every folder of an experiment by its name, in the order in which they are made.

A stage makes a folder with a manifest (``clir.manifest``); beside them lie two files, the report.
All paths are absolute: workers of engines do not run in this process's folder.
"""

from pathlib import Path

from clir import names
from clir.output_folder import OutputFolder


class _Place:
    """The path of a result by its name in the output folder."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, workspace: OutputFolder, _: object) -> Path:
        return workspace.output / self.name


class Workspace(OutputFolder):
    """The results of an experiment, each by its place in the output folder."""

    log = _Place("engines.log")  # what engines say; no result
    tensorboard = _Place("tensorboard")  # what training tells of itself; no result
    titles = _Place("titles")  # that articles of different languages link
    # What could not be read of dumps that failed; it has no manifest.
    rejected_titles = _Place("titles.rejected")
    # Documents, queries, judgments, candidates of all collections, and flawed translations.
    collections = _Place("collections")

    def vectors(self, lang: str) -> Path:
        """Word vectors trained on texts of a language."""
        return self.output / "vectors" / lang

    vector_lexicon = _Place("vector_lexicon")  # nearest neighbours among word vectors
    lexicon = _Place("lexicon")  # entries of all sources
    lexicon_card = _Place("lexicon_card")  # what each lexicon is worth
    training_candidates = _Place("training_candidates")  # that negatives of pairs are drawn from

    def switchers(self, method: str) -> Path:
        """A method's look-up tables."""
        return self.output / "switchers" / method

    translators = _Place("switchers/translate-test")  # every language into English

    def pairs(self, method: str) -> Path:
        """A method's training pairs."""
        return self.output / "pairs" / method

    scored_pairs = _Place("scored_pairs")  # English ones with a teacher's scores

    def switch_rates(self, method: str) -> Path:
        """Rates of a method that switches on the fly."""
        return self.output / "switch_rates" / method

    def tokenizer(self, model: str) -> Path:
        """The tokenizer of a model from scratch."""
        return self.output / "tokenizers" / model

    checkpoints = _Place("checkpoints")  # training locks it; they lie in the private place

    packaged_encoder = _Place("base_models/multilingual-e5-small")  # pip brings it

    def model(self, run: str) -> Path:
        """What a run trained."""
        return self.output / "models" / run

    candidates = _Place("candidates")  # what is reranked

    def evaluation(self, system: str) -> Path:
        """A system's runs and per-query values."""
        return self.output / "evaluation" / system

    summary = _Place("summary.json")  # means and tests, for programs
    report = _Place("report.html")  # the same for people


def run_name(model: str, method: str, seed: int, without: str | None) -> str:
    """What a trained model is called, and a system that ranks with one."""
    return f"{model}.{method}.{seed}" + (f".without-{names.encoded(without)}" if without else "")
