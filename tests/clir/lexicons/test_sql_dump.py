import gzip
import re
import tempfile
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clir.errors import InputError
from clir.lexicons.sql_dump import Account, Reader, read_dump
from tests.dumps import LANGLINKS, PAGE, dump_text, page, write_dump

LINKS = pa.schema({"ll_from": pa.int64(), "ll_lang": pa.string(), "ll_title": pa.string()})
PAGES = pa.schema({"page_id": pa.int64(), "page_title": pa.string()})

# What titles are made of, with everything that could end a string, a row or a statement early.
titles = st.text(st.sampled_from("ab'\"\\(),;\n\0é狗 "), min_size=1, max_size=12) | st.text(
    st.characters(codec="utf-8"), min_size=1, max_size=8
)
links = st.lists(st.tuples(st.integers(0, 2**31), st.sampled_from(["de", "zh"]), titles))


def read(path, table="langlinks", schema=LINKS, **options):
    account = Account()
    batches = list(read_dump(path, table, schema, account, **options))
    rows = [tuple(row.values()) for batch in batches for row in batch.to_pylist()]
    return rows, account


def read_text(text, block=1 << 20, **options):
    """Read a dump of these characters or bytes, in blocks of this size."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("clir.lexicons.sql_dump.BLOCK_BYTES", block)
        path = Path(folder) / "l.sql"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return read(path, **options)


@given(
    rows=links,
    row_per_line=st.booleans(),
    per_statement=st.integers(1, 5),
    doubled=st.booleans(),
    block=st.integers(60, 400),
)
def test_whatever_was_written_is_read_back(rows, row_per_line, per_statement, doubled, block):
    text = dump_text("langlinks", LANGLINKS, rows, row_per_line, per_statement)
    if doubled:  # quotes, rather than escaped by a backslash
        text = re.sub(r"\\(.)", lambda escape: "''" if escape[1] == "'" else escape[0], text)
    found, account = read_text(text, block)
    assert (found, account.counts["rows"], account.rejected) == (rows, len(rows), [])


@given(rows=st.lists(st.tuples(titles, st.integers(0, 99), titles), min_size=1))
def test_columns_are_found_by_name_wherever_they_stand(rows):
    text = dump_text("langlinks", ("ll_title", "ll_from", "ll_lang"), rows)
    assert read_text(text)[0] == [(number, lang, title) for title, number, lang in rows]


@given(
    rows=st.lists(st.tuples(st.integers(0, 99), st.just("de"), titles), min_size=3, max_size=20),
    cut=st.floats(0.1, 0.99),
    per_statement=st.sampled_from([1, 1000]),
)
def test_a_cut_dump_never_passes_for_a_whole_one(rows, cut, per_statement):
    text = dump_text(
        "langlinks", LANGLINKS, rows, row_per_line=True, rows_per_statement=per_statement
    ).encode()
    body = text.index(b"INSERT INTO")
    end = text.rindex(b";\n/*!40000")
    with pytest.raises(InputError, match=r"l\.sql"):
        read_text(text[: body + int((end - body) * cut)], max_bad_share=0.0)


@pytest.mark.parametrize("suffix", ["", ".gz", ".bz2", ".zst"])
def test_every_compression_whole_cut_and_in_several_parts(tmp_path, suffix):
    rows = [(n, "de", f"Seite {n * 7919}") for n in range(3000)]
    text = dump_text("langlinks", LANGLINKS, rows, rows_per_statement=100).encode()
    half = text.index(b"INSERT", len(text) // 2)
    path = tmp_path / f"langlinks.sql{suffix}"
    path.write_bytes(packed(text, suffix))
    assert read(path)[0] == rows
    path.write_bytes(packed(text[:half], suffix) + packed(text[half:], suffix))  # as pbzip2 does
    assert read(path)[0] == rows
    if suffix:
        for share in (0.3, 0.9, 0.99):
            path.write_bytes(packed(text, suffix)[: int(len(packed(text, suffix)) * share)])
            with pytest.raises(InputError, match="truncated or damaged"):
                read(path)
        path.write_bytes(text)
        with pytest.raises(InputError, match="its bytes say plain"):
            read(path)


def test_a_gzip_file_damaged_anywhere_ends_in_one_line(tmp_path):
    path = tmp_path / "langlinks.sql.gz"
    rows = [(n, "de", f"Seite {n * 7919}") for n in range(300)]
    whole = gzip.compress(dump_text("langlinks", LANGLINKS, rows).encode())
    for at in range(12, len(whole) - 8, 7):
        path.write_bytes(whole[:at] + b"\xff\x00" + whole[at + 2 :])
        with pytest.raises(InputError, match=r"langlinks\.sql\.gz"):
            read(path)


def packed(text: bytes, suffix: str) -> bytes:
    codec = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}.get(suffix)
    if codec is None:
        return text
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, codec) as stream:
        stream.write(text)
    return sink.getvalue().to_pybytes()


def test_what_is_dropped_is_told_with_its_place():
    text = dump_text("langlinks", LANGLINKS, [(1, "de", "A"), (2, "de", "x"), (3, "de", "C")])
    for value, reason in ((b"'B\xff'", "bad UTF-8"), (b"NULL", "unreadable value")):
        data = text.encode().replace(b"'x'", value)
        rows, account = read_text(data, 100, max_bad_share=0.5)
        assert [row[0] for row in rows] == [1, 3]
        assert account.counts == {"rows": 2, f"dropped: {reason}": 1}
        assert account.rejected == [(data.index(b"(2,"), reason, b"(2,'de',%b)" % value)]
        with pytest.raises(InputError, match="1 of 3 rows are damaged"):
            read_text(data)


def test_every_mistake_ends_in_one_clear_line(tmp_path):
    whole = write_dump(tmp_path / "whole.sql.gz", "langlinks", LANGLINKS, [(1, "de", "x")])
    other = write_dump(tmp_path / "other.sql.gz", "page", PAGE, [page(1, "x")])
    for path, message in [
        (tmp_path / "none.sql.gz", "no such dump"),
        (other, "a dump of table page, expected langlinks"),
    ]:
        with pytest.raises(InputError, match=message) as error:
            read(path)
        assert str(path) in str(error.value)
    with pytest.raises(InputError, match="no column"):
        read(whole, schema=pa.schema({"ll_target": pa.string()}))


def test_a_line_that_is_damaged_where_it_begins_is_no_comment():
    rows = [(n, "de", f"Seite {n}") for n in range(8)]
    text = dump_text("langlinks", LANGLINKS, rows, row_per_line=True, rows_per_statement=4)
    lines = text.replace("(2,", "[2,").replace("(3,", " 3,").split("\n")
    second = [n for n, line in enumerate(lines) if line.startswith("INSERT")][1]
    lines[second:second] = ["UNLOCK TABLES;", "commit;", "-- a remark", ""]
    found, account = read_text("\n".join(lines), max_bad_share=1)
    assert [row[0] for row in found] == [0, 1, 4, 5, 6, 7]
    pieces = [piece.raw.split(b",")[0] for piece in account.rejected]
    assert pieces == [b"[2", b"3"]
    lines[lines.index("UNLOCK TABLES;") + 4] = "XNSERT INTO `langlinks` VALUES"
    with pytest.raises(InputError, match=r"l.sql:\d+: 'XNSERT INTO `langlinks` VALUES': no dump"):
        read_text("\n".join(lines), max_bad_share=1)


STATEMENTS = [
    "INSERT IGNORE INTO `langlinks` VALUES",
    "INSERT  IGNORE INTO `langlinks` VALUES",  # as mysqldump --insert-ignore writes it
    "REPLACE INTO `langlinks` VALUES",
    "INSERT DELAYED IGNORE INTO langlinks VALUES\n",
    "insert low_priority into `langlinks` values",
    'Replace Delayed Into "langlinks" Value',
    "INSERT HIGH_PRIORITY `langlinks`\nVALUES\n",
    "INSERT INTO `wiki`.`langlinks` VALUES",
    "INSERT INTO `langlinks` (`ll_from`, `ll_lang`, `ll_title`) VALUES\n",
    "INSERT INTO `langlinks`\n  (ll_from,ll_lang,ll_title)\n  VALUES\n\t",
    "INSERT INTO\r\n`langlinks` VALUES\r\n",
]


@pytest.mark.parametrize("statement", STATEMENTS)
@pytest.mark.parametrize("block", [100, 1 << 20])
def test_every_statement_that_inserts_is_read(statement, block):
    rows = [(n, "de", f"Seite {n}") for n in range(40)]
    text = dump_text("langlinks", LANGLINKS, rows, rows_per_statement=7)
    text = text.replace("INSERT INTO `langlinks` VALUES", statement)
    found, account = read_text(text, block, max_bad_share=0)
    assert (found, account.counts) == (rows, {"rows": 40})


@given(
    rows=st.lists(st.tuples(st.integers(0, 99), st.just("de"), titles), min_size=1, max_size=9),
    statements=st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=9),
    on_one_line=st.booleans(),
    block=st.integers(60, 400),
)
def test_statements_of_all_kinds_stand_together(rows, statements, on_one_line, block):
    """Each with one row, cut anywhere into blocks."""
    text = dump_text("langlinks", LANGLINKS, rows, rows_per_statement=1)
    kinds = iter(statements * len(rows))
    text = re.sub("INSERT INTO `langlinks` VALUES", lambda _: next(kinds), text)
    if on_one_line:
        text = re.sub(r";\n(?=insert|replace)", "; ", text, flags=re.IGNORECASE)
    found, account = read_text(text, block, max_bad_share=0)
    assert (found, account.counts) == (rows, {"rows": len(rows)})


def test_columns_are_those_of_each_statements_own_list():
    text = (
        "INSERT INTO `langlinks` (`ll_title`,`ll_from`,`x``y`,`ll_lang`) VALUES ('A',1,9,'de');\n"
        "INSERT INTO `langlinks` (LL_LANG, LL_FROM, LL_TITLE) VALUES ('fr',2,'B'),('fr',3,'C');\n"
        "-- Dump completed\n"
    )
    assert read_text(text)[0] == [(1, "de", "A"), (2, "fr", "B"), (3, "fr", "C")]
    with pytest.raises(InputError, match=r"l.sql:2: .*no column \['ll_title'\]"):
        read_text(text.replace("LL_TITLE", "LL_OTHER"))
    with pytest.raises(InputError, match=r"l.sql:1: .*neither these rows nor a CREATE TABLE"):
        read_text(re.sub(r"\(`ll_title.*?\)", "", text))


# What each tool writes around the same three rows.
ROWS = [(1, "de", "Häß\n'\"\\lich"), (2, "fr", "Été"), (3, "zh", "水")]
HEXADECIMAL = "(1,0x6465,0x48C3A4C39F0A27225C6C696368),(2,0x6672,0xC38974C3A9),(3,0x7a68,0xe6b0b4)"
TOOLS = {
    "mysqldump --hex-blob --complete-insert": f"""\
