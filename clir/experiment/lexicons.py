"""Where an experiment's lexicons come from."""

from pathlib import Path
from typing import Literal

from pydantic import NonNegativeInt, PositiveInt

from clir.experiment.types import (
    Distinct,
    LanguageCode,
    LexiconOrigin,
    Paths,
    Positive,
    Section,
    Share,
)


class VectorTraining(Section):
    """How fastText trains word vectors (skipgram) on ``lexicons.vector_texts``."""

    dimensions: PositiveInt = 100  # as many as given vectors have, if some are given
    epochs: PositiveInt = 5
    min_count: PositiveInt = 5  # rarer words get no vector
    # In characters. With little text they make words near that are spelled alike; (0, 0): none.
    subwords: tuple[NonNegativeInt, NonNegativeInt] = (3, 6)
    buckets: PositiveInt = 2_000_000  # vectors that subwords share: 4 bytes x dimensions each
    learning_rate: Positive = 0.05
    threads: PositiveInt = 1  # with more, no two trainings give the same vectors


class Lexicons(Section):
    """Where lexicons come from, and which ones each method asks, the first that has a word wins."""

    dictionary: Path | None = None  # a folder of en-XX.tsv or en-XX.txt, perhaps .gz
    # Of methods that switch words, or translate; and of those that switch phrases.
    words: Distinct[LexiconOrigin] = ["dictionary", "wikipedia-titles"]
    phrases: Distinct[LexiconOrigin] = ["wikipedia-titles"]
    translations: PositiveInt = 1  # how many translations of a word may be drawn
    # The share of the English training texts' words that the chain of words must cover for each
    # language that is switched into; the run ends where it does not.
    minimum_coverage: Share = 0.0
    vectors: dict[LanguageCode, Path] = {}  # .vec, .vec.gz or .bin of English and other languages
    vector_texts: dict[LanguageCode, Paths] = {}  # of languages without vectors, to train them on
    vector_training: VectorTraining = VectorTraining()
    vector_words: PositiveInt = 200_000  # the most frequent of each language
    vector_seed: Literal["wikipedia-titles", "dictionary"] = "wikipedia-titles"  # to align by
