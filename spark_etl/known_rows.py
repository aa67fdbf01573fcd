"""Judgments and candidates of documents and queries that the collection has; the others counted.

An id that is not known as it stands may be known as what it stands for: percent-encoded as in
TREC's files, or in quotes as Python's csv writes it. Rows whose ids are known, nearly all, are
joined once and left where they are; only the others are looked at closer.
"""

import shutil
from functools import reduce
from pathlib import Path

from pyspark.sql import Column, DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from clir.collections import reading
from clir.collections.layouts import Part
from clir.errors import InputError
from clir.tables import TEXT_IDS
from spark_etl.session import read_table

_ROW = ["collection", "split", "query_id", "doc_id"]
_TOLD = 1000  # unknown ids that are looked up in the files, to name the first


def keep(
    session: SparkSession, out: Path, kind: str, files: list[Part], most: float
) -> dict[str, int]:
    """Drop what the collection lacks from ``out / kind``; counts of rows kept and dropped.

    InputError where it is more than the share ``most`` of a collection's split.
    """
    table = read_table(session, out / kind)
    if table.isEmpty():
        return {kind: 0}
    texts = {key: read_table(session, out / of) for of, key in TEXT_IDS.items()}
    staging = out / "unknown"
    missing = (table.join(texts[key], ["collection", key], "left_anti") for key in texts)
    reduce(DataFrame.unionByName, missing).write.parquet(str(staging))
    unknown = read_table(session, staging).distinct()
    dropped: dict[str, int] = {}
    if not unknown.isEmpty():
        found = _looked_up(unknown, texts).cache()
        lost = found.where("missing is not null")
        _refuse_many(lost, table, kind, files, most)
        for row in sorted(lost.groupBy("missing").count().collect()):
            dropped[f"{kind} dropped: unknown {row['missing']}"] = row["count"]
        whole = found.where("missing is null").select(*table.columns)
        kept = table.join(unknown.select(*_ROW).distinct(), _ROW, "left_anti")
        kept = said_once(kept.select(*table.columns).unionByName(whole), kind)
        kept.write.parquet(str(out / "known"))
        found.unpersist()
        shutil.rmtree(out / kind)
        (out / "known").rename(out / kind)
    shutil.rmtree(staging)
    return {kind: read_table(session, out / kind).count(), **dropped}


def said_once(rows: DataFrame, kind: str) -> DataFrame:
    """Splits overlap (MS MARCO's dev.small is a part of its dev), and triples repeat themselves:
    what is said twice is said once. Of two grades for one document, the higher one holds.
    """
    if kind == "judgments":
        rows = rows.groupBy(*_ROW).agg(F.max("grade").alias("grade"))
    else:
        rows = rows.distinct()
    return rows.orderBy(*(name for name in rows.columns if name != "text"))


def _looked_up(unknown: DataFrame, texts: dict[str, DataFrame]) -> DataFrame:
    """Rows with the ids they stand for, and (``missing``) which one no text has, if any.

    The ids as they were stand in ``raw_query_id`` and ``raw_doc_id``.
    """
    for key, table in texts.items():
        raw = f"raw_{key}"
        unknown = unknown.withColumnRenamed(key, raw)
        forms = F.posexplode(F.array(raw, *_meant(raw))).alias("form", key)
        asked = unknown.select("collection", raw).distinct().select("collection", raw, forms)
        known = asked.join(table.select("collection", key), ["collection", key])
        first = known.groupBy("collection", raw).agg(F.min_by(key, "form").alias(key))
        unknown = unknown.join(first, ["collection", raw], "left")
    reasons = (F.when(F.col(key).isNull(), key.replace("_", " ")) for key in texts)
    return unknown.withColumn("missing", F.coalesce(*reversed(list(reasons))))


def _meant(raw: str) -> list[Column]:
    """What an id may stand for; null where it has not the form."""
    return [
        F.expr(f"case when {raw} like '%\\%%' then try_url_decode(replace({raw}, '+', '%2B')) end"),
        F.expr(
            f"""case when {raw} rlike '^".*"$' and length({raw}) > 1
            then replace(substring({raw}, 2, length({raw}) - 2), '""', '"') end"""
        ),
    ]


def _refuse_many(
    lost: DataFrame, table: DataFrame, kind: str, files: list[Part], most: float
) -> None:
    part = ["collection", "split"]
    sizes = table.groupBy(*part).agg(F.count("*").alias("all"))
    shares = lost.groupBy(*part).agg(F.count("*").alias("lost")).join(sizes, part)
    for share in shares.orderBy(*part).collect():
        if share["lost"] > most * share["all"]:
            first = lost.where(
                (F.col("collection") == share["collection"]) & (F.col("split") == share["split"])
            )
            raise InputError(
                f"{_first(first, files, kind, share)}; {share['lost']:,} of {share['all']:,} "
                f"{kind} of this split ({share['lost'] / share['all']:.1%}) are of texts that the "
                f"collection lacks, more than collections.max_missing_share {most}"
            )


def _first(lost: DataFrame, files: list[Part], kind: str, share: Row) -> str:
    """FILE:LINE of the first row that is lost, and what is not known of it."""
    found = []
    wanted = (kind, share["collection"], share["split"])
    here = [file for file in files if (file.kind, file.collection, file.split) == wanted]
    for key in ("query_id", "doc_id"):
        rows = lost.where(F.col("missing") == key.replace("_", " ")).select(f"raw_{key}").distinct()
        ids = [row[0] for row in rows.orderBy(f"raw_{key}").limit(_TOLD).collect()]
        if ids:
            found.append((next(reading.places(here, key, ids)), key))
    paths = [file.path for file in here]
    place, key = min(found, key=lambda pair: (paths.index(pair[0].path), pair[0].line))
    unknown = f"unknown {key.replace('_', ' ')} {place.value!r}"
    return f"{place.path}:{place.line}: {unknown}: no language's texts have it"
