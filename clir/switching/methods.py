"""The methods, a row each: what one trains on, and what it does at test time.

Whatever depends on the method asks this table. The order is that of reports.
"""

from collections.abc import Iterable
from typing import Literal, NamedTuple

BASELINE = "zero-shot"  # what all others are compared with; its pairs are what is switched


class Method(NamedTuple):
    """How a method makes its training pairs, or whose models it ranks with."""

    name: str
    # What English pairs are switched into: the languages of switching.pair, one a side, or those of
    # switching.languages, drawn among them. None: nothing is switched.
    into: Literal["pair", "languages"] | None = None
    # The lexicons asked. Words are drawn one by one, each with a language of its own, by
    # switching.probability; phrases by switching.phrase_probability, with one language a text.
    chain: Literal["words", "phrases"] = "words"
    # Whether it trains on the collections' own texts in the languages of switching.pair.
    translated: bool = False
    # Whose models it ranks with, every text translated into English; it trains none of its own.
    models_of: str | None = None
    # What its models learn from: the labels of pairs; or the vectors that the base, as it was,
    # gives the English texts, while they read these texts switched (self-distillation). None:
    # nothing is learnt, the base ranks as it comes.
    learns_from: Literal["labels", "itself"] | None = "labels"
    # Whether the first stage of its name ranks, by words alone, and no model.
    by_words: bool = False

    @property
    def trained(self) -> str | None:
        """The method whose models it ranks with."""
        return None if self.by_words else self.models_of or self.name

    @property
    def translates(self) -> bool:
        """Whether texts are translated into English before they are ranked."""
        return self.models_of is not None

    @property
    def looks_up(self) -> bool:
        """Whether it needs a lexicon."""
        return self.into is not None or self.translates


METHODS = {
    method.name: method
    for method in (
        Method("bm25", learns_from=None, by_words=True),
        Method("off-the-shelf", learns_from=None),
        Method("zero-shot"),
        Method("translate-test", models_of="zero-shot"),
        Method("bl-cs", into="pair"),
        Method("ml-cs", into="languages"),
        Method("wiki-cs", into="languages", chain="phrases"),
        Method("translate-test-ml-cs", models_of="ml-cs"),
        Method("self-distillation", into="languages", learns_from="itself"),
        Method("fine-tuning", translated=True),
    )
}


# What a model from scratch can do: where nothing was learnt before, nothing can be kept.
FROM_SCRATCH = [row.name for row in METHODS.values() if row.learns_from == "labels"]


def trained(names: Iterable[str]) -> list[str]:
    """The methods whose models these rank with, each once, in the order of the table."""
    wanted = {METHODS[name].trained for name in names}
    return [name for name in METHODS if name in wanted]