-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)
/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!50503 SET NAMES utf8mb4 */;
SET @@SESSION.SQL_LOG_BIN= 0;
DROP TABLE IF EXISTS `langlinks`;
/*!50503 SET character_set_client = utf8mb4 */;
CREATE TABLE `langlinks` (
  `ll_from` int unsigned NOT NULL DEFAULT '0',
  `ll_lang` varbinary(35) NOT NULL DEFAULT '',
  `ll_title` varbinary(255) NOT NULL DEFAULT '',
  PRIMARY KEY (`ll_from`,`ll_lang`)
) ENGINE=InnoDB DEFAULT CHARSET=binary;
LOCK TABLES `langlinks` WRITE;
/*!40000 ALTER TABLE `langlinks` DISABLE KEYS */;
INSERT INTO `langlinks` (`ll_from`, `ll_lang`, `ll_title`) VALUES {HEXADECIMAL};
/*!40000 ALTER TABLE `langlinks` ENABLE KEYS */;
UNLOCK TABLES;
-- Dump completed on 2026-01-01 10:00:00
""",
    "mariadb-dump, a row a line": r"""/*M!999999\- enable the sandbox mode */ 
-- MariaDB dump 10.19
CREATE TABLE `langlinks` (
  `ll_from` int(8) unsigned NOT NULL DEFAULT 0,
  `ll_lang` varbinary(35) NOT NULL DEFAULT '',
  `ll_title` varbinary(255) NOT NULL DEFAULT ''
) ENGINE=InnoDB;
set autocommit=0;
INSERT INTO `langlinks` VALUES
(1,'de','Häß\n\'\"\\lich'),
(2,'fr','Été'),
(3,'zh','水');
commit;
/*M!100616 SET NOTE_VERBOSITY=@OLD_NOTE_VERBOSITY */;
-- Dump completed on 2026-01-01
""",
    "mydumper": r"""/*!40101 SET NAMES binary*/;
