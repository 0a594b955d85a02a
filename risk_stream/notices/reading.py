"""What every file of the folder `people` is read with: values of a kind, and a sentence for each that is none."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from risk_stream.catalogue import Node, Problem, did_you_mean

__all__ = ["FileReader"]

_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


class FileReader:
    """One file; `problems` holds what is wrong in it."""

    def __init__(self, root: Node) -> None:
        self.root = root
        self.problems: list[Problem] = []

    def report(self, node: Node, message: str) -> None:
        """Something is wrong here."""
        self.problems.append(node.problem(message))

    def mapping(self, node: Node, keys: Iterable[str], what: str) -> bool:
        """Whether a node is a mapping; keys of it that are not known are reported."""
        if not node.is_mapping:
            self.report(node, f"{what} is a mapping; this is a {node.kind}")
            return False
        known = list(keys)
        for key in [key for key, _ in node.items()]:
            if key.value not in known:
                advice = did_you_mean(str(key.value), known) or f": there are {', '.join(known)}"
                self.report(key, f"'{key.value}' is no part of {what}{advice}")
        return True

    def each(self, node: Node | None, what: str) -> Iterator[tuple[str, Node]]:
        """Names and what stands under them; nothing where there is nothing."""
        if node is None or node.value is None:
            return
        if not node.is_mapping:
            self.report(node, f"{what} is a mapping of names; this is a {node.kind}")
            return
        for key, child in node.items():
            yield str(key.value), child

    def items(self, node: Node | None, what: str) -> list[Node]:
        """The items of a list."""
        if node is None or node.value is None:
            return []
        if not node.is_list:
            self.report(node, f"{what} is a list; this is a {node.kind}")
            return []
        return list(node.value)

    def text(self, node: Node, key: str, default: str | None = None) -> str:
        """A text; where none must be, the default."""
        child = node.get(key)
        if child is None and default is not None:
            return default
        if child is None or child.is_mapping or child.is_list or child.raw == "":
            self.report(child or node, f"{key} is missing: a text")
            return default or ""
        return str(child.raw)

    def texts(self, node: Node | None, what: str) -> list[str]:
        """A list of texts."""
        found = []
        for item in self.items(node, what):
            if item.is_text and item.value:
                found.append(str(item.value))
            else:
                self.report(item, f"{what} is a list of texts such as [a, b]")
        return found

    def word(self, node: Node, key: str, known: Iterable[str], default: str) -> str:
        """One of the words that are known."""
        child = node.get(key)
        return default if child is None else self.one_of(child, key, known, default)

    def one_of(self, node: Node, what: str, known: Iterable[str], default: str) -> str:
        """A node that is one of the words that are known."""
        names = list(known)
        if node.value in names:
            return str(node.value)
        advice = did_you_mean(str(node.plain()), names) or f": say {', '.join(names)}"
        self.report(node, f"'{node.plain()}' cannot stand for {what}{advice}")
        return default

    def yes(self, node: Node, key: str) -> bool:
        """true or false; false where nothing is said."""
        child = node.get(key)
        if child is not None and not isinstance(child.value, bool):
            self.report(child, f"{key} is true or false")
        return child is not None and child.value is True

    def whole(self, node: Node | None, key: str, default: int, most: int, least: int = 1) -> int:
        """A whole number within bounds."""
        child = node.get(key) if node is not None else None
        return default if child is None else self.whole_of(child, key, default, most, least)

    def whole_of(self, node: Node, what: str, default: int, most: int, least: int = 1) -> int:
        """A node that is a whole number within bounds."""
        value = node.value
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            self.report(node, f"{what} is a whole number from {least:,} to {most:,}")
            return default
        return value

    def clock(self, node: Node, key: str, default: time | None = None) -> time:
        """A time of the day."""
        child = node.get(key)
        if child is None and default is not None:
            return default
        found = _CLOCK.fullmatch(str(child.raw)) if child is not None else None
        if found is None:
            self.report(child or node, f'{key} is a time of the day such as "09:00", in quotes')
            return default or time()
        return time(int(found[1]), int(found[2]))

    def zone(self, node: Node, default: str) -> str:
        """A time zone."""
        name = self.text(node, "timezone", default)
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            said = f"'{name}' is no time zone: write one of the IANA database, such as Asia/Shanghai"
            self.report(node["timezone"], said)
            return "UTC"
        return name

    def day(self, node: Node, key: str, default: date) -> date:
        """A date."""
        child = node.get(key)
        try:
            return default if child is None else date.fromisoformat(str(child.raw))
        except ValueError:
            assert child is not None
            self.report(child, f"{key} is a date such as 2026-01-05")
            return default

    def moment(self, node: Node, key: str, zone: str) -> int:
        """A time of a zone's clock, ms since 1970 UTC."""
        child = node.get(key)
        try:
            return int(
                datetime.fromisoformat(str(child.raw if child else "")).replace(tzinfo=ZoneInfo(zone)).timestamp()
                * 1000
            )
        except ValueError:
            self.report(child or node, f"{key} is a time such as 2026-10-01T09:00")
            return 0
