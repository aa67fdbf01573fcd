"""The types of an experiment file's values, and what all its sections have in common."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from clir import names
from clir.families import FAMILIES, LOSSES
from clir.languages import check_collection_language, check_language
from clir.switching.methods import METHODS


def row_of(table: Mapping[str, object], kind: str) -> AfterValidator:
    """The check that a name is one of a table's rows."""

    def check(name: str) -> str:
        if name not in table:
            raise ValueError(f"{name!r} is no {kind}; there are {', '.join(table)}")
        return name

    return AfterValidator(check)


FamilyName = Annotated[str, row_of(FAMILIES, "family")]
LossName = Annotated[str, row_of(LOSSES, "loss")]
MethodName = Annotated[str, row_of(METHODS, "method")]
LexiconOrigin = Literal["word-vectors", "wikipedia-titles", "dictionary"]
# How matrices are multiplied. auto: in bf16 on a GPU or a CPU with units for it, else in fp32.
Precision = Literal["auto", "fp32", "bf16"]
LanguageCode = Annotated[str, AfterValidator(check_language)]
# What a collection may be in, beyond the languages that lexicons are made for.
CollectionLanguage = Annotated[str, AfterValidator(check_collection_language)]
# Names that files are called by.
FileName = Annotated[str, AfterValidator(names.check_component)]
Domain = Annotated[str, AfterValidator(names.check_domain)]  # encoded
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]  # what Spark, NumPy and torch all take
Item = TypeVar("Item")


def each_once(values: list[Item]) -> list[Item]:
    twice = [value for at, value in enumerate(values) if value in values[:at]]
    if twice:
        raise ValueError(f"{twice[0]} is named twice")
    return values


def filled(values: list[Item]) -> list[Item]:
    if not values:
        raise ValueError("it is empty; name at least one")
    return values


Distinct = Annotated[list[Item], AfterValidator(each_once)]
Several = Annotated[list[Item], AfterValidator(filled), AfterValidator(each_once)]
# Files or folders; a single one needs no list.
Paths = Annotated[list[Path], BeforeValidator(lambda v: [v] if isinstance(v, str | Path) else v)]


def keys_as_text(value: Any) -> Any:
    """YAML reads a key of digits as a number."""
    return {str(k): v for k, v in value.items()} if isinstance(value, dict) else value


class Section(BaseModel):
    """A section of the file: a key that it does not have is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)
