"""Names that a user gives (collections, domains), checked and encoded as parts of file names."""

import re
import unicodedata
from urllib.parse import quote

ALL_DOMAINS = "all"
LONGEST = 180  # bytes; file systems take 255, and ours are added

# Letters, digits and these stand for themselves, but for a leading dot or underscore: readers of
# tables pass over files that begin so.
_OTHERS = re.compile(r"^[._]|[^\w.-]")


def encoded(name: str) -> str:
    """A name as a part of a file name, without blanks, slashes and whatever a pattern may mean.

    ``urllib.parse.unquote`` gives the name back.
    """
    return _OTHERS.sub(lambda found: _percent(found[0]), name)


def _percent(character: str) -> str:
    # quote leaves a few alone that a leading dot or underscore is one of.
    return quote(character, safe="") if character not in "._~" else f"%{ord(character):02X}"


def check(name: str) -> str:
    """``name`` itself; ValueError where it can be no part of a file name, even encoded."""
    try:
        longest = max(len(name.encode()), len(encoded(name).encode()))
    except UnicodeEncodeError:
        raise ValueError(f"{name!r} is not UTF-8; rename it") from None
    if any(unicodedata.category(character) == "Cc" for character in name):
        raise ValueError(f"{name!r} holds a control character; rename it")
    if longest > LONGEST:
        raise ValueError(f"{name!r} is longer than a file name may be; use a shorter one")
    return name


def check_domain(name: str) -> str:
    """As ``check``, for a domain; tables of results call all of them together ``all``."""
    if name == ALL_DOMAINS:
        raise ValueError(f"a domain cannot be called {name!r}, which means all of them; rename it")
    return check(name)


def check_component(name: str) -> str:
    """As ``check``, for a name that is used as it stands: no slash in it, and not ``..``."""
    if name in ("", ".", "..") or "/" in name:
        raise ValueError(f"{name!r} cannot name a file; use a name without slashes")
    return check(name)