/*!40014 SET FOREIGN_KEY_CHECKS=0*/;
INSERT INTO `langlinks` (`ll_from`,`ll_lang`,`ll_title`) VALUES(1,"de","Häß\n\'\"\\lich")
,(2,"fr","Été")
,(3,"zh","水")
;
-- Dump completed
""",
    "phpMyAdmin": r"""-- phpMyAdmin SQL Dump
SET SQL_MODE = "NO_AUTO_VALUE_ON_ZERO";
START TRANSACTION;
/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;

--
-- Table structure for table `langlinks`
--

CREATE TABLE IF NOT EXISTS `langlinks` (
  `ll_from` int(10) UNSIGNED NOT NULL DEFAULT 0,
  `ll_lang` varbinary(20) NOT NULL DEFAULT '',
  `ll_title` varbinary(255) NOT NULL DEFAULT ''
) ENGINE=InnoDB DEFAULT CHARSET=binary;

INSERT INTO `langlinks` (`ll_from`, `ll_lang`, `ll_title`) VALUES
(1, 0x6465, 'Häß\n\'\"\\lich'),
(2, 'fr', 'Été'),
(3, 0x7a68, 0xe6b0b4);

ALTER TABLE `langlinks`
  ADD PRIMARY KEY (`ll_from`,`ll_lang`),
  ADD KEY `ll_lang` (`ll_lang`,`ll_title`);
