"""How English training pairs become multilingual ones."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from clir.experiment.types import Distinct, LanguageCode, NotNegative, Positive, Section, Share
from clir.languages import SEEN
from clir.retrieval.first_stages import FirstStageName


class Switching(Section):
    """How English training pairs become multilingual ones."""

    # What methods switch into (clir.switching.methods says which of them do what).
    languages: Distinct[LanguageCode] = [code for code in SEEN if code != "en"]
    pair: tuple[LanguageCode, LanguageCode] = ("de", "ar")  # of queries, of passages
    probability: Share = 0.5  # of a word, in methods that switch words
    phrase_probability: Share = 1.0  # of a phrase, in those that switch phrases
    distillation_probability: Share = 1.0  # of a word, in self-distillation
    # Of the pairs of methods that switch: so many stay English on both sides (hybrid batches,
    # arXiv 2408.10536).
    english_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    copies: PositiveInt = 1  # differently shuffled and switched passes over the pairs
    # Whether training switches the English pairs as it reads them, anew in every pass; else they
    # are written down switched. Self-distillation does so always.
    on_the_fly: bool = False
    # Passages that do not answer, per positive, for losses that learn from them: random ones of the
    # collection, a first stage's best on English, or the collection's own (triples, top1000, ...).
    negatives: NonNegativeInt = 4
    negatives_from: FirstStageName | Literal["random", "collection"] = "random"
    # Of a first stage's best: so many are drawn from, without the very first ones, which may answer
    # though nobody has judged them, and without those that score higher than this share of the
    # score of the right passage (positive-aware mining, arXiv 2407.15831), where that is found.
    negatives_depth: PositiveInt = 100
    negatives_skip: NonNegativeInt = 0
    negatives_below: Positive | None = None
    # How the domains are mixed: by their sizes to the power of 1 / temperature (1: as they are;
    # the higher, the more even), or by the weights given here for every domain.
    domain_temperature: Positive = 1.0
    domain_weights: dict[str, NotNegative] = {}
    title_pairs: bool = False  # also train on (title, text) of every document that has a title
