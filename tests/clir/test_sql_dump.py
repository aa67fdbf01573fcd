import gzip
import re
import tempfile
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clir.errors import InputError
from clir.sql_dump import Account, _read_block, read_dump
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


@given(rows=links, row_per_line=st.booleans(), per_statement=st.integers(1, 5))
def test_whatever_was_written_is_read_back(rows, row_per_line, per_statement):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "langlinks.sql"
        write_dump(
            path,
            "langlinks",
            LANGLINKS,
            rows,
            row_per_line=row_per_line,
            rows_per_statement=per_statement,
        )
        found, account = read(path)
        assert (found, account.counts["rows"], account.rejected) == (rows, len(rows), [])


@given(rows=st.lists(st.tuples(titles, st.integers(0, 99), titles), min_size=1))
def test_columns_are_found_by_name_wherever_they_stand(rows):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "langlinks.sql"
        write_dump(path, "langlinks", ("ll_title", "ll_from", "ll_lang"), rows)
        assert read(path)[0] == [(number, lang, title) for title, number, lang in rows]


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
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "langlinks.sql"
        path.write_bytes(text[: body + int((end - body) * cut)])
        with pytest.raises(InputError, match=r"langlinks\.sql"):
            read(path, max_bad_share=0.0)


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


def test_doubled_quotes_and_null(tmp_path):
    text = dump_text("langlinks", LANGLINKS, [(1, "de", "x"), (2, "de", "y")])
    path = tmp_path / "l.sql"
    path.write_text(text.replace("'x'", "'it''s'").replace("'y'", "NULL"))
    rows, account = read(path, max_bad_share=1)
    assert rows == [(1, "de", "it's")]
    assert account.counts == {"rows": 1, "dropped: unreadable value": 1}
    (rejected,) = account.rejected
    assert rejected.raw == b"(2,'de',NULL)"
    assert path.read_bytes()[rejected.offset :].startswith(rejected.raw)


def test_bad_utf8_drops_only_its_row(tmp_path):
    text = dump_text("langlinks", LANGLINKS, [(1, "de", "A"), (2, "de", "BAD"), (3, "de", "C")])
    path = tmp_path / "l.sql"
    path.write_bytes(text.encode().replace(b"BAD", b"B\xff"))
    rows, account = read(path, max_bad_share=0.5)
    assert [row[0] for row in rows] == [1, 3]
    assert account.counts == {"rows": 2, "dropped: bad UTF-8": 1}
    assert account.rejected == [(path.read_bytes().index(b"(2,"), "bad UTF-8", b"(2,'de','B\xff')")]
    with pytest.raises(InputError, match="1 of 3 rows are damaged"):
        read(path)


def test_old_page_tables_have_a_column_more(tmp_path):
    columns = (*PAGE[:3], "page_restrictions", *PAGE[3:])
    row = page(7, "Ämne")
    path = write_dump(tmp_path / "p.sql", "page", columns, [(*row[:3], "", *row[3:])])
    assert read(path, "page", PAGES)[0] == [(7, "Ämne")]


def test_every_mistake_ends_in_one_clear_line(tmp_path):
    whole = write_dump(tmp_path / "whole.sql.gz", "langlinks", LANGLINKS, [(1, "de", "x")] * 5000)
    cut = tmp_path / "cut.sql.gz"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    plain = tmp_path / "plain.sql.gz"
    plain.write_text("no gzip")
    other = write_dump(tmp_path / "other.sql.gz", "page", PAGE, [page(1, "x")])
    for path, message in [
        (tmp_path / "none.sql.gz", "no such dump"),
        (cut, "truncated"),
        (plain, "its name says gzip, its bytes say plain"),
        (other, "a dump of table page, expected langlinks"),
    ]:
        with pytest.raises(InputError, match=message) as error:
            read(path)
        assert str(path) in str(error.value)
    with pytest.raises(InputError, match="no column"):
        read(whole, schema=pa.schema({"ll_target": pa.string()}))


def test_a_line_that_is_damaged_where_it_begins_is_no_comment(tmp_path):
    rows = [(n, "de", f"Seite {n}") for n in range(8)]
    text = dump_text("langlinks", LANGLINKS, rows, row_per_line=True, rows_per_statement=4)
    lines = text.replace("(2,", "[2,").replace("(3,", " 3,").split("\n")
    second = [n for n, line in enumerate(lines) if line.startswith("INSERT")][1]
    lines[second] = "X" + lines[second][1:]
    lines[second + 1 : second + 1] = ["UNLOCK TABLES;", "commit;", "-- a remark", ""]
    path = tmp_path / "l.sql"
    path.write_text("\n".join(lines))
    found, account = read(path, max_bad_share=1)
    assert [row[0] for row in found] == [0, 1, 4, 5, 6, 7]
    pieces = [piece.raw.split(b",")[0] for piece in account.rejected]
    assert pieces == [b"[2", b" 3", b"XNSERT INTO `langlinks` VALUES"]
    path.write_text(text.replace("VALUES", "(`ll_from`) VALUES"))
    with pytest.raises(InputError, match="cannot read the statement"):
        read(path)


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


def test_blocks_smaller_than_a_statement(tmp_path, monkeypatch):
    rows = [(n, "de", f"Titel ({n}), it's") for n in range(500)]
    path = write_dump(tmp_path / "l.sql.gz", "langlinks", LANGLINKS, rows, row_per_line=True)
    monkeypatch.setattr("clir.sql_dump.BLOCK_BYTES", 100)
    assert read(path)[0] == rows
    assert gzip.decompress(path.read_bytes())


