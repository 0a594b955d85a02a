"""What files of notices hold beside texts: words that are known, numbers, times of the day, zones, dates."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime, time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from risk_stream.catalogue import FileReader, Node, did_you_mean

__all__ = ["HouseReader"]

_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


class HouseReader(FileReader):
    """One file of the house's notices."""

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
