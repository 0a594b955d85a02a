"""The JSON Schema accepts what the decoder accepts, so that a producer can check before sending."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator

from risk_stream.catalogue import Catalogue, Decoder, json_schema, load_catalogue
from tests.catalogue.events import Event, events, transfer

CORE = load_catalogue()
ONE = {t.name: Draft202012Validator(json_schema(CORE, t.name)) for t in CORE.types}
ANY = Draft202012Validator(json_schema(CORE))


def test_it_is_a_schema_of_its_draft(house: Catalogue) -> None:
    """The whole, and each type alone, a house's included."""
    Draft202012Validator.check_schema(json_schema(house))
    for event_type in house.types:
        Draft202012Validator.check_schema(json_schema(house, event_type.name))
    with pytest.raises(KeyError):
        json_schema(house, "transfr")


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=40)
@given(events(CORE))
def test_what_the_decoder_accepts_it_accepts(given_events: list[Event]) -> None:
    """Any event of any type."""
    for event in given_events:
        ANY.validate(event)
        ONE[event["type"]].validate(event)


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "transfr"},
        {"type": ...},
        {"time": ...},
        {"time": 0},
        {"time": True},
        {"account": ...},
        {"account": ""},
        {"account": "A" * 300},
        {"direction": "ot"},
        {"amount": "12.5"},
        {"amount": 1e20},
        {"amount": None},
        {"purpose": 5},
    ],
    ids=str,
)
def test_what_the_decoder_refuses_it_refuses(changes: dict[str, Any]) -> None:
    """As far as JSON Schema can say it."""
    event = transfer(**changes)
    assert not ANY.is_valid(event)
    assert len(Decoder(CORE).decode([orjson.dumps(event)], str)[2]) == 1


def test_an_outcome_needs_some_key() -> None:
    """Whichever."""
    outcome = {"type": "outcome", "time": transfer()["time"], "of_event": "e1", "label": "fraud"}
    assert not ANY.is_valid(outcome)
    assert not ANY.is_valid({**outcome, "loan": ""})
    assert ANY.is_valid({**outcome, "loan": "L1"})


def test_personal_data_and_keys_are_marked() -> None:
    """For whoever builds a data protection register from it."""
    properties = json_schema(CORE, "application")["properties"]
    assert properties["id_number"]["x-personal"] is True
    assert properties["id_number"]["x-key"] == "id_number"
    assert "x-personal" not in properties["amount"]
