"""Random events of any type of a catalogue, as records and as what a batch should say of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from risk_stream.catalogue import Catalogue, EventType, Field, FieldType

__all__ = ["NOON", "event_of", "events", "transfer"]

NOON = 1_772_366_400_000  # 2026-03-01 12:00 UTC

Event = dict[str, Any]

_short = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


def transfer(**changes: Any) -> Event:
    """A transfer that is accepted, with changes; a change to `...` leaves the field out."""
    event: Event = {
        "id": "t1",
        "type": "transfer",
        "time": NOON,
        "entity": "HQ",
        "channel": "app",
        "account": "A000001",
        "customer": "C000001",
        "direction": "out",
        "amount": 1234.5,
        "currency": "CNY",
    }
    return {name: value for name, value in (event | changes).items() if value is not ...}


def _value(field: Field) -> st.SearchStrategy[Any]:
    if field.type is FieldType.CHOICE:
        return st.sampled_from(field.choices)
    if field.type is FieldType.STRING:
        return _short
    if field.type is FieldType.BOOLEAN:
        return st.booleans()
    if field.type is FieldType.TIMESTAMP:
        return st.integers(NOON - 10**11, NOON + 10**11)
    scale = 10**field.decimals
    low = -(2**51) + 1 if field.minimum is None else int(field.minimum) * scale
    high = 2**51 - 1 if field.maximum is None else int(field.maximum) * scale
    whole = st.integers(low, high)
    return whole if field.type is FieldType.INTEGER else whole.map(lambda n: float(Decimal(n).scaleb(-field.decimals)))


def event_of(event_type: EventType) -> st.SearchStrategy[Event]:
    """Events of one type; optional fields are there, null or absent."""
    required = {f.name: _value(f) for f in event_type.all_fields if f.required and f.name != "type"}
    if event_type.any_key:
        required[next(iter(event_type.keys))] = _short
    optional = {f.name: st.one_of(st.none(), _value(f)) for f in event_type.all_fields if f.name not in required}
    optional.pop("type", None)
    return st.fixed_dictionaries(required, optional=optional).map(lambda e: {**e, "type": event_type.name})


def events(catalogue: Catalogue) -> st.SearchStrategy[list[Event]]:
    """Lists of events of any type."""
    return st.lists(st.one_of([event_of(t) for t in catalogue.types]), max_size=12)
