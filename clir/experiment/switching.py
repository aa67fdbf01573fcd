"""How English training pairs become multilingual ones."""

from typing import Literal

from pydantic import NonNegativeInt, PositiveInt

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
    copies: PositiveInt = 1  # differently shuffled and switched passes over the pairs
    # Whether training switches the English pairs as it reads them, anew in every pass; else they
    # are written down switched. Self-distillation does so always.
    on_the_fly: bool = False
    # Passages that do not answer, per positive, for losses that learn from them: random ones of the
    # collection, a first stage's best on English, or the collection's own (triples, top1000, ...).
    negatives: NonNegativeInt = 4
    negatives_from: FirstStageName | Literal["random", "collection"] = "random"
    negatives_depth: PositiveInt = 100  # of a first stage's best that are drawn from
    # How the domains are mixed: by their sizes to the power of 1 / temperature (1: as they are;
    # the higher, the more even), or by the weights given here for every domain.
    domain_temperature: Positive = 1.0
    domain_weights: dict[str, NotNegative] = {}
    title_pairs: bool = False  # also train on (title, text) of every document that has a title
