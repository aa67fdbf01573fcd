import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clir.collections import beir
from clir.errors import InputError


def read(path):
    rows = []
    for columns, _ in beir.read_texts(path):
        cells = [column.to_pylist() for column in columns.values()]
        rows += zip(*cells, strict=True)
    return rows


@pytest.mark.parametrize(
    ("line", "row"),
    [
        ('{"_id": 7, "text": "t"}', ("7", "", "t", None)),
        ('{"_id": "7", "title": 2001, "text": 1.50}', ("7", "2001", "1.50", None)),
        ('{"_id": 1e3, "text": -0.0}', ("1e3", "", "-0.0", None)),
        (f'{{"_id": {"9" * 5000}, "text": "t"}}', ("9" * 5000, "", "t", None)),
        ('{"_id": "7", "title": null, "text": null}', ("7", "", "", None)),
        ('{"_id": "7", "text": "", "metadata": null}', ("7", "", "", None)),
        ('{"_id": "7", "text": "t", "metadata": {"domain": "web"}}', ("7", "", "t", "web")),
        ('{"_id": "7", "text": "t", "metadata": {"domain": 5}}', ("7", "", "t", "5")),
        ('{"_id": "7", "text": "t", "metadata": {"domain": null}}', ("7", "", "t", None)),
        # A whole pair is a character; what is not kept may be anything.
        ('{"_id": "7", "text": "\\ud83d\\ude00", "more": ["\\ud83d"]}', ("7", "", "😀", None)),
        ('{"_id": "a b\\t\\n\\"%", "text": "t"}', ('a b\t\n"%', "", "t", None)),
    ],
)
def test_numbers_are_texts_and_nothing_is_empty(tmp_path, line, row):
    path = tmp_path / "corpus.jsonl"
    path.write_text(line + "\n")
    assert read(path) == [row]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{no json", "not JSON: "),
        ("[1]", "expected a JSON object"),
        ("12", "expected a JSON object"),
        ('{"_id": "x"}', "expected the keys _id and text"),
        ('{"text": "x"}', "expected the keys _id and text"),
        ('{"_id": null, "text": "x"}', "_id is null, expected a text or a number"),
        ('{"_id": true, "text": "x"}', "_id is true or false, expected a text or a number"),
        ('{"_id": "x", "text": ["a"]}', "text is a list, expected a text or a number"),
        ('{"_id": "x", "text": false}', "text is true or false, expected a text or a number"),
        ('{"_id": "x", "title": {"a": 1}, "text": ""}', "title is an object, expected a text or a"),
        ('{"_id": "x", "text": "", "metadata": ["web"]}', "metadata is a list, expected an object"),
        ('{"_id": "x", "text": "", "metadata": "web"}', "metadata is a text or a number, expected"),
        ('{"_id": "x", "text": "", "metadata": {"domain": []}}', "domain is a list, expected a"),
        ('{"_id": "x", "text": NaN}', "not JSON: NaN is no number"),
        ('{"_id": "x", "text": "", "more": [-Infinity]}', "not JSON: -Infinity is no number"),
        ('{"_id": "x", "text": "boat \\ud83d"}', "text has '\\ud83d', half a character"),
        ('{"_id": "x", "title": "\\ude00 boat", "text": ""}', "title has '\\ude00', half a char"),
        ('{"_id": "\\ud83d", "text": ""}', "_id has '\\ud83d', half a character"),
        ('{"_id": "x", "text": "", "metadata": {"domain": "\\ud83d"}}', "domain has '\\ud83d'"),
        ('{"_id": "x", "text": "", "a": ' + "[" * 90_000 + "}", "not read: lists or objects in"),
    ],
)
def test_what_is_no_text_is_named_with_its_line(tmp_path, line, message):
    path = tmp_path / "corpus.jsonl"
    path.write_text('{"_id": "a", "text": "t"}\n\n' + line + "\n")
    with pytest.raises(InputError) as error:
        read(path)
    assert str(error.value).startswith(f"{path}:3: {message}")
    assert "\n" not in str(error.value)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)


@given(item=st.dictionaries(st.sampled_from(["_id", "title", "text", "metadata"]), _VALUES))
def test_any_object_is_read_or_refused_in_one_line(tmp_path_factory, item):
    path = tmp_path_factory.mktemp("beir") / "corpus.jsonl"
    path.write_text(json.dumps(item) + "\n")
    try:
        rows = read(path)
    except InputError as error:
        assert str(error).startswith(f"{path}:1: ") and "\n" not in str(error)
    else:
        assert rows[0][2] == ("" if item["text"] is None else str(item["text"]))