def test_a_file_of_nothing_but_damage_is_given_up_early(tmp_path):
    rows = [(n, "de", "x", "too many") for n in range(200_000)]
    text = dump_text("langlinks", LANGLINKS, rows)
    path = tmp_path / "l.sql"
    path.write_text(text)
    account = Account()
    with pytest.raises(InputError, match="rows are damaged"):
        list(read_dump(path, "langlinks", LINKS, account))
    assert len(account.rejected) < 150_000


def reference(text: bytes) -> list[tuple[int, str, str]]:
    """The slow and obvious reader: one byte after another. Raises on whatever is no dump."""
    rows, at = [], text.index(b"VALUES") + len(b"VALUES")
    while at < len(text) and text[at : at + 1] != b";":
        if text[at : at + 1] in b" ,\n":
            at += 1
            continue
        assert text[at : at + 1] == b"("
        at, row = at + 1, []
        while True:
            value, at = reference_value(text, at)
            row.append(value)
            at += 1
            if text[at - 1 : at] == b")":
                break
            assert text[at - 1 : at] == b","
        number, lang, title = row
        rows.append((int(number), lang.decode(), title.decode()))
    return rows


def reference_value(text: bytes, at: int) -> tuple[bytes, int]:
    value = bytearray()
    if text[at : at + 1] != b"'":
        while text[at : at + 1] not in b",)":
            value += text[at : at + 1]
            at += 1
        return bytes(value), at
    at += 1
    while True:
        byte = text[at : at + 1]
        assert byte
        if byte == b"\\":
            escapes = {b"0": b"\0", b"n": b"\n", b"r": b"\r"}
            value += escapes.get(text[at + 1 : at + 2], text[at + 1 : at + 2])
            at += 2
        elif byte == b"'" and text[at + 1 : at + 2] == b"'":
            value += b"'"
            at += 2
        elif byte == b"'":
            return bytes(value), at + 1
        else:
            value += byte
            at += 1


numbered = st.lists(st.tuples(st.integers(0, 2**40), st.sampled_from(["de", "zh"]), titles))


@given(rows=numbered.filter(bool), doubled=st.booleans(), row_per_line=st.booleans())
def test_as_the_slow_and_obvious_reader_reads_it(rows, doubled, row_per_line):
    text = dump_text("langlinks", LANGLINKS, rows, row_per_line=row_per_line)
    if doubled:
        text = text.replace("\\\\'", "\\\\\\'").replace("\\'", "''")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "langlinks.sql"
        path.write_text(text, newline="")
        try:
            expected = reference(path.read_bytes())
        except (AssertionError, ValueError):
            return  # the replacement above made no dump of it
        assert read(path)[0] == expected


@given(
    rows=st.lists(st.tuples(st.integers(0, 99), st.just("de"), titles), min_size=1, max_size=30),
    where=st.floats(0, 1, exclude_max=True),
    bit=st.integers(0, 7),
    row_per_line=st.booleans(),
)
def test_a_flipped_bit_costs_few_rows_and_every_loss_is_accounted_for(
    rows, where, bit, row_per_line
):
    whole = dump_text("langlinks", LANGLINKS, rows, row_per_line=row_per_line).encode()
    begin, end = whole.index(b"VALUES") + 8, whole.rindex(b";\n/*!40000")
    at = begin + int(where * (end - begin))
    text = whole[:at] + bytes([whole[at] ^ (1 << bit)]) + whole[at + 1 :]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "langlinks.sql"
        path.write_bytes(text)
        try:
            found, account = read(path, max_bad_share=1)
        except InputError:
            return  # refused as a whole, with a reason
    assert account.counts["rows"] == len(found)
    lost = len(rows) - len(found)
    assert bool(account.dropped) == bool(account.rejected)
    # A flipped quote may join two rows into one string, whose text then looks odd, not damaged.
    assert lost <= max(2 * len(account.rejected), 1) + 1
    kept = set(found)
    assert sum(row not in kept for row in rows) <= lost + 2
    for piece in account.rejected:
        assert text[piece.offset :].startswith(piece.raw)


_VALUE = rb"(?:'(?:[^'\\\n]|\\[^\n]|'')*+'|[^'(),\\\n]*+)"
_ROW = re.compile(rb"\(" + rb",".join([_VALUE] * 3) + rb"\)(?=[,; \r\n])")


def reference_of_damage(text: bytes) -> tuple[list[bytes], list[tuple[int, bytes]]]:
    """Rows and rejected pieces of lines of rows, by a regular expression for a whole row."""
    rows, rejected, at = [], [], 0
    for line in text.split(b"\n")[:-1]:
        line += b"\n"
        begin, among_rows = at, not line.startswith((b"-", b"/"))
        while among_rows and at < begin + len(line):
            first = at == begin  # a line of rows begins with one
            if text[at : at + 1] in b"\r\n" or (not first and text[at : at + 1] in b",; "):
                at += 1
            elif found := _ROW.match(text, at):
                rows.append(found[0])
                at = found.end()
            else:
                end = line.find(b"),(", at - begin)
                stop = begin + (end + 2 if end >= 0 else line.index(b"\n"))
                rejected.append((at, text[at:stop]))
                at = stop
        at = begin + len(line)
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
    body = bytes(text).replace(b"\nI", b"\n_") + b"\n"
    expected, pieces = reference_of_damage(body)
    account = Account()
    names = list(LANGLINKS)
    batch = _read_block(Path("x"), body, 0, "langlinks", names, LINKS, account)
    unreadable = [r.raw for r in account.rejected if r.reason != "damaged row"]
    assert batch.num_rows + len(unreadable) == len(expected)
    assert [(r.offset, r.raw) for r in account.rejected if r.reason == "damaged row"] == pieces
