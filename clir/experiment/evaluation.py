"""What is ranked and scored."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, PositiveInt

from clir.experiment.types import (
    CollectionLanguage,
    FileName,
    Precision,
    Section,
    Several,
    keys_as_text,
)
from clir.languages import FOURTEEN, OF_COLLECTIONS, SEEN, UNSEEN
from clir.retrieval.first_stages import FirstStageName


class Evaluation(Section):
    """What is ranked and scored."""

    # Of MoIR and CLIR; None: all that there are.
    languages: Several[CollectionLanguage] | None = None
    mlir: Annotated[dict[FileName, list[CollectionLanguage]], BeforeValidator(keys_as_text)] = {
        "6": SEEN,
        "14": SEEN + UNSEEN,
    }
    mlir_draws: PositiveInt = 1  # independent draws of each id's language
    depth: PositiveInt = 1000  # ranks kept per query
    # What is reranked: a first stage's best on English, whatever the languages (and where there is
    # no English, the collection's own), or the collections' own candidates alone (runs, top1000).
    candidates_from: FirstStageName | Literal["collection"] = "bm25"
    batch_size: PositiveInt = 256
    precision: Precision = "auto"
    workers: PositiveInt = 1

    def mixed(self, held: set[str]) -> dict[str, list[str]]:
        """The sets of languages that MLIR draws from, by their names.

        A collection that holds languages beyond the fourteen that no set names has one more set,
        of all its languages.
        """
        every = [code for code in OF_COLLECTIONS if code in held]
        named = FOURTEEN.keys() | {lang for langs in self.mlir.values() for lang in langs}
        return self.mlir | ({"all": every} if held - named else {})