COMMIT;

/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;
""",
}


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("block", [120, 1 << 20])
def test_dumps_of_other_tools(tool, block):
    found, account = read_text(TOOLS[tool], block, max_bad_share=0)
    assert (found, account.counts) == (ROWS, {"rows": 3})


@pytest.mark.parametrize(
    ("values", "row"),
    [
        ("0x1F,'de',X'48C3A4'", (31, "de", "Hä")),
        ("X'1f', x'6465', 'A' ", (31, "de", "A")),
        ("'7',\"de\",_binary 0x41", (7, "de", "A")),
        ("-7,'de',''", (-7, "de", "")),
        ("7,'de',X''", (7, "de", "")),
        (r"1,_binary 'de',_binary 'Häß\n\'\"\\lich'", ROWS[0]),
        ("2,_utf8mb4'fr',_UTF8 'Été'", ROWS[1]),
        ("3,N'zh',n'水'", ROWS[2]),
        ('7,\'de\',_utf8mb3 "it\'\'s \\""""', (7, "de", "it''s \"\"")),
        ("999999999999999999,'de','A'", (999999999999999999, "de", "A")),
    ],
)
def test_values_of_all_kinds(values, row):
    text = dump_text("langlinks", LANGLINKS, [(1, "de", "A")]).replace("1,'de','A'", values)
    assert read_text(text)[0] == [row]


