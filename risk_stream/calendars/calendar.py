"""What a calendar is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

__all__ = ["WEEKDAYS", "Calendar"]

#: In the order of `date.weekday()`.
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, slots=True)
class Calendar:
    """A time zone, and which of its days are business days. `text` is the file it was read from."""

    name: str
    timezone: str
    weekend: frozenset[int] = frozenset((5, 6))  # as `date.weekday()` numbers days
    holidays: frozenset[date] = frozenset()
    workdays: frozenset[date] = frozenset()
    first_year: int | None = None  # of those whose holidays it knows
    last_year: int | None = None
    source: str = ""
    text: str = field(default="", compare=False, repr=False)

    def is_business_day(self, day: date) -> bool:
        """Whether it is one; where holidays are not known, whether it is no day of the weekend."""
        if day in self.workdays:
            return True
        return day.weekday() not in self.weekend and day not in self.holidays
