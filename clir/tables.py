"""The Arrow schema of every table that crosses a stage; how it is read, and checked for columns."""

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from clir.errors import InputError

if TYPE_CHECKING:
    import pyarrow.dataset


def _schema(**columns: pa.DataType) -> pa.Schema:
    return pa.schema(list(columns.items()))


_TEXT, _INT, _COUNT, _REAL = pa.string(), pa.int64(), pa.int32(), pa.float64()
_YES_NO, _COUNTS = pa.bool_(), pa.list_(pa.int32())

TITLES = _schema(
    page_id=_INT, source_lang=_TEXT, source_title=_TEXT, target_lang=_TEXT, target_title=_TEXT
)
LEXICON = _schema(
    source_lang=_TEXT,
    target_lang=_TEXT,
    source_term=_TEXT,
    target_term=_TEXT,
    source_words=_COUNT,
    rank=_COUNT,  # 1 is the best translation of the term into the language
    score=_REAL,  # of titles, how many Wikipedias say so; of vectors, their nearness (CSLS)
    copy=_YES_NO,  # the translation is the source term, as look-ups take them
    origin=_TEXT,  # wikipedia-titles, word-vectors or dictionary
)
DOCUMENTS = _schema(
    collection=_TEXT, domain=_TEXT, lang=_TEXT, doc_id=_TEXT, title=_TEXT, text=_TEXT
)
QUERIES = _schema(collection=_TEXT, domain=_TEXT, lang=_TEXT, query_id=_TEXT, text=_TEXT)
TEXT_IDS = {"documents": "doc_id", "queries": "query_id"}  # tables of texts, by their ids
FLAWED = _schema(  # translations that failed, of a collection's documents and queries
    collection=_TEXT,
    kind=_TEXT,  # documents or queries
    lang=_TEXT,
    id=_TEXT,
    flaw=_TEXT,
)
JUDGMENTS = _schema(collection=_TEXT, split=_TEXT, query_id=_TEXT, doc_id=_TEXT, grade=_COUNT)
CANDIDATES = _schema(
    collection=_TEXT,
    split=_TEXT,
    query_lang=_TEXT,  # null: whatever language the texts with these ids are in
    doc_lang=_TEXT,
    query_id=_TEXT,
    doc_id=_TEXT,
    rank=_COUNT,  # the best is 1; null where the source tells none
    score=_REAL,  # the same
    source=_TEXT,  # a first stage; triples (a negative of them), top1000, scoreddocs, a run's tag
)
PAIRS = _schema(
    pair_id=_TEXT,
    collection=_TEXT,
    domain=_TEXT,
    query_id=_TEXT,
    doc_id=_TEXT,
    query_lang=_TEXT,
    doc_lang=_TEXT,
    query=_TEXT,
    passage=_TEXT,
    label=_COUNT,
    score=_REAL,  # a teacher's; null: it gave none
)
SWITCHED_PAIRS = _schema(
    **{field.name: field.type for field in PAIRS},
    method=_TEXT,
    probability=_REAL,
    seed=_INT,
    query_words=_COUNT,
    query_switched=_COUNT,
    query_by_language=_COUNTS,  # words switched into each of the method's languages, in its order
    query_copied=_COUNTS,  # words whose translation is the same word, likewise
    passage_words=_COUNT,
    passage_switched=_COUNT,
    passage_by_language=_COUNTS,
    passage_copied=_COUNTS,
)
RUNS = _schema(
    model=_TEXT,  # the evaluated run: model, method, seed
    collection=_TEXT,
    condition=_TEXT,  # MoIR, CLIR, MLIR-xx-en, ...
    query_lang=_TEXT,
    doc_lang=_TEXT,
    query_id=_TEXT,
    doc_id=_TEXT,
    rank=_COUNT,
    score=_REAL,
)
MEASURES = _schema(
    model=_TEXT,
    method=_TEXT,
    without_domain=_TEXT,  # that was left out in training; empty: none
    seed=_INT,
    collection=_TEXT,
    domain=_TEXT,
    condition=_TEXT,
    query_lang=_TEXT,
    doc_lang=_TEXT,
    languages=_COUNT,  # that each id's one was drawn among; 1: none was drawn
    draw=_COUNT,  # the number of the draw; 0: none was made
    query_id=_TEXT,
    flawed=_YES_NO,  # the query or a relevant document of it is a translation that failed
    measure=_TEXT,
    value=_REAL,
)


def dataset(folder: Path) -> "pyarrow.dataset.Dataset":
    """The rows in a folder's Parquet files, file by file in the order of their names."""
    import pyarrow.dataset  # 0.15 s, which workers that read none can save

    return pyarrow.dataset.dataset(sorted(map(str, folder.glob("*.parquet"))))


def check(schema: pa.Schema, expected: pa.Schema, where: str) -> None:
    """InputError naming ``where`` unless ``schema`` has the expected columns and types."""
    for field in expected:
        if field.name not in schema.names:
            raise InputError(f"{where}: column {field.name} is missing; it has {schema.names}")
        found = schema.field(field.name).type
        if found != field.type:
            raise InputError(f"{where}: column {field.name} is {found}, expected {field.type}")