@pytest.mark.parametrize(
    "values",
    [
        "1,'de',0x4", "1,'de',_latin1'A'", "1,'de',NULL", "1,'de',7", "1.5,'de','A'",
        "'x','de','A'", "'','de','A'", ",'de','A'", "NULL,'de','A'", "0x,'de','A'",
        "0x1234567890abcdef,'de','A'", "1234567890123456789,'de','A'", "1,b'1','A'", "-,'de','A'",
        "1,'de',0xFF", "1e3,'de','A'",
    ],
)  # fmt: skip
def test_values_of_no_use_are_dropped_and_told(values):
    text = dump_text("langlinks", LANGLINKS, [(1, "de", "A"), (2, "de", "B")])
    found, account = read_text(text.replace("1,'de','A'", values), max_bad_share=1)
    assert found == [(2, "de", "B")]
    assert account.dropped == 1 and account.rejected[0].raw == f"({values})".encode()


@pytest.mark.parametrize(
    "value",
    ["0x4", "_latin1'A'", "NULL", "b'1'", "-1.5e-3", '"a,(\'"', "N'x'", "X'4'", "TRUE", " 7 "],
)
def test_values_that_nobody_asked_for_may_be_anything(value):
    columns = ("ll_from", "more", "ll_lang", "ll_title")
    text = dump_text("langlinks", columns, [(1, "MORE", "de", "A")]).replace("'MORE'", value)
    assert read_text(text)[0] == [(1, "de", "A")]


@pytest.mark.parametrize(
    "line",
    [
        "UPSERT INTO `langlinks` VALUES (3,'de','C');",
        "INSERT INTO `langlinks` SET ll_from = 3;",
        "INSERT INTO `langlinks` SELECT * FROM `other`;",
        "INSERT INTO `other` VALUES (3,'de','C');",
        "/*!40000 INSERT INTO `langlinks` VALUES (3,'de','C') */;",
        "3\tde\tC",
        "ï»¿INSERT",
        "CREATE TABLE `langlinks2` (\n  `x` int\n);",
    ],
)
def test_a_line_that_no_dump_has_is_an_error_that_says_it(line):
    """Were it passed over, rows could be lost with it, and below the allowed share nobody knew."""
    rows = [(n, "de", f"Seite {n}") for n in range(5000)]
    text = dump_text("langlinks", LANGLINKS, rows).replace(";\n/*!", f";\n{line}\n/*!")
    expected = "l.sql: a dump of table" if "CREATE" in line else r"l.sql:\d+: "
    with pytest.raises(InputError, match=expected) as error:
        read_text(text)
    assert "CREATE" in line or repr(line)[:20] in str(error.value)


def test_a_dump_may_end_without_an_end_of_its_last_line():
    text = dump_text("langlinks", LANGLINKS, [(1, "de", "A")])
    assert read_text("\ufeff" + text.rstrip())[0] == [(1, "de", "A")]
    with pytest.raises(InputError, match="no CREATE TABLE found"):
        read_text("-- Dump completed\n")


@pytest.mark.parametrize("name", ["enwiki-20260101-page", "enwiki-20260101-langlinks"])
def test_real_counts(shared_data, name):
    import json

    counts = json.loads((shared_data / "dumps/counts.json").read_text())
    table = name.rsplit("-", 1)[1]
    schema = PAGES if table == "page" else LINKS
    rows, _ = read(shared_data / f"dumps/{name}.sql.gz", table, schema)
    assert len(rows) == counts["pages" if table == "page" else "langlinks"]


