"""What a user did wrong, said in one line.

``InputError`` is for the user's input (a file, a setting); asserts are for our own invariants.
Engines wrap what their workers raise, so ``user_message`` finds that line in the engine's error.
"""

import re
from collections.abc import Iterator


class InputError(ValueError):
    """The user's input is wrong; the message names the place and says what to do about it.

    One line, or one for each of several mistakes that were found together.
    """


# How an InputError reads inside the text of a worker's traceback.
_IN_TRACEBACK = re.compile(r"clir\.errors\.InputError: (.+)")


def user_message(error: BaseException) -> str | None:
    """The message of the InputError that caused ``error``, or None where there is none."""
    for cause in causes(error):
        if isinstance(cause, InputError):
            return str(cause)
        wrapped = _IN_TRACEBACK.search(text_of(cause))
        if wrapped:
            return wrapped.group(1).strip()
    return None


def text_of(error: BaseException) -> str:
    """What an error says. One of Spark's asks its JVM for that, which may be gone."""
    try:
        return str(error)
    except Exception as lost:
        return f"{type(lost).__name__}: {lost}"


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error, and what it came from, one after another."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        # Ray keeps a worker's error under .cause, Python under __cause__ and __context__.
        inner = getattr(cause, "cause", None)
        cause = inner if isinstance(inner, BaseException) else cause.__cause__ or cause.__context__


def in_a_line(error: BaseException) -> str:
    """What an error of a library says, short enough for a message of ours."""
    said = " ".join(text_of(error).split())[:200]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
