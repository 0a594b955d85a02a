"""Calendars: in which time zone a day begins, and which days are business days; YAML files, and the periods they give.

A file holds one calendar. `holidays`, `workdays` and the years they are known for matter to business days only:

    name: china
    timezone: Asia/Shanghai               # a name of the IANA database
    weekend: [saturday, sunday]           # if left out, these
    from: 2025                            # the first and the last year whose holidays it knows
    until: 2026
    source: where the holidays were announced
    holidays: [2025-01-01, 2025-01-28]    # no business days
    workdays: [2025-01-26]                # days of the weekend that are business days

In years that a calendar does not know its weekends count and nothing else. A house's calendar takes the place of a
shipped one of the same name.
"""

from risk_stream.calendars.calendar import Calendar
from risk_stream.calendars.clock import business_day, clock_version, day_start, local_time
from risk_stream.calendars.load import CalendarError, load_calendars, shipped
from risk_stream.calendars.periods import UNITS, midnight, starts

__all__ = [
    "UNITS",
    "Calendar",
    "CalendarError",
    "business_day",
    "clock_version",
    "day_start",
    "load_calendars",
    "local_time",
    "midnight",
    "shipped",
    "starts",
]
