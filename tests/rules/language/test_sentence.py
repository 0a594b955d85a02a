"""A summary reads as a person would write it."""

from __future__ import annotations

import math
from typing import Any

import pytest

from risk_stream.rules.language.meaning import FieldValue, Kind
from risk_stream.rules.language.sentence import plain, said, template


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        (Kind.MONEY, 1234567.5, "1,234,567.50"),
        (Kind.MONEY, -0.5, "-0.50"),
        (Kind.MONEY, 0, "0.00"),
        (Kind.MONEY, -0.001, "0.00"),
        (Kind.NUMBER, 4, "4"),
        (Kind.NUMBER, 12345.0, "12,345"),
        (Kind.NUMBER, 2.345678, "2.35"),
        (Kind.NUMBER, 0.0123456, "0.0123"),
        (Kind.DURATION, 0.0, "0 seconds"),
        (Kind.DURATION, 0.25, "0.25 seconds"),
        (Kind.DURATION, 1.0, "1 second"),
        (Kind.DURATION, 61.0, "1 minute 1 second"),
        (Kind.DURATION, 7200.0, "2 hours"),
        (Kind.DURATION, 273_660.0, "3 days 4 hours"),
        (Kind.DURATION, -90.0, "-1 minute 30 seconds"),
        (Kind.TIME, 1_706_693_400_000, "2024-01-31T09:30:00Z"),
        (Kind.BOOLEAN, True, "yes"),
        (Kind.BOOLEAN, False, "no"),
        (Kind.TEXT, "ACME {x}", "ACME {x}"),
        (Kind.MONEY, None, "unknown"),
    ],
)
def test_a_value_in_words(kind: Kind, value: Any, words: str) -> None:
    assert words == said(FieldValue(kind, "x"), value)


@pytest.mark.parametrize("value", [1e300, -1e300, 9e15, 8.64e15, -1e17])
def test_a_time_or_number_beyond_all_calendars_is_still_a_sentence(value: float) -> None:
    for kind in Kind:
        if kind is not Kind.TEXT:
            assert said(FieldValue(kind, "x"), value)


def test_braces_that_are_doubled_stand_for_themselves_and_values_are_not_read_again() -> None:
    say = template("{{{name}}} owes { amount }")
    assert say({"name": "{amount}", "amount": "5"}.__getitem__) == "{{amount}} owes 5"


@pytest.mark.parametrize(
    ("kind", "value", "stands"),
    [
        (Kind.NUMBER, math.nan, None),
        (Kind.BOOLEAN, 1.0, True),
        (Kind.TIME, 1_706_693_400_000.0, 1_706_693_400_000),
        (Kind.MONEY, 12.5, 12.5),
        (Kind.TEXT, "x", "x"),
    ],
)
def test_a_value_as_it_stands_in_an_alert(kind: Kind, value: Any, stands: Any) -> None:
    assert stands == plain(FieldValue(kind, "x"), value)
    assert type(stands) is type(plain(FieldValue(kind, "x"), value))
