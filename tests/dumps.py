"""Writes SQL dumps as mysqldump does, for tests and benchmarks."""

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PAGE = (
    "page_id", "page_namespace", "page_title", "page_is_redirect", "page_is_new", "page_random",
    "page_touched", "page_links_updated", "page_latest", "page_len", "page_content_model",
    "page_lang",
)  # fmt: skip
LANGLINKS = ("ll_from", "ll_lang", "ll_title")
_ESCAPES = {"\\": "\\\\", "'": "\\'", '"': '\\"', "\n": "\\n", "\r": "\\r", "\0": "\\0"}


def dump_text(
    table: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    row_per_line: bool = False,
    rows_per_statement: int = 1000,
) -> str:
    parts = [f"-- it's a dump\nDROP TABLE IF EXISTS `{table}`;\nCREATE TABLE `{table}` (\n"]
    parts += [f"  `{column}` varbinary(255) NOT NULL,\n" for column in columns]
    parts.append("  PRIMARY KEY (`x`)\n) ENGINE=InnoDB;\n\n")
    for at in range(0, len(rows), rows_per_statement):
        written = [_row(row) for row in rows[at : at + rows_per_statement]]
        gap, between = ("\n", ",\n") if row_per_line else (" ", ",")
        parts.append(f"INSERT INTO `{table}` VALUES{gap}{between.join(written)};\n")
    parts.append(f"/*!40000 ALTER TABLE `{table}` ENABLE KEYS */;\n-- Dump completed\n")
    return "".join(parts)


def write_dump(path: Path, *arguments: Any, **options: Any) -> Path:
    content = dump_text(*arguments, **options).encode()
    path.write_bytes(gzip.compress(content, 1) if path.suffix == ".gz" else content)
    return path


def page(page_id: int, title: str, namespace: int = 0, redirect: int = 0) -> tuple[Any, ...]:
    return (page_id, namespace, title, redirect, 0, 0.5, "20251201", None, 1, 99, "wikitext", None)


def _row(row: Sequence[Any]) -> str:
    return "(" + ",".join(map(_value, row)) + ")"


def _value(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return "'" + "".join(_ESCAPES.get(c, c) for c in value) + "'"
    return str(value)
