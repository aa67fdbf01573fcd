"""Pieces of texts that are no words: addresses, names and code; compiled by Numba.

Web addresses (https://x.org/y, www.x.org, x.org, x.co/y, mailto:x), files and paths (x.html,
~/x/y), e-mail addresses, @names (@name@host too), #tags, HTML's entities and tags, and names in
code (snake_case, a::b, f(), C:\\x, TeX's \\commands). Nobody translates them, so nothing in them
is looked up.
"""

import numpy as np

from clir.compiling import compiled
from clir.text.characters import (
    APOSTROPHE,
    LETTER,
    MARK,
    OTHER,
    SINGLE,
    character,
    class_at,
    class_of,
)

Span = tuple[int, int]  # where a piece begins and ends
_FARTHEST = 256  # bytes that a piece may reach back, and a host name may be long
_LONGEST_ENTITY = 32

# Sorts of ASCII characters; one may be of several.
_ALNUM, _IN_LABEL, _IN_LOCAL_PART, _IN_NAME, _IN_SCHEME, _IN_PATH, _IN_ADDRESS = (
    1 << n for n in range(7)
)
_MORE_THAN_ALNUM = {
    _ALNUM: "",
    _IN_LABEL: "-",
    _IN_LOCAL_PART: "._%+-",
    _IN_NAME: "_.:",
    _IN_SCHEME: "+.-",
    _IN_PATH: "_.-~/\\:{}",
    _IN_ADDRESS: "!#$%&'()*+,-./:;=?@[]_~",
}
_KINDS = np.zeros(256, np.uint8)  # of no other byte
for _kind, _others in _MORE_THAN_ALNUM.items():
    for _code in range(128):
        if chr(_code).isalnum() or chr(_code) in _others:
            _KINDS[_code] |= _kind


def _packed(words: str) -> np.ndarray:
    """Short words as numbers, ascending."""
    return np.array(sorted(int.from_bytes(w.encode(), "big") for w in words.split()), np.uint64)


# Top-level domains and endings of files. Neither is what a sentence begins with (as in end.It):
# they are written all small or all in capitals.
_ENDINGS = _packed(
    """
    com org net edu gov info int mil io de fr ru nl jp cn br uk eu ch au ca pl se tv ai app dev vn
    it es pt in id
    html htm php asp aspx jsp css js json xml csv tsv txt pdf doc docx xls xlsx ppt pptx odt rtf
    jpg jpeg png gif svg mp3 mp4 avi zip gz 7z tar exe dll webp py java cpp rb rs sh sql md yml yaml
    """
)
# Schemes of addresses without slashes.
_SCHEMES = _packed("mailto tel sms doi urn")
_AT, _HASH, _AMPERSAND, _UNDERSCORE, _COLON, _SEMICOLON, _DOT, _PLUS = b"@#&_:;.+"
_OPEN, _CLOSE, _BACKSLASH, _SLASH, _W, _A, _Z, _X = b"()\\/wazx"
_LESS, _GREATER, _EQUALS, BLANK = b"<>= "
_FULL_AT, _FULL_HASH = ord("＠"), ord("＃")
_BETWEEN_NAMES = tuple(b".-@")  # in an address
_BEFORE_SLASH = tuple(b".~")
_GOES_ON = tuple(b":/?#")  # after a host
_ENDS_SENTENCE = tuple(b".,;:!?'")
_TRIGGERS = np.zeros(256, np.bool_)  # bytes that may tell of a piece
_TRIGGERS[list(b"@#&_:.(\\/<\xef")] = True


