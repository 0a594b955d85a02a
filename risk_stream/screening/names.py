"""A name as it is compared: without case, accents and points, in simplified characters, as its parts."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

__all__ = ["Name", "folded", "is_han"]

#: Letters that have no accent to take off, as they are written in passports.
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h"})
#: Signs within one part of a name, and whatever stands between parts.
_WITHIN = re.compile(r"['’ʼ`´.]")
_BETWEEN = re.compile(r"[^\w]+|_+")


@dataclass(frozen=True, slots=True)
class Name:
    """A name for comparison: its parts in their order, and the pairs of letters in them by which it is found."""

    parts: tuple[str, ...]
    pairs: frozenset[str]

    @property
    def joined(self) -> str:
        """Its parts without anything between them."""
        return "".join(self.parts)


def folded(text: str) -> Name:
    """A text as a name. One that holds no letter and no digit has no parts."""
    plain = unicodedata.normalize("NFKC", text).casefold().translate(_LETTERS)
    plain = "".join(letter for letter in unicodedata.normalize("NFD", plain) if not unicodedata.combining(letter))
    plain = unicodedata.normalize("NFC", _WITHIN.sub("", plain)).translate(_simplified())
    parts = tuple(part for part in _BETWEEN.split(plain) if part)
    return Name(parts, frozenset(pair for part in parts for pair in _pairs(part)))


def is_han(part: str) -> bool:
    """Whether a part of a name is in Chinese characters."""
    return any("\u3400" <= letter <= "\u9fff" for letter in part)


def _pairs(part: str) -> list[str]:
    """Neighbouring letters, with the beginning and the end; of Chinese characters each one too."""
    held = f"^{part}$"
    pairs = [held[i : i + 2] for i in range(len(held) - 1)]
    return [*pairs, *part] if is_han(part) else pairs


@cache
def _simplified() -> dict[int, str]:
    """Each traditional or variant character with its simplified one."""
    lines = files(__package__).joinpath("simplified.txt").read_text("utf-8").splitlines()
    return {ord(pair[0]): pair[1] for line in lines if not line.startswith("#") for pair in line.split()}
