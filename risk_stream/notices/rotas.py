"""On-call calendars: who has the watch at a moment. Every minute is somebody's, or the calendar is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from risk_stream.calendars import Calendar
from risk_stream.notices.receivers import at_local

__all__ = ["DAY_MINUTES", "HOLIDAY", "Instead", "Rota", "Shift"]

DAY_MINUTES = 1440

#: Days are numbered as `date.weekday()` numbers them; the kind of day after them is a holiday.
HOLIDAY = 7

_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday", "a holiday")


@dataclass(frozen=True, slots=True)
class Shift:
    """Hours of some days, and who has them in turn: the next person each day or week, counted from `first`."""

    days: frozenset[int]  # 0 Monday to 6 Sunday, 7 holidays
    begins: int  # minute of the day
    ends: int  # minute, at most 1,440; not after `begins` where it goes on into the next day
    people: tuple[str, ...]
    change: str = "weekly"  # or daily
    first: date = date(2024, 1, 1)  # a Monday: the first person's

    def whose(self, day: date) -> str:
        """Who has the shift that begins on a day."""
        passed = (day - self.first).days
        return self.people[(passed // 7 if self.change == "weekly" else passed) % len(self.people)]

    @property
    def over_midnight(self) -> bool:
        """Whether it ends on the day after."""
        return self.ends <= self.begins

    def minutes(self, of: int, before: int) -> Iterator[tuple[int, int]]:
        """The minutes it covers of a kind of day that follows another kind."""
        if of in self.days:
            yield self.begins, DAY_MINUTES if self.over_midnight else self.ends
        if self.over_midnight and before in self.days and self.ends:
            yield 0, self.ends


@dataclass(frozen=True, slots=True)
class Instead:
    """Somebody who has the watch in place of all others for a while, ms."""

    begins: int
    ends: int
    person: str


@dataclass(frozen=True, slots=True)
class Rota:
    """A watch. With a calendar, days that are no business days by its holidays are of the kind `holiday`."""

    name: str
    timezone: str
    shifts: tuple[Shift, ...]
    calendar: Calendar | None = None
    instead: tuple[Instead, ...] = ()

    @property
    def people(self) -> frozenset[str]:
        """Everybody who is ever on it."""
        return frozenset(p for s in self.shifts for p in s.people) | {one.person for one in self.instead}

    def kind(self, day: date) -> int:
        """The kind of a day: its weekday, or a holiday where shifts speak of holidays."""
        if self.calendar is None:
            return day.weekday()
        return HOLIDAY if self.has_holidays and day in self.calendar.holidays else day.weekday()

    @property
    def has_holidays(self) -> bool:
        """Whether holidays are days of their own kind: a calendar names them, and a shift speaks of them."""
        return self.calendar is not None and any(HOLIDAY in shift.days for shift in self.shifts)

    def on(self, now: int) -> frozenset[str]:
        """Who has the watch at a time, ms."""
        instead = frozenset(one.person for one in self.instead if one.begins <= now < one.ends)
        if instead:
            return instead
        local = at_local(now, self.timezone)
        day, minute = local.date(), local.hour * 60 + local.minute
        yesterday = day - timedelta(days=1)
        today, before = self.kind(day), self.kind(yesterday)
        found = set()
        for shift in self.shifts:
            if today in shift.days and shift.begins <= minute and (shift.over_midnight or minute < shift.ends):
                found.add(shift.whose(day))
            if shift.over_midnight and before in shift.days and minute < shift.ends:
                found.add(shift.whose(yesterday))
        return frozenset(found)

    def next_change(self, now: int) -> int:
        """The next moment, ms, at which somebody else may have the watch."""
        edges = [at for one in self.instead for at in (one.begins, one.ends) if at > now]
        local = at_local(now, self.timezone)
        for days in range(2):
            day = local.date() + timedelta(days=days)
            for minute in {0, *(m for shift in self.shifts for m in (shift.begins, shift.ends % DAY_MINUTES))}:
                moment = datetime.combine(day, time(minute // 60, minute % 60), ZoneInfo(self.timezone))
                edges.append(int(moment.timestamp() * 1000))
        return min((at for at in edges if at > now), default=now + DAY_MINUTES * 60_000)

    def gap(self) -> str | None:
        """The first time at which nobody has the watch, in words; None where there is none."""
        kinds = range(8 if self.has_holidays else 7)
        for kind in kinds:
            before = [(kind - 1) % 7] if kind < HOLIDAY else [*range(8)]
            if HOLIDAY in kinds and kind < HOLIDAY:
                before.append(HOLIDAY)  # the day before it may have been one
            for one in before:
                free = self._free(kind, one)
                if free is not None:
                    after = "" if one == (kind - 1) % 7 and kind < HOLIDAY else f", after {_NAMES[one]},"
                    return f"on {_NAMES[kind]}{after} from {_clock(free[0])} to {_clock(free[1])}"
        return None

    def _free(self, kind: int, before: int) -> tuple[int, int] | None:
        reached = 0
        for begins, ends in sorted(part for shift in self.shifts for part in shift.minutes(kind, before)):
            if begins > reached:
                return reached, begins
            reached = max(reached, ends)
        return None if reached >= DAY_MINUTES else (reached, DAY_MINUTES)


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
