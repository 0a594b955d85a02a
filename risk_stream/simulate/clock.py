"""Simulated time: the trading calendar of the simulated market and a declared clock that may run fast."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

__all__ = ["CHINA_MS", "DAY_MS", "HOUR_MS", "MINUTE_MS", "SECOND_MS", "Clock", "Day", "day_of", "midnight"]

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
#: China is eight hours ahead of UTC, all year.
CHINA_MS = 8 * HOUR_MS

#: The part of a trading day that a clock with a `night` factor lets pass slowly, in ms from local midnight.
_OPEN_MS, _SHUT_MS = 9 * HOUR_MS, 15 * HOUR_MS + 30 * MINUTE_MS
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday


def midnight(date: dt.date) -> int:
    """Local (China) midnight of a date, in ms since 1970 UTC."""
    return (date - dt.date(1970, 1, 1)).days * DAY_MS - CHINA_MS


@dataclass(frozen=True, slots=True)
class Day:
    """One local day of the simulation. Weekends are shut; public holidays are not simulated."""

    index: int  # 0 is the first day simulated
    date: dt.date
    start: int  # local midnight, ms since 1970 UTC

    @property
    def trading(self) -> bool:
        """Whether the market is open on this day."""
        return self.date.weekday() < 5

    def at(self, hour: float, minute: float = 0, second: float = 0) -> int:
        """A local time of this day, in ms since 1970 UTC."""
        return self.start + int(hour * HOUR_MS + minute * MINUTE_MS + second * SECOND_MS)


def day_of(first: dt.date, index: int) -> Day:
    """The day that is `index` days after `first`."""
    date = first + dt.timedelta(days=index)
    return Day(index, date, midnight(date))


@dataclass(frozen=True, slots=True)
class Clock:
    """Maps simulated time to seconds of wall time since the start.

    Args:
        start: Where simulated time begins, ms since 1970 UTC.
        factor: Simulated seconds that pass in one wall second.
        night: How many times faster still the hours pass in which the market is shut.
        declared: A clock that does not run at 1 must be declared: whoever reads the stream has to know.

    Raises:
        ValueError: If a factor is not positive, or differs from 1 and the clock is not declared.
    """

    start: int
    factor: float = 1.0
    night: float = 1.0
    declared: bool = False

    def __post_init__(self) -> None:
        if not (self.factor > 0 and self.night > 0):
            raise ValueError(
                f"a clock's factors are above 0, these are {self.factor:g} and {self.night:g}: give positive ones"
            )
        if self.simulated and not self.declared:
            raise ValueError(
                f"a clock of factor {self.factor:g} is a simulated one: "
                "declare it (declared=True), and only in a demo or a test"
            )

    @property
    def simulated(self) -> bool:
        """Whether time passes at another pace than on the wall."""
        return self.factor != 1.0 or self.night != 1.0

    def wall(self, time: int) -> float:
        """Seconds of wall time after the start at which the simulated `time` (ms) is reached."""
        opened = _open_ms(time) - _open_ms(self.start)
        shut = (time - self.start) - opened
        return (opened + shut / self.night) / (self.factor * SECOND_MS)

    def at(self, wall: float) -> int:
        """The simulated time (ms) reached `wall` seconds after the start."""
        low, high = self.start, self.start + int(wall * SECOND_MS * self.factor * max(1.0, self.night)) + 1
        while high - low > 1:
            middle = (low + high) // 2
            if self.wall(middle) <= wall:
                low = middle
            else:
                high = middle
        return low


def _open_ms(time: int) -> int:
    """Milliseconds of open hours between the Monday before 1970 and `time`."""
    local = time + CHINA_MS + _EPOCH_WEEKDAY * DAY_MS
    days, within = divmod(local, DAY_MS)
    weeks, weekday = divmod(days, 7)
    full = weeks * 5 + min(weekday, 5)
    today = min(max(within - _OPEN_MS, 0), _SHUT_MS - _OPEN_MS) if weekday < 5 else 0
    return full * (_SHUT_MS - _OPEN_MS) + today
