"""What the functions of texts do with one text, and patterns, which RE2 matches in time that grows as the text does."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeAlias

import re2

__all__ = ["CHANGES", "PatternError", "TextFunction", "changed", "compiled", "text_function"]

TextFunction: TypeAlias = Callable[[str], "str | float"]
"""What a function gives for a text: another one (an empty one is none), a number, or 1 and 0 for true and false."""

#: Functions that give another text.
CHANGES: dict[str, Callable[[str], str]] = {"lower": str.lower, "trim": str.strip, "upper": str.upper}
#: Bytes that one pattern may take, compiled and while it matches.
_MOST_MEMORY = 1 << 20
#: Compiled patterns that are kept for whoever asks for the same again.
_MOST_PATTERNS = 1_024


class PatternError(ValueError):
    """Raised when a text is no pattern; its message is a sentence with RE2's reason."""


def changed(op: str, text: str) -> str:
    """A text as one of `CHANGES` gives it."""
    return CHANGES[op](text)


def text_function(op: str, argument: str | None) -> TextFunction:
    """A function of texts as one of a text alone. Raises `PatternError`."""
    if op in CHANGES:
        return CHANGES[op]
    if op == "length":
        return lambda text: float(len(text))
    assert argument is not None
    if op == "matches":
        search = compiled(argument).search
        return lambda text: float(search(text) is not None)
    contained: dict[str, TextFunction] = {
        "contains": lambda text: float(argument in text),
        "ends_with": lambda text: float(text.endswith(argument)),
        "starts_with": lambda text: float(text.startswith(argument)),
    }
    return contained[op]


@lru_cache(_MOST_PATTERNS)
def compiled(pattern: str) -> Any:
    """A pattern as RE2 has it. Raises `PatternError`."""
    options = re2.Options()
    options.max_mem, options.log_errors = _MOST_MEMORY, False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0]
        said = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise PatternError(f"this is no pattern of RE2: {said}") from None
