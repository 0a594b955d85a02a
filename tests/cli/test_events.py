"""`events` says what a producer may send."""

from __future__ import annotations

from pathlib import Path

import jsonschema

from risk_stream.catalogue import load_catalogue
from tests.cli.conftest import Ask


def test_every_type_is_listed(ask: Ask) -> None:
    """With its keys and meaning."""
    answer = ask("events")
    for event in load_catalogue().types:
        assert f" {event.name} " in answer.out


def test_one_type_is_shown_with_every_field(ask: Ask) -> None:
    """Choices and what it must have."""
    answer = ask("events", "transfer")
    for field in load_catalogue().type("transfer").all_fields:
        assert f" {field.name} " in answer.out
    assert "choice: in | out" in answer.out
    assert "key: account" in answer.out


def test_the_schema_accepts_an_event_and_refuses_another(ask: Ask) -> None:
    """JSON Schema, as producers check by."""
    schema = ask("events", "transfer", "--schema").json
    event = {"type": "transfer", "time": 1740787200000, "account": "A1", "direction": "out", "amount": 5}
    jsonschema.validate(event, schema)
    assert not jsonschema.Draft202012Validator(schema).is_valid({**event, "direction": "sideways"})
    assert jsonschema.Draft202012Validator(ask("events", "--schema").json).is_valid(event)


def test_a_house_sees_its_own(ask: Ask, tmp_path: Path) -> None:
    """Files of RISK_STREAM_EVENTS are read too."""
    (tmp_path / "own.yaml").write_text(
        "types:\n"
        "  - type: branch_visit\n"
        "    meaning: Somebody came to a branch.\n"
        "    topic: reference\n"
        "    fields:\n"
        "      - {name: customer, type: string, key: customer, required: true, meaning: The customer.}\n"
    )
    answer = ask("events", events=f'["{tmp_path / "own.yaml"}"]')
    assert answer.code == 0, answer.err
    assert "branch_visit" in answer.out
