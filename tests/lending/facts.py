"""The worked values: tables of the field, each row a promise."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

from risk_stream.calendars import Calendar, load_calendars, shipped

DATA = Path(__file__).parent / "data"


def rows(name: str) -> list[dict[str, str]]:
    """A table of tests/lending/data, a row as a mapping."""
    with (DATA / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    assert found, name
    return found


def minor(amount: str) -> int:
    """Minor units of an amount with up to two decimals."""
    whole, _, part = amount.partition(".")
    return int(whole) * 100 + int(f"{part:0<2}"[:2])


def interbank() -> Calendar:
    """The shipped interbank calendar, with the year 2024 before it."""
    name = "china_interbank_2024"
    early, late = load_calendars([DATA / f"{name}.yaml"])[name], shipped()["china_interbank"]
    return replace(early, holidays=early.holidays | late.holidays, workdays=early.workdays | late.workdays)