def test_the_fixture_of_2017_that_naive_splits_lose_rows_of(shared_data):
    rows, account = read(shared_data / "fixtures/wikidatawiki-20170325-langlinks.sql")
    assert len(set(rows)) == 90_551 and account.counts == {"rows": 90_551}


def test_a_file_of_nothing_but_damage_is_given_up_early(tmp_path):
    rows = [(n, "de", "x", "too many") for n in range(200_000)]
    text = dump_text("langlinks", LANGLINKS, rows)
    path = tmp_path / "l.sql"
    path.write_text(text)
    account = Account()
    with pytest.raises(InputError, match="rows are damaged"):
        list(read_dump(path, "langlinks", LINKS, account))
    assert len(account.rejected) < 150_000


_TEXT = rb"(?:'(?:[^'\\\n]|\\[^\n]|'')*+'|\"(?:[^\"\\\n]|\\[^\n]|\"\")*+\")"
_PLAIN = rb"[^'\"(),\\\n]*+"
_VALUE = rb"[ \t]*+(?:(?:_%b|[nNbB])?%b|%b)[ \t]*+" % (_PLAIN, _TEXT, _PLAIN)
_ROW = re.compile(rb"\(" + rb",".join([_VALUE] * 3) + rb"\)(?=[,; \t\r\n])")


def reference_of_damage(text: bytes) -> tuple[list[bytes], list[tuple[int, bytes]]]:
    """Rows and rejected pieces of lines of rows, by a regular expression for a whole row.

    ValueError for what no dump has between two statements.
    """
    rows, rejected, at = [], [], 0
    inside, at_start = True, True  # of a statement; at the start of a line or a statement
    while at < len(text):
        byte = text[at : at + 1]
        if byte in b"\r \t" or (byte == b"," and (inside or not at_start)):
            at += 1
        elif byte in b"\n;":
            inside, at_start = inside and byte == b"\n", True
            at += 1
        elif at_start and text.startswith((b"--", b"#"), at):
            at = text.index(b"\n", at)
        elif byte == b"(" and (found := _ROW.match(text, at)):
            rows.append(found[0])
            at, inside, at_start = found.end(), True, False
        elif inside or byte == b"(":
            line_end = text.index(b"\n", at)
            end = text.find(b"),(", at, line_end)
            stop = end + 2 if end >= 0 else line_end
            rejected.append((at, text[at:stop]))
            inside, at_start = not text[at:stop].rstrip().endswith(b";"), False
            at = stop
        else:
            raise ValueError
    return rows, rejected


@given(
    rows=st.lists(st.tuples(st.integers(0, 99), st.just("de"), titles), min_size=1, max_size=12),
    flips=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.sampled_from(b"'\\(),;a\n")), max_size=5
    ),
)
def test_damage_is_cut_out_as_a_regular_expression_would(rows, flips):
    whole = dump_text("langlinks", LANGLINKS, rows, rows_per_statement=4)
    text = bytearray("\n".join(re.findall(r"(?<=VALUES ).*(?=;)", whole)).encode() + b"\n")
    for where, byte in flips:
        text[int(where * len(text))] = byte
    head = b"INSERT INTO `langlinks` VALUES\n"
    body = bytes(text).replace(b"\nI", b"\n_").replace(b"/*", b"__") + b"\n"
    account = Account()
    reader = Reader(Path("x"), "langlinks", LINKS, account)
    reader.columns = list(LANGLINKS)
    try:
        expected, pieces = reference_of_damage(body)
    except ValueError:
        with pytest.raises(InputError, match="no dump has a line"):
            reader.read(head + body)
        return
    batch, _ = reader.read(head + body)
    unreadable = [r.raw for r in account.rejected if r.reason != "damaged row"]
    assert batch.num_rows + len(unreadable) == len(expected)
    damaged = [(r.offset - len(head), r.raw) for r in account.rejected if r.reason == "damaged row"]
    assert damaged == pieces
