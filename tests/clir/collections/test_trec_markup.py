import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clir.collections.trec_markup import label, plain, title_and_text

LA_TIMES = """<DOCNO> LA010189-0001 </DOCNO>
<DOCID> 1 </DOCID>
<DATE><P>January 1, 1989, Sunday</P></DATE>
<HEADLINE><P>HARBOR
OPENS</P></HEADLINE>
<BYLINE><P>By A. Writer</P></BYLINE>
<TEXT><P>Boats came.</P>
<P>Many <TABLE CWL="10:2"><TABLECELL CVJ="C">boats</TABLECELL></TABLE>.</P></TEXT>
<GRAPHIC><P>Photo, a boat</P></GRAPHIC>
<SUBJECT><P>HARBORS</P></SUBJECT>"""
FBIS = """<DOCNO> FBIS3-1 </DOCNO>
<HT>  "cr1" </HT>
<HEADER><AU>   FBIS </AU> Document Type:Daily Report
<DATE1>  1 March 1994 </DATE1>
<F P=100> Bosnia </F>
<H3> <TI>   Harbor Opens </TI></H3>
</HEADER>
<TEXT>
Language: <F P=105>English </F>
<F P=106> [Report by A] </F>
  [Text] Boats came. <H3>Later</H3> They left.
</TEXT>"""
FR94 = """<DOCNO> FR940104-0-00001 </DOCNO>
<PARENT> FR940104 </PARENT>
<TEXT>

<!-- PJG FTAG 4700 -->
<USDEPT>Harbor Agency</USDEPT>
<!-- PJG /FTAG -->
Part&blank;1 &sect;&thinsp;2.5: well&hyph;known boats, 40&cir;, A&amp;B &reg;
</TEXT>"""
FT = """<DOCNO>FT911-1</DOCNO><PROFILE>_AN-1</PROFILE><DATE>910514
</DATE><HEADLINE>
FT  14 MAY 91 / Harbour opens
</HEADLINE>
<TEXT>
Boats came.
</TEXT>
<PUB>The Financial Times</PUB>"""
AP = """<DOCNO> AP880212-0001 </DOCNO>
<FILEID>AP-NR-1</FILEID>
<HEAD>Harbor Opens</HEAD>
<HEAD>Boats Come</HEAD>
<DATELINE>OSLO (AP) </DATELINE>
<TEXT>   Boats came.</TEXT>
<TEXT>   More came.</TEXT>"""
WSJ = """<DOCNO> WSJ870324-0001 </DOCNO>
<HL> Harbor Opens
@ Boats</HL>
<DD> 03/24/87</DD>
<LP>   The lead tells it. </LP>
<TEXT>   Boats came. </TEXT>"""
SJMN = """<DOCNO> SJMN91-1 </DOCNO><DESCRIPT> HARBORS </DESCRIPT>
<LEADPARA>  The lead tells it. </LEADPARA><HEADLINE>  HARBOR OPENS </HEADLINE>
<TEXT> Boats came. </TEXT>"""
GOV2 = """<DOCNO>GX000-00-0000000</DOCNO>
<DOCHDR>
http://a.example.gov/
HTTP/1.1 200 OK
Content-Type: text/html
</DOCHDR>
<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.0//EN">
<html><head><title>Harbor &amp; boats</title>
<script type="text/javascript">if (a < b && c > d) { boat("</p>"); }</script>
<style>p > a { color: red }</style></head>
<body bgcolor=#ffffff nowrap>
<!-- a <b>comment</b> -->
<h1>Harbor</h1><p>Boats&nbsp;came<br>at 5 < 6 &eacute;
<img src="x.gif" alt="a > b"><a href='y'>more</a>
<noscript>No script here</noscript></body></html>"""