def find_pieces(data: np.ndarray, offsets: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Begin and end of every piece in the bytes of texts, in order: pieces x 2, int64.

    ``data``, ``offsets`` as in ``words.Buffer``; ``classes`` as in ``characters.Letters``.
    """
    room = np.empty((len(data) // 2 + 1, 2), np.int64)
    return room[: _find_pieces(data, offsets, classes, room)]


@compiled
def _find_pieces(
    data: np.ndarray, offsets: np.ndarray, classes: np.ndarray, pieces: np.ndarray
) -> int:
    count = 0
    for text in range(len(offsets) - 1):
        at, stop = offsets[text], offsets[text + 1]
        bottom = at  # where the last piece ends
        while at < stop:
            here = np.uint64(at)  # of a signed index Numba asks whether it is negative
            if _TRIGGERS[np.uint64(data[here])]:
                follows = at == bottom and at > offsets[text]  # on the piece before
                left, right = _piece(data, bottom, at, stop, follows, classes)
                if right > at:
                    pieces[count, 0], pieces[count, 1] = left, right
                    count += 1
                    at = bottom = right
                    continue
            at += 1
    return count


@compiled
def _piece(
    data: np.ndarray, bottom: int, at: int, stop: int, follows: bool, classes: np.ndarray
) -> Span:
    """The piece that the character here is of, which begins behind ``bottom``; (at, at): none."""
    code, size = character(data, at)
    after = at + size
    if code in (_HASH, _FULL_HASH):
        return _tag(data, bottom, at, after, stop, classes)
    if code in (_AT, _FULL_AT):
        return _name(data, bottom, at, after, stop, follows, classes)
    if after >= stop or size > 1:
        return at, at
    following = data[after]
    if code == _AMPERSAND:
        return at, _entity_end(data, at, stop)
    if code == _LESS:
        return at, _markup_end(data, at, stop)
    named = _ends_name(data, bottom, at, classes)  # a letter or digit stands before
    if code == _DOT:
        return _host(data, bottom, at, stop, classes) if named else (at, at)
    if code == _COLON:
        if named and following == _SLASH and after + 1 < stop and data[after + 1] == _SLASH:
            left = _back_over(data, bottom, at, _IN_SCHEME, classes)
            return left, _address_end(data, after + 2, stop, classes)
        if named and (following == _PLUS or _KINDS[following] & _ALNUM):
            left = _back_over(data, bottom, at, _IN_LABEL, classes)
            if _is_listed(data, left, at, _SCHEMES):
                return left, _address_end(data, after, stop, classes)
        if named and following == _COLON and _is_name(data, after + 1, stop, classes):
            return _code_name(data, bottom, at, stop, classes)
        return at, at
    if code == _UNDERSCORE:
        inside = named and (following == _UNDERSCORE or _is_name(data, after, stop, classes))
        dunder = following == _UNDERSCORE and _is_name(data, after + 1, stop, classes)
        return _code_name(data, bottom, at, stop, classes) if inside or dunder else (at, at)
    if code == _OPEN:
        if named and following == _CLOSE:
            return _back_over(data, bottom, at, _IN_NAME, classes), after + 1
        return at, at
    if not _is_name(data, after, stop, classes):
        return at, at
    if code == _BACKSLASH:
        return _path(data, bottom, at, stop, classes)
    if not named:  # a slash: of a path, if it is not the only one, or as ./ or ~/
        left, right = _path(data, bottom, at, stop, classes)
        if left < at and data[at - 1] in _BEFORE_SLASH:
            return left, right
        for k in range(at + 1, right):
            if data[k] == _SLASH:
                return left, right
    return at, at


@compiled
def _tag(
    data: np.ndarray, bottom: int, at: int, after: int, stop: int, classes: np.ndarray
) -> Span:
    """A #tag, or #tag# as is the custom in Chinese; none behind a letter (C#)."""
    if not _begins_name(data, after, stop, classes) or _ends_name(data, bottom, at, classes):
        return at, at
    right = _name_end(data, after, stop, classes)
    unspaced = class_at(data, after, classes) == SINGLE
    closed = right < stop and data[right] == data[at] == _HASH
    if closed and (unspaced or not _is_name(data, right + 1, stop, classes)):
        right += 1
    return at, right


@compiled
def _name(
    data: np.ndarray,
    bottom: int,
    at: int,
    after: int,
    stop: int,
    follows: bool,
    classes: np.ndarray,
) -> Span:
    """An e-mail address or an @name, also @name@host."""
    if not _begins_name(data, after, stop, classes):
        return at, at
    left = _back_over(data, bottom, at, _IN_LOCAL_PART, classes)
    right = _name_end(data, after, stop, classes)
    has_host = left < at or follows
    while right < stop and data[right] in _BETWEEN_NAMES:
        has_host |= data[right] == _AT
        if not (has_host and _is_name(data, right + 1, stop, classes)):
            break  # a mere @name has no dots
        right = _name_end(data, right + 1, stop, classes)
    return left, right


@compiled
def _entity_end(data: np.ndarray, at: int, stop: int) -> int:
    """The end of an HTML entity that begins here, or ``at``."""
    end = at + 1
    numeric = data[end] == _HASH
    if numeric:
        end += 1
    first = end
    while end < stop and end < first + _LONGEST_ENTITY and _KINDS[data[end]] & _ALNUM:
        end += 1
    if end >= stop or data[end] != _SEMICOLON or end < first + (1 if numeric else 2):
        return at
    begins = data[first] | 0x20
    is_digit = begins < _A
    return end + 1 if numeric == (is_digit or begins == _X) else at


@compiled
def _markup_end(data: np.ndarray, at: int, stop: int) -> int:
    """The end of one of HTML's tags that begins here, or ``at``: <b>, </b>, <br />, <a x=y>."""
    end = at + 2 if data[at + 1] == _SLASH else at + 1
    if end >= stop or not _A <= data[end] | 0x20 <= _Z:
        return at
    while end < stop and _KINDS[data[end]] & _IN_LABEL:
        end += 1
    name_end, attributes = end, False
    while end < stop and end < at + _FARTHEST and data[end] not in (_LESS, _GREATER):
        attributes |= data[end] == _EQUALS
        end += 1
    if end >= stop or data[end] != _GREATER:
        return at
    # Else it compares, as in a <b and c> d.
    blank = data[name_end] == BLANK and (attributes or data[end - 1] == _SLASH)
    return end + 1 if end == name_end or blank or end - 1 == name_end else at


@compiled
def _is_listed(data: np.ndarray, begin: int, end: int, words: np.ndarray) -> bool:
    """Whether the small form of what stands here is one of ``words`` (packed)."""
    if end - begin > 8:
        return False
    word = np.uint64(0)
    for k in range(begin, end):
        lower = data[k] | 0x20
        word = word << np.uint64(8) | np.uint64(lower if _A <= lower <= _Z else data[k])
    place = np.searchsorted(words, word)
    return bool(place < len(words) and words[place] == word)


@compiled
def _host(data: np.ndarray, bottom: int, at: int, stop: int, classes: np.ndarray) -> Span:
    """A web address without its scheme, or a file's name: www.x, x.org, x.co/y, x.html."""
    end = label = at + 1
    if not _KINDS[data[end]] & _ALNUM:
        return at, at
    left = _back_over(data, bottom, at, _IN_LABEL, classes)
    while end < stop and end < at + _FARTHEST:
        if data[end] == _DOT and end + 1 < stop and _KINDS[data[end + 1]] & _ALNUM:
            label = end + 1
        elif not _KINDS[data[end]] & _IN_LABEL:
            break
        end += 1
    if end < stop and class_at(data, end, classes) == LETTER:
        return at, at  # the last label goes on with other letters
    small, capital = True, True
    for k in range(label, end):
        lower = data[k] | 0x20
        is_letter = _A <= lower <= _Z
        small &= data[k] == lower or not is_letter
        capital &= data[k] != lower or not is_letter
    size = end - label
    www = at - left == 3 and data[left] | 0x20 == _W and data[left + 1] | 0x20 == _W
    before_slash = small and 2 <= size <= 6 and end < stop and data[end] == _SLASH
    before_slash &= _A <= data[label] <= _Z
    known = (small or capital) and _is_listed(data, label, end, _ENDINGS)
    if not (www or before_slash or known):
        return at, at
    if left > bottom and data[left - 1] == _SLASH:  # the file's folders
        left = _back_over(data, bottom, left, _IN_PATH, classes)
    if end < stop and data[end] in _GOES_ON:
        return left, _address_end(data, end, stop, classes)
    return left, end


@compiled
def _address_end(data: np.ndarray, at: int, stop: int, classes: np.ndarray) -> int:
    """Where a web address ends; marks that end the sentence do not belong to it."""
    start, brackets = at, 0
    while at < stop:
        code, size = character(data, at)
        if size == 1:
            brackets += int(code == _OPEN) - int(code == _CLOSE)
            if brackets < 0 or not _KINDS[code] & _IN_ADDRESS:
                break
        else:
            kind = class_of(code, classes)
            if kind not in (LETTER, MARK, SINGLE):
                break
            # Han after Latin letters or a bracket is the text that goes on.
            if kind == SINGLE and (_KINDS[data[at - 1]] & _ALNUM or data[at - 1] == _CLOSE):
                break
        at += size
    while at > start and data[at - 1] in _ENDS_SENTENCE:
        at -= 1
    return at


@compiled
def _code_name(data: np.ndarray, bottom: int, at: int, stop: int, classes: np.ndarray) -> Span:
    """Names in code that an underscore or :: joins, with what dots join to them."""
    left = _back_over(data, bottom, at, _IN_NAME, classes)
    right = at
    while True:
        right = _name_end(data, right, stop, classes)
        after = right + 1
        if after < stop and data[right] == _COLON and data[after] == _COLON:
            after += 1
        elif right >= stop or data[right] != _DOT:
            break
        if not (
            _is_name(data, after, stop, classes) or (after < stop and data[after] == _UNDERSCORE)
        ):
            break
        right = after
    if right + 1 < stop and data[right] == _OPEN and data[right + 1] == _CLOSE:
        right += 2
    return left, right


@compiled
def _path(data: np.ndarray, bottom: int, at: int, stop: int, classes: np.ndarray) -> Span:
    """A path of files, or a command of TeX."""
    left, right = _back_over(data, bottom, at, _IN_PATH, classes), at
    while right < stop:
        code, size = character(data, right)
        inside = _KINDS[code] & _IN_PATH if size == 1 else class_of(code, classes) in (LETTER, MARK)
        if not inside:
            break
        right += size
    while right > at + 1 and data[right - 1] in _ENDS_SENTENCE:
        right -= 1
    return left, right


@compiled
def _back_over(data: np.ndarray, bottom: int, at: int, kinds: int, classes: np.ndarray) -> int:
    """Where ASCII characters of some kinds, and other letters, begin that end here."""
    bottom = max(bottom, at - _FARTHEST)
    while at > bottom:
        before = at - 1
        if data[before] < 0x80:
            if not _KINDS[data[before]] & kinds:
                break
        else:
            while before > bottom and data[before] & 0xC0 == 0x80:
                before -= 1
            if data[before] & 0xC0 == 0x80 or class_at(data, before, classes) not in (
                LETTER,
                MARK,
            ):
                break
        at = before
    return at


@compiled
def _ends_name(data: np.ndarray, bottom: int, at: int, classes: np.ndarray) -> bool:
    """Whether a letter or digit of a spaced script ends here."""
    return _back_over(data, max(bottom, at - 4), at, _ALNUM, classes) < at


@compiled
def _is_name(data: np.ndarray, at: int, stop: int, classes: np.ndarray) -> bool:
    """Whether a letter or digit begins here."""
    return at < stop and class_at(data, at, classes) in (LETTER, SINGLE)


@compiled
def _begins_name(data: np.ndarray, at: int, stop: int, classes: np.ndarray) -> bool:
    """Whether a letter, digit or underscore begins here."""
    return _is_name(data, at, stop, classes) or (at < stop and data[at] == _UNDERSCORE)


@compiled
def _name_end(data: np.ndarray, at: int, stop: int, classes: np.ndarray) -> int:
    """Where letters, digits and underscores end that begin here.

    Characters of unspaced scripts go on with a name only where they began it.
    """
    unspaced = at < stop and class_at(data, at, classes) == SINGLE
    while at < stop:
        code, size = character(data, at)
        kind = class_of(code, classes)
        if code != _UNDERSCORE and kind in (OTHER, APOSTROPHE):
            break
        if kind == SINGLE and not unspaced:
            break
        at += size
    return at
