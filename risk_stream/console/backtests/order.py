"""What the process of a backtest is asked, and what it says while it runs: JSON over its pipes."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from risk_stream.rules import Plan

__all__ = ["MOST_RECORDS", "MOST_SECONDS", "Order", "Said", "Side"]

#: Records that the house's topics may hold, and seconds that a backtest may take: more is for the command line.
MOST_RECORDS, MOST_SECONDS = 5_000_000, 1_800


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One plan as texts: rule and model files and calendars by name."""

    texts: dict[str, str]
    calendars: dict[str, str] = {}

    @classmethod
    def of(cls, plan: Plan, edits: dict[str, str] | None = None) -> Side:
        """The files of a plan, those in `edits` with the text that stands there."""
        calendars = {name: calendar.text for name, calendar in plan.calendars.items()}
        return cls(texts={**plan.texts, **(edits or {})}, calendars=calendars)


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A backtest to be run. Of two sides the first is in force; without `days` the whole past is counted."""

    settings: str  # as JSON, secrets too: it never leaves a pipe
    sides: dict[str, Side]
    days: int | None = None
    known: dict[str, bool] = {}  # alert -> whether people confirmed it, or called it a false alarm
    folder: str = ""  # where the past is kept meanwhile; whoever asks takes it away
    rules: list[str] = []  # of these alone examples and days are told; all, where none is named
    most_records: int = MOST_RECORDS


class Said(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of what the process says: how far it is, or how it ended."""

    phase: Literal["reading", "judging", "done", "failed"]
    done: int = 0  # records or events
    all: int = 0
    why: str = ""  # of one that failed, in a sentence
    problems: list[dict[str, Any]] = []  # of rules that cannot be used
    report: dict[str, Any] | None = None
