"""A refusal names the field, what was found and what is expected, and never shows a personal value."""

from __future__ import annotations

import json
from typing import Any

import pytest

from risk_stream.catalogue import Decoder, load_catalogue
from risk_stream.catalogue.explain import Limits, Refusal, parse_time, read_record
from tests.catalogue.events import NOON, transfer

CORE = load_catalogue()


def refusal(event: dict[str, Any]) -> str:
    with pytest.raises(Refusal) as caught:
        read_record(CORE, Limits(), json.dumps(event).encode())
    return f"{caught.value.reason}: {caught.value.message}"


def customer(**fields: Any) -> dict[str, Any]:
    return {"type": "customer", "time": NOON, "customer": "C1", **fields}


SPAN = "between 1990-01-01 and 2100-01-01"
OUTCOME_KEYS = "customer, account, loan, instrument, device, counterparty"
ISO = "ms since 1970 UTC, or ISO 8601 text such as 2026-03-01T09:30:00Z"


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (transfer(type="transfr"), 'type: event type "transfr" is not in the catalogue; did you mean "transfer"?'),
        (transfer(account=...), 'key: "transfer" needs the key "account"; send it (The account.)'),
        (
            transfer(account=..., acount="A1"),
            'key: "transfer" needs the key "account"; is it what is called "acount" here? Rename that',
        ),
        (
            transfer(amount="12.5"),
            'field: "amount" is the text "12.5"; expected an amount in major units, not in quotes',
        ),
        (
            transfer(direction="ot"),
            'field: "direction" is the text "ot"; expected one of in, out; did you mean "out"?',
        ),
        (
            transfer(amount=1.005),
            'precision: "amount" is 1.005; expected at most 2 decimals, so round it where it is made',
        ),
        (
            transfer(amount=1e20),
            'range: "amount" is 1e+20; expected an amount in major units of less than 2.25e+13 in size',
        ),
        (customer(risk_level=9), 'range: "risk_level" is 9; expected from 1 to 5'),
        (
            {"type": "order", "time": NOON, "account": "A", "instrument": "I", "quantity": -1},
            'range: "quantity" is -1; expected at least 0',
        ),
        (
            transfer(time=NOON // 1000),
            f'time: "time" is {NOON // 1000}, which is not {SPAN}; it looks like seconds: multiply by 1,000',
        ),
        (transfer(time="soon"), f'time: "time" is the text "soon"; expected {ISO}'),
        (
            {"type": "outcome", "time": NOON, "of_event": "e", "label": "fraud"},
            f'key: this "outcome" has no key; send at least one of {OUTCOME_KEYS}',
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_refusal_says_what_to_do(event: dict[str, Any], said: str) -> None:
    """Word for word."""
    assert refusal(event) == said


@pytest.mark.parametrize(
    "fields", [{"name": ["Li Wei"]}, {"birth_date": "Li Wei"}, {"birth_date": 7e17}, {"phone": 13800138000}], ids=str
)
def test_personal_values_are_never_shown(fields: dict[str, Any]) -> None:
    """Messages go to logs; the record itself is kept where access is guarded."""
    said = refusal(customer(**fields))
    assert "Li Wei" not in said
    assert "7e+17" not in said
    assert "138" not in said


def test_long_and_odd_values_are_shown_short() -> None:
    """One line in any log."""
    said = refusal(transfer(direction="x\n" * 500))
    assert len(said) < 160
    assert "\n" not in said


def test_where_json_breaks_is_said() -> None:
    """By character, without what stands there."""
    broken = b'{"phone": 138 001}'
    with pytest.raises(
        Refusal, match=r"^not JSON at character 15 of 18: expecting ',' delimiter; send one JSON object$"
    ):
        read_record(CORE, Limits(), broken)
    with pytest.raises(Refusal, match=r"^not JSON at its end: "):
        read_record(CORE, Limits(), broken[:10])


def test_times_are_read_to_the_millisecond() -> None:
    """Before 1970 too."""
    assert parse_time("1969-12-31T23:59:59.999Z") == -1
    assert parse_time("2026-03-01T12:00:00.0009") == NOON
    assert parse_time("20260301T120000") == NOON


@pytest.mark.parametrize("text", ["1801012800000", "1772366400000", "202603011200"])
def test_milliseconds_in_quotes_are_no_day_of_another_century(text: str) -> None:
    """Python's reader takes the first of these for 28 January 1801; the sentence says what is wrong."""
    with pytest.raises(ValueError, match=text):
        parse_time(text)
    record = json.dumps({**transfer(), "time": text}).encode()
    (refused,) = Decoder(CORE).decode([record], str)[2]
    assert "write ms without quotes" in refused.message