@pytest.mark.parametrize(
    ("inside", "title", "text"),
    [
        (LA_TIMES, "HARBOR OPENS", "Boats came. Many boats ."),
        (
            FBIS,
            "Harbor Opens",
            "Language: English [Report by A] [Text] Boats came. Later They left.",
        ),
        (FR94, "", "Harbor Agency Part 1 §\u20092.5: well-known boats, 40○, A&B ®"),
        (FT, "FT 14 MAY 91 / Harbour opens", "Boats came."),
        (AP, "Harbor Opens Boats Come", "Boats came. More came."),
        (WSJ, "Harbor Opens @ Boats", "The lead tells it. Boats came."),
        (SJMN, "HARBOR OPENS", "The lead tells it. Boats came."),
        (GOV2, "Harbor & boats", "Harbor Boats came at 5 < 6 é more"),
        # In the text, a headline is told once.
        (
            "<TEXT><HEADLINE>Harbor</HEADLINE> Boats <TI>x</TI> came</TEXT>",
            "Harbor x",
            "Boats came",
        ),
        ("<HL>Harbor<LP>The lead<TEXT>Boats", "Harbor", "The lead Boats"),
        ("<HEAD><TITLE>Harbor</TITLE> opens</HEAD><TEXT>Boats</TEXT>", "Harbor opens", "Boats"),
        ("<TEXT><![CDATA[Ships & <b>boats]]> &amp; &amp;lt;</TEXT>", "", "Ships & <b>boats & &lt;"),
        ("<TEXT>a <![CDATA[<TEXT>]]><![CDATA[ & </TEXT>]]></TEXT>", "", "a <TEXT> & </TEXT>"),
        ("<html><title>T</title><body>Boats", "T", "Boats"),
        ("<DOCHDR>x</DOCHDR>\nOnly text, a<b & more", "", "Only text, a<b & more"),
        ("<DOCHDR>x</DOCHDR><title>T<body>Boats", "T", "Boats"),
        ("<DOCNO>1</DOCNO><GRAPHIC>Photo</GRAPHIC>", "", ""),
    ],
)
def test_documents_of_every_collection(inside, title, text):
    found = title_and_text(inside)
    assert (found[0], " ".join(found[1].split())) == (title, " ".join(text.split()))
    assert title_and_text(re.sub("</?[A-Z]+", lambda tag: tag[0].lower(), inside))[0] == title


@pytest.mark.parametrize(
    ("marked_up", "text"),
    [
        ("a < 3 for boats and b > 4", "a < 3 for boats and b > 4"),
        ("x<5 and y>3", "x<5 and y>3"),
        ("if x <y and z> w", "if x <y and z> w"),
        ("<john@boats.example> wrote to <http://boats.example/>", None),
        ("I <3 boats, you >_<", "I <3 boats, you >_<"),
        ("<- or -> or <-> or <>", "<- or -> or <-> or <>"),
        ("a <b>bold</b> <F P=105>word</F>, <br/>b<P>c", "a bold word , b c"),
        ("<TABLE CWL='1:2' x = \"3 4\">t</TABLE>", "t"),
        ('he said <a="b and left > here', None),
        ("p<0.05; n<N>M", "p<0.05; n M"),
        ("a <!-- left out --> b <!-- never closed", "a b never closed"),
        ("wow <!important and> more", None),
        ("AT&T, R&D; &lt;b&gt; &#8364;&#x20ac; &nope; &amp;amp;", "AT&T, R&D; <b> €€ &nope; &amp;"),
        ("x &copy 2 &para", None),
    ],
)
def test_only_what_has_the_shape_of_a_tag_is_one(marked_up, text):
    assert plain(marked_up) == (marked_up if text is None else text)


@given(st.text(st.sampled_from("ab <>&;!-/='\"[]1.é\n"), max_size=60))
def test_no_text_is_lost_but_what_looks_like_markup(text):
    found = plain(text)
    rest = re.sub(r"<[!/?A-Za-z][^<>]*>|<!--.*?-->|&\S*?;", " ", text, flags=re.DOTALL)
    kept = found.replace(" ", "")
    for piece in rest.split():
        assert piece in kept or "<" in piece or ">" in piece or "&" in piece


@given(st.lists(st.sampled_from(["a", " < ", "b", " > ", "1", "<", ">=", "\n"]), max_size=30))
def test_a_bare_bracket_is_text(pieces):
    text = "".join(pieces)
    if not re.search(r"<[ab]", text):
        assert plain(text) == " ".join(text.split())
        assert title_and_text(f"<TEXT>{text}</TEXT>") == ("", " ".join(text.split()))


def test_labels_of_topics():
    topic = """<num> Number: 1
<title> levels < 5 of lead
<desc> Description: <b>not</b> this
<EN-title> harbor &amp; boats </EN-title>"""
    assert label(topic, "num", "Number:") == "1"
    assert label(topic, "title", "Topic:") == "levels < 5 of lead"
    assert label("<C-num>1</C-num><EN-title> a <i 5 </EN-title>", "title") == "a <i 5"
    assert label("<title> <![CDATA[a <b> & c]]> </title>", "title") == "a <b> & c"


@pytest.mark.parametrize(
    "piece", ["<!--", "<script>", "<![CDATA[", "<a b='", "<", "<x y ", "&", "<a "]
)
def test_hostile_markup_is_read_in_time(piece):
    """What begins and never ends is looked for once: for each beginning, it would take hours."""
    for head in ("<DOCHDR></DOCHDR><title>", "<TEXT>"):
        title, text = title_and_text(head + piece * 200_000)
        assert len(title) + len(text) <= len(piece) * 200_000
