"""What TREC's documents and topics say: their titles and texts, without markup.

Collections of the TREC disks are SGML, each with element names of its own; GOV2 and WT10g are web
pages behind a header. Only what has the shape of a tag is one: people write ``a < 3`` and forget
to escape it, and no text may be lost between such a ``<`` and the next ``>``.
"""

import html
import re

# Elements with a document's title and its text, as Anserini and ir_datasets read them: headlines
# of LA Times, FT and SJMN; AP's HEAD, WSJ's HL, Ziff's TITLE, the Federal Register's TTL, and
# FBIS' TI, which stands in an H3 or H4; leads of WSJ and SJMN. LD and TX are those of SDA in CLEF.
_TITLES = {"TITLE", "HEADLINE", "HEAD", "HL", "TTL", "TI", "H3", "H4"}
_TEXTS = {"TEXT", "LP", "LEADPARA", "LD", "TX"}
_IN_TEXT = {"H3", "H4"}  # of the text itself, where they stand in it

# Attributes have values here: ``x <y and z> w`` is text.
_NAME = r"[A-Za-z][\w.:-]*+"
_ATTRIBUTES = r"""(?:\s++[\w.:-]++\s*+=\s*+(?:"[^"<>]*+"|'[^'<>]*+'|[^\s"'<>]++))*+"""
TAG = rf"</?{_NAME}{_ATTRIBUTES}\s*+/?>"
_TAG = re.compile(TAG)
_MARK = re.compile(rf"<(/?)({'|'.join(sorted(_TITLES | _TEXTS))}){_ATTRIBUTES}\s*+>", re.I)
# What begins and never ends goes to the end at once, so that no search is done twice.
_CDATA = re.compile(r"<!\[CDATA\[(.*?)(?:\]\]>|\Z)", re.DOTALL)
_COMMENT = re.compile(r"<!--(?:.*?-->|(.*))", re.DOTALL)
_DECLARATION = re.compile(
    r"<!(?:DOCTYPE|ELEMENT|ENTITY|ATTLIST|NOTATION)\s[^<>]*+>|<\?[A-Za-z][^<>]*?\?>"
    r"|<!\[(?:if|endif)[^<>]*?\]>",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?:#\d+|#[xX][0-9a-fA-F]+|\w+);")
# The Federal Register's, which HTML has not, or shows as a sign.
_OWN_ENTITIES = {"&hyph;": "-", "&blank;": " "}

# Of web pages: what browsers do not show.
_HEADER = re.compile(r"<DOCHDR>.*?</DOCHDR\s*>", re.I | re.DOTALL)
_IS_WEB = re.compile(r"<DOCHDR>", re.I)
_IS_HTML = re.compile(r"<(?:HTML|BODY)[\s>]", re.I)
_LABELS = re.compile(rf"<(DOCNO|DOCID|DOCOLDNO){_ATTRIBUTES}\s*+>.*?</\1\s*>", re.I | re.DOTALL)
_HIDDEN = re.compile(
    r"<(script|style|noscript)(?:\s[^<>]*+)?>(?:.*?</\1\s*>|(.*))", re.I | re.DOTALL
)
_WEB_TITLE = re.compile(
    r"<title(?:\s[^<>]*+)?>(.*?)(?:</title\s*>|(?=<body[\s>])|\Z)", re.I | re.DOTALL
)
_WEB_ATTRIBUTES = r"""(?:\s++[^\s"'<>/=]++(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s"'<>]++))?+)*+"""
_WEB_TAG = re.compile(
    rf"</?{_NAME}{_WEB_ATTRIBUTES}\s*+/?>"
    rf"""|</?{_NAME}(?:[\s/"'][^<>]{{0,2000}})?>"""  # with some mistake in its attributes
)


def title_and_text(inside: str) -> tuple[str, str]:
    """Of a document, each on one line; titles and texts of several elements follow each other."""
    if _IS_WEB.search(inside):
        return _web_page(_HEADER.sub(" ", inside))
    inside = _without_cdata(inside)
    title, text, found = _sections(inside)
    if not found and _IS_HTML.search(inside):
        return _web_page(inside)
    return plain(title), plain(text)


def label(inside: str, tag: str, word: str = "") -> str:
    """The plain text after a tag, and after the word that may repeat its name, to the next tag.

    CLEF's topics lead the name by a language: ``<EN-title>``.
    """
    pattern = rf"<(?:[a-z]{{2}}-)?{tag}{_ATTRIBUTES}\s*+>\s*(?:{word})?(.*?)(?:{TAG}|\Z)"
    found = re.search(pattern, _without_cdata(inside), re.IGNORECASE | re.DOTALL)
    return plain(found[1]) if found else ""


def plain(marked_up: str) -> str:
    """Without tags, comments and entities, on one line."""
    if "<" in marked_up:
        marked_up = _TAG.sub(" ", _DECLARATION.sub(" ", _without(_COMMENT, marked_up)))
    if "&" in marked_up:
        marked_up = _ENTITY.sub(_character, marked_up)
    return " ".join(marked_up.split())


def _sections(inside: str) -> tuple[str, str, bool]:
    """Titles, texts, and whether there is an element of a text.

    An element that is not closed ends where another begins; the last one at the end.
    """
    titles: list[str] = []
    texts: list[str] = []
    title = text = ""  # the open element
    found = False
    done = 0
    for mark in _MARK.finditer(inside):
        closes, name = bool(mark[1]), mark[2].upper()
        if name in _IN_TEXT and text:
            continue
        _keep(inside[done : mark.start()], title, text, titles, texts)
        done = mark.end()
        if name in _TEXTS:
            found = True
            title, text = "", "" if closes and name == text else text if closes else name
        elif closes:
            title = "" if name == title else title
        else:
            title = title or name
    _keep(inside[done:], title, text, titles, texts)
    return " ".join(titles), " ".join(texts), found


def _keep(piece: str, title: str, text: str, titles: list[str], texts: list[str]) -> None:
    if title:
        titles.append(piece)
    elif text:
        texts.append(piece)


def _web_page(page: str) -> tuple[str, str]:
    page = _without(_COMMENT, _LABELS.sub(" ", _without_cdata(page)))
    page = _without(_HIDDEN, page)
    found = _WEB_TITLE.search(page)
    if not found:
        return "", _shown(page)
    return _shown(found[1]), _shown(page[: found.start()] + " " + page[found.end() :])


def _shown(piece: str) -> str:
    """What a browser shows of a piece of a page, on one line."""
    piece = _WEB_TAG.sub(" ", _DECLARATION.sub(" ", piece))
    return " ".join(html.unescape(piece).split())


def _without(spans: re.Pattern[str], piece: str) -> str:
    """Without what these match; of one that never ends, only its beginning is left out."""
    return spans.sub(lambda found: " " + (found[found.re.groups] or ""), piece)


def _without_cdata(inside: str) -> str:
    """Its texts escaped like all others."""
    if "<![CDATA[" not in inside:
        return inside
    return _CDATA.sub(lambda found: html.escape(found[1], quote=False), inside)


def _character(entity: re.Match[str]) -> str:
    return _OWN_ENTITIES.get(entity[0]) or html.unescape(entity[0])
