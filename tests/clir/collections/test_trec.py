import pytest
from hypothesis import given
from hypothesis import strategies as st

from clir.collections import trec
from clir.errors import InputError


def read(path, reader=trec.read_documents):
    return [
        (*(cell.as_py() for cell in cells), int(line))
        for columns, lines in reader(path)
        for *cells, line in zip(*columns.values(), lines, strict=True)
    ]


def test_documents_with_attributes_entities_and_missing_sections(tmp_path):
    path = tmp_path / "docs"
    path.write_text(
        """<?xml version="1.0"?>
<DOC>
<DOCNO> AP-1 </DOCNO>
<HEAD>First &amp; foremost</HEAD><HEAD>Second</HEAD>
<TEXT>
  One <b>bold</b>
line. </TEXT>
<NOTE>left out</NOTE>
<TEXT type="more">And 1 &lt; 2.</TEXT>
</DOC>

<doc lang="en"
     kind="short"><docno>AP-2</docno></doc><DOC>
<DOCNO>AP-3
<TEXT>Not closed
</DOC>
"""
    )
    assert read(path) == [
        ("AP-1", "First & foremost Second", "One bold line. And 1 < 2.", 2),
        ("AP-2", "", "", 12),
        ("AP-3", "", "Not closed", 13),
    ]


@given(
    texts=st.lists(st.text(st.sampled_from("ab é狗\n"), max_size=12), min_size=1),
    block=st.integers(1, 30),
)
def test_documents_across_the_ends_of_blocks(tmp_path_factory, texts, block):
    path = tmp_path_factory.mktemp("trec") / "docs"
    elements = [
        f"<DOC>\n<DOCNO>{n}</DOCNO><TEXT>{text}</TEXT></DOC>\n" for n, text in enumerate(texts)
    ]
    path.write_text("".join(elements))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trec, "BLOCK_BYTES", block)
        found = read(path)
    lines = ["".join(elements[:n]).count("\n") + 1 for n in range(len(texts))]
    assert found == [
        (str(n), "", " ".join(text.split()), line)
        for n, (text, line) in enumerate(zip(texts, lines, strict=True))
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<DOC>\n</DOC>\n", ":1: <DOC> without a <DOCNO>"),
        (b"\n<DOC>\n<DOCNO>1</DOCNO>\n<DOC>", ":2: <DOC> is not closed before the next"),
        (b"\n<DOC>\n<DOCNO>1</DOCNO>\n", ":2: <DOC> is not closed: the file is cut"),
        (b"\n<DOCNO>1</DOCNO>\n</DOC>", ":3: </DOC> without <DOC> before it"),
        (b"about these files\n", ":1: no <DOC> in it"),
        (b"<DOC>\n<DOCNO>1</DOCNO>\n<TEXT>\xff</TEXT></DOC>", ":3: not UTF-8"),
    ],
)
def test_damaged_documents_are_named(tmp_path, content, message):
    path = tmp_path / "docs"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        read(path)
    assert str(error.value).startswith(f"{path}{message}")


def test_topics(tmp_path):
    path = tmp_path / "topics"
    path.write_text(
        """<top>
<head> Tipster Topic Description
<num> Number: 301
<title> Topic: International Organized
Crime

<desc> Description:
Identify organizations.
</top>
<top>
<num>302</num>
<title></title>
<desc>What is polio &amp; where?</desc>
</top>
"""
    )
    assert read(path, trec.read_topics) == [
        ("301", "", "International Organized Crime", 1),
        ("302", "", "What is polio & where?", 10),
    ]
    for content, message in [
        ("<top>\n<title> x\n</top>\n", ":1: <top> without a <num>"),
        ("\n<top>\n<num> 1\n</top>\n", ":2: <top> with neither a <title> nor a <desc>"),
    ]:
        path.write_text(content)
        with pytest.raises(InputError, match=message):
            read(path, trec.read_topics)
