"""What an experiment reads: dumps of Wikipedias, and retrieval collections."""

from pathlib import Path
from typing import Any, Self

from pydantic import model_validator

from clir import names
from clir.experiment.types import CollectionLanguage, Domain, LanguageCode, Section, Share


class Dumps(Section):
    """The dumps of one Wikipedia."""

    lang: LanguageCode
    page: Path
    langlinks: Path
    max_bad_share: Share = 0.001  # of rows that may be unreadable before the run fails


class Collection(Section):
    """A folder in one of the layouts of ``clir.collections.layouts``, or one of ir_datasets.

    A folder's domain is in its about.json unless given here; ``lang`` is that of a collection in
    one language, English unless given, and ``query_lang`` that of its queries, if it is another.
    """

    path: Path | None = None
    name: str | None = None
    domain: Domain | None = None
    lang: CollectionLanguage | None = None
    query_lang: CollectionLanguage | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_path(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _path_or_name(self) -> Self:
        if (self.path is None) == (self.name is None):
            raise ValueError("a collection has either a path or a name")
        names.check_component(self.id)
        return self

    @property
    def place(self) -> str:
        """Where it is, for messages."""
        return str(self.path or self.name)

    @property
    def id(self) -> str:
        """What tables and files call it: the folder's name, or the name with dashes."""
        return self.path.name if self.path else str(self.name).replace("/", "-")


class Collections(Section):
    """Which collections train and which test."""

    train: list[Collection]
    test: list[Collection]
    train_split: str = "train"
    test_split: str = "test"
    # Of a split's judgments (or candidates) that name a document or query that the collection
    # lacks: so many are dropped and counted, more end the run.
    max_missing_share: Share = 0.01
