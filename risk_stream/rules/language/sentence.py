"""Values in words: what an alert's summary says, and the plain values beside it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from risk_stream.features import Op
from risk_stream.rules.language.meaning import AggregateValue, FieldValue, Kind, Meaning

__all__ = ["PLACEHOLDER", "plain", "said", "template"]

#: A name in braces, or a brace that is written twice.
PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS_PER_DAY = 86_400_000
_SPANS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def template(text: str) -> Callable[[Callable[[str], str]], str]:
    """The summary as a function of what says a name's value."""
    pieces: list[tuple[str, str | None]] = []  # text, and the name whose value stands behind it
    at = 0
    for found in PLACEHOLDER.finditer(text):
        before = text[at : found.start()]
        pieces.append((before + found[0][0], None) if found[1] is None else (before, found[1].strip()))
        at = found.end()
    rest = text[at:]
    return lambda say: "".join([before if name is None else before + say(name) for before, name in pieces]) + rest


#: Operations whose values are whole.
_COUNTS = (Op.COUNT, Op.DISTINCT, Op.SEQUENCE, Op.DAYS_PAST_DUE)


_AS_IT_IS = (str, bool)


def plain(meaning: Meaning, value: float | int | str | bool | None) -> float | int | str | bool | None:
    """A value as it stands in an alert: whole where it counts, a bool where it is one, None where unknown.

    Texts that were seen stand one after the other.
    """
    if value is None or isinstance(value, _AS_IT_IS):
        return value
    if math.isnan(value):
        return None
    if isinstance(meaning, AggregateValue) and meaning.kind is Kind.SET:
        return ", ".join(text for bit, text in enumerate(meaning.aggregate.values) if int(value) >> bit & 1) or "none"
    kind = getattr(meaning, "kind", Kind.BOOLEAN)
    if kind is Kind.BOOLEAN:
        return bool(value)
    if kind is Kind.TIME or (isinstance(meaning, AggregateValue) and meaning.aggregate.op in _COUNTS):
        return int(value)
    if isinstance(value, int) or isinstance(meaning, FieldValue) or not value.is_integer():
        return value
    return int(value) if kind is Kind.NUMBER and abs(value) < 2**53 else value


def said(meaning: Meaning, value: float | int | str | bool | None) -> str:
    """A value as people write it: 1,234.50, 3 days, 2024-01-31T09:30:00Z; `unknown` where there is none."""
    if value is None:
        return "unknown"
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    kind = getattr(meaning, "kind", Kind.NUMBER)
    if kind is Kind.MONEY:
        return _rounded(value)
    if kind is Kind.DURATION:
        return _span(float(value))
    if kind is Kind.TIME:
        return _moment(value)
    if float(value).is_integer():
        return f"{int(value):,}"
    return _rounded(value) if abs(value) >= 1 else f"{value:.3g}"


def _rounded(value: float) -> str:
    return f"{round(value, 2) + 0.0:,.2f}"  # + 0.0: there is no minus zero


def _moment(ms: float) -> str:
    """A time in UTC to the second; one beyond the calendar, which only a computation gives, in days from 1970."""
    try:
        moment = _EPOCH + timedelta(milliseconds=ms)
    except OverflowError:
        return f"1970-01-01 {'-' if ms < 0 else '+'} {abs(ms) / _MS_PER_DAY:,.0f} days"
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _span(seconds: float) -> str:
    """The two largest units of a duration that are not zero: `3 days 4 hours`."""
    sign, left = ("-", -seconds) if seconds < 0 else ("", seconds)
    if left < 1:
        return f"{sign}{left:.3g} seconds"
    words: list[str] = []
    for length, unit in _SPANS:
        count = int(left // length)
        if count and len(words) < 2:
            words.append(f"{count:,} {unit}{'s' * (count != 1)}")
        elif words:
            break
        left -= count * length
    return sign + " ".join(words)
