"""Reads the tables of the room from YAML: every key is known, every fault is said with its line and column."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

from risk_stream.catalogue import Node, Problem, ProblemsError, did_you_mean, read_yaml
from risk_stream.lending.errors import TableError

__all__ = ["Reader", "table"]

_OURS = Path(__file__).parent / "tables"

#: Digits of a number before the point, and behind it: what has more is slow to make a fraction of.
_MOST_PLACES = 60

_E = TypeVar("_E", bound=Enum)


class Reader:
    """One file, read part by part; `problems` grows, `done` raises them."""

    def __init__(self, root: Node, keys: Sequence[str], optional: Sequence[str] = ()) -> None:
        self.root = root
        self.problems: list[Problem] = []
        self.keys(root, keys, optional)

    def report(self, node: Node, message: str) -> None:
        """Note what is wrong with a part."""
        self.problems.append(node.problem(message))

    def done(self) -> None:
        """Raise `TableError` with all that was noted."""
        if self.problems:
            raise TableError(self.problems)

    def keys(self, node: Node, known: Sequence[str], optional: Sequence[str] = ()) -> bool:
        """Whether a part is a mapping; notes keys that are not known and those that are missing."""
        if not node.is_mapping:
            self.report(node, f"here is a mapping with {', '.join(known)} meant, not a {node.kind}")
            return False
        for key in node.value:
            if key not in known:
                said = did_you_mean(key, known) or f": there are {', '.join(known)}"
                self.report(node.key(key), f"'{key}' is not known here{said}")
        for key in known:
            if key not in node and key not in optional:
                self.report(node, f"{key} is missing")
        return True

    def whole(self, node: Node, key: str, low: int = 0, high: int = 100_000) -> int:
        """A whole number from `low` to `high`."""
        found = node.get(key)
        if found is None:
            return low
        if type(found.value) is not int or not low <= found.value <= high:
            self.report(found, f"{key} is a whole number from {low} to {high:,}, not {found.plain()!r}")
            return low
        return found.value

    def number(self, node: Node, key: str) -> Fraction:
        """A decimal number, exactly as it is written."""
        found = node.get(key)
        if found is None:
            return Fraction(0)
        try:
            number = Decimal(found.raw or str(found.value))
        except (InvalidOperation, ValueError):
            number = Decimal("NaN")
        if not number.is_finite():
            self.report(found, f"{key} is a number, not {found.plain()!r}")
            return Fraction(0)
        places = number.as_tuple().exponent
        if isinstance(places, int) and places >= -_MOST_PLACES and number.adjusted() < _MOST_PLACES:
            return Fraction(number)
        said = f"{key} has at most {_MOST_PLACES} digits before the point and {_MOST_PLACES} behind it"
        self.report(found, f"{said}: round it")
        return Fraction(0)

    def share(self, node: Node, key: str) -> Fraction:
        """A share from 0 to 1 with at most three decimals."""
        found = self.number(node, key)
        if not 0 <= found <= 1 or found.denominator > 1_000:
            self.report(node[key], f"{key} is a share from 0 to 1 with at most three decimals, such as 0.1 for 10 %")
            return Fraction(0)
        return found

    def choice(self, node: Node, key: str, choices: Sequence[str]) -> str:
        """One of some words."""
        found = node.get(key)
        if found is None:
            return choices[0]
        if found.value not in choices:
            said = did_you_mean(str(found.value), choices) or f": write one of {', '.join(choices)}"
            self.report(found, f"'{found.plain()}' is no {key}{said}")
            return choices[0]
        return str(found.value)

    def member(self, node: Node, key: str, kind: type[_E]) -> _E:
        """One of an enumeration, by its name in small letters."""
        return kind[self.choice(node, key, [one.name.lower() for one in kind]).upper()]

    def names(self, node: Node, key: str) -> tuple[str, ...]:
        """A list of words; nothing is an empty one."""
        found = node.get(key)
        if found is None or found.value is None:
            return ()
        if not found.is_list or not all(one.is_text for one in found.value):
            self.report(found, f"{key} is a list of words, not {found.plain()!r}")
            return ()
        return tuple(str(one.value) for one in found.value)

    def yes(self, node: Node, key: str, otherwise: bool) -> bool:
        """Whether something is so; `otherwise` where nothing is said."""
        found = node.get(key)
        if found is None:
            return otherwise
        if not isinstance(found.value, bool):
            self.report(found, f"{key} is true or false, not {found.plain()!r}")
            return otherwise
        return found.value

    def text(self, node: Node, key: str) -> str:
        """A text."""
        found = node.get(key)
        if found is None:
            return ""
        if not found.is_text or not found.value.strip():
            self.report(found, f"{key} is a text")
            return ""
        return str(found.value)


def table(path: Path | str, keys: Sequence[str]) -> Reader:
    """A table by its path, or one of ours by its name, with all of `keys` and no other; raises `TableError`."""
    file = _OURS / f"{path}.yaml" if isinstance(path, str) else path
    try:
        reader = Reader(read_yaml(file, file.name), keys)
    except ProblemsError as error:
        raise TableError(error.problems) from error
    reader.done()
    return reader
