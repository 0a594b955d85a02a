"""Reads calendars from YAML: the package's own, then a house's, every fault with its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from pathlib import Path

from risk_stream.calendars.calendar import WEEKDAYS, Calendar
from risk_stream.calendars.periods import FIRST_DAY, LAST_DAY, known_zone
from risk_stream.catalogue import Node, Problem, ProblemsError, did_you_mean, read_yaml

__all__ = ["CalendarError", "load_calendars", "shipped"]

_OURS = Path(__file__).parent
_KEYS = ("name", "timezone", "weekend", "holidays", "workdays", "from", "until", "source")
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class CalendarError(ProblemsError):
    """Raised when calendars as written cannot be used."""


@cache
def shipped() -> Mapping[str, Calendar]:
    """The package's own calendars, by name."""
    return _read_all({path.name: path.read_text(encoding="utf-8") for path in sorted(_OURS.glob("*.yaml"))}, [])


def load_calendars(paths: Iterable[Path] = (), texts: Mapping[str, str] | None = None) -> dict[str, Calendar]:
    """The package's own calendars and a house's, by name; a house's take their place.

    `paths` are files, or folders of which every .yaml and .yml is read; `texts` are such files as name -> text.
    Raises `CalendarError` with everything that is wrong in any of them.
    """
    problems: list[Problem] = []
    found = dict(texts or {})
    for path in paths:
        inside = sorted(p for p in path.iterdir() if p.suffix in {".yaml", ".yml"}) if path.is_dir() else [path]
        for file in inside:
            try:
                found[str(file)] = file.read_text(encoding="utf-8-sig")
            except (OSError, UnicodeDecodeError) as error:
                said = getattr(error, "strerror", None) or "it is not UTF-8 text"
                problems.append(Problem(str(file), 0, 0, f"cannot read the file: {said}"))
    return {**shipped(), **_read_all(found, problems)}


def _read_all(texts: Mapping[str, str], problems: list[Problem]) -> dict[str, Calendar]:
    found: dict[str, Calendar] = {}
    for name, text in texts.items():
        try:
            reader = _Reader(read_yaml(text, name), text)
        except ProblemsError as error:
            problems += error.problems
            continue
        calendar = reader.calendar()
        problems += reader.problems
        if calendar.name in found:
            problems.append(Problem(name, 1, 1, f"there is another calendar {calendar.name}: give one another name"))
        found[calendar.name] = calendar
    if problems:
        raise CalendarError(problems)
    return found


class _Reader:
    """One file."""

    def __init__(self, root: Node, text: str) -> None:
        self.root, self.text = root, text
        self.problems: list[Problem] = []

    def calendar(self) -> Calendar:
        """What the file says; of what is wrong in it, `problems`."""
        if not self.root.is_mapping:
            self._report(self.root, f"a calendar is a mapping with name and timezone; this is a {self.root.kind}")
            return Calendar("", "UTC")
        for key in [key for key, _ in self.root.items() if key.value not in _KEYS]:
            advice = did_you_mean(key.value, _KEYS) or f": there are {', '.join(_KEYS)}"
            self._report(key, f"'{key.value}' is no part of a calendar{advice}")
        weekend = frozenset(WEEKDAYS.index(day) for day in self._list("weekend", "days such as saturday", WEEKDAYS))
        calendar = Calendar(
            self._name(),
            self._zone(),
            weekend if "weekend" in self.root else frozenset((5, 6)),
            frozenset(map(date.fromisoformat, self._list("holidays", "dates such as 2026-10-01"))),
            frozenset(map(date.fromisoformat, self._list("workdays", "dates such as 2026-10-10"))),
            self._year("from"),
            self._year("until"),
            str(self.root["source"].plain()) if "source" in self.root else "",
            self.text,
        )
        self._check(calendar)
        return calendar

    def _report(self, node: Node, message: str) -> None:
        self.problems.append(node.problem(message))

    def _name(self) -> str:
        node = self.root.get("name")
        if node is None or not node.is_text or not _NAME.fullmatch(node.value):
            self._report(node or self.root, "a calendar has a name of a-z 0-9 _ -, such as name: china")
            return ""
        return str(node.value)

    def _zone(self) -> str:
        node = self.root.get("timezone")
        if node is None or not node.is_text or not known_zone(node.value):
            said = "" if node is None else f"'{node.plain()}' is none: "
            self._report(node or self.root, f"{said}write a time zone of the IANA database, such as Asia/Shanghai")
            return "UTC"
        return str(node.value)

    def _year(self, key: str) -> int | None:
        node = self.root.get(key)
        if node is None:
            return None
        if type(node.value) is not int or not FIRST_DAY.year <= node.value < LAST_DAY.year:
            self._report(node, f"{key} is a year from {FIRST_DAY.year} to {LAST_DAY.year - 1}")
            return None
        return node.value

    def _list(self, key: str, what: str, choices: tuple[str, ...] = ()) -> list[str]:
        node = self.root.get(key)
        if node is None:
            return []
        if not node.is_list:
            self._report(node, f"{key} is a list of {what}")
            return []
        found = []
        for item in node.value:
            said = str(item.value)
            if (said in choices) if choices else _is_date(said):
                found.append(said)
            else:
                self._report(item, f"'{said}' cannot stand in {key}, a list of {what}")
        return found

    def _check(self, calendar: Calendar) -> None:
        """What is wrong between the parts."""
        first, last = calendar.first_year, calendar.last_year
        days = calendar.holidays | calendar.workdays
        if first is not None and last is not None and first > last:
            self._report(self.root["until"], "until is a year before from")
        elif days and (first is None or last is None):
            self._report(self.root, "say from and until which year the holidays are known: from: 2025, until: 2026")
        elif first is not None and last is not None:
            for day in sorted(day for day in days if not first <= day.year <= last):
                self._report(self.root, f"{day} lies outside the years {first} to {last} that the calendar covers")
        for day in sorted(calendar.holidays & calendar.workdays):
            self._report(self.root, f"{day} cannot be a holiday and a workday")
        if len(calendar.weekend) == len(WEEKDAYS):
            self._report(self.root["weekend"], "a week has a day that is no weekend")


def _is_date(text: str) -> bool:
    try:
        return _DATE.fullmatch(text) is not None and FIRST_DAY <= date.fromisoformat(text) < LAST_DAY
    except ValueError:
        return False
