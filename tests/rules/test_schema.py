"""The schema for editors calls no good rule file wrong, and what it calls wrong no worker would load."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from risk_stream.calendars import shipped
from risk_stream.catalogue import ProblemsError, load_catalogue, read_yaml
from risk_stream.rules import plan_of_texts
from risk_stream.rules.schema import rule_schema
from tests.oracle.worlds import rule_files

CORE = load_catalogue()
SCHEMA = rule_schema(CORE, {**shipped(), "house": shipped()["weekdays"]})
VALIDATOR = Draft202012Validator(SCHEMA)
ROOT = Path(__file__).parents[2]
PACKS = sorted(path for folder in ("rules", "models") for path in (ROOT / folder).rglob("*.yaml"))
BAD = sorted((Path(__file__).parent / "bad").glob("*.yaml"))


def test_it_is_a_schema_of_its_draft() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_every_key_has_a_text_to_hover_over() -> None:
    known = SCHEMA["$defs"]
    kinds = (
        *("rules", "rule", "test", "profile", "lifecycle"),
        *("table", "row", "decision_test", "scorecard", "characteristic", "model", "component", "labels"),
    )
    objects = [*(known[kind] for kind in kinds), *known["aggregate"]["oneOf"]]
    for said in objects:
        for key, value in said["properties"].items():
            assert value.get("description", "").endswith("."), key


@pytest.mark.parametrize("path", PACKS, ids=lambda path: path.stem)
def test_the_shipped_files_are_right_by_it_and_name_it(path: Path) -> None:
    VALIDATOR.validate(read_yaml(path).plain())
    first = path.read_text().splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert (path.parent / first.partition("=")[2]).resolve().is_file()


@settings(max_examples=60)
@given(rule_files(later=True, keyed=True))
def test_whatever_loads_is_right_by_it(text: str) -> None:
    VALIDATOR.validate(read_yaml(text, "rules.yaml").plain())


@pytest.mark.parametrize("length", ["1h", "1 h", " 1h ", "h", "1.5h", "1y"])
def test_a_length_is_one_here_where_it_is_one_at_load(length: str) -> None:
    feature = {"count": "transfer", "by": "account", "window": length}
    rule = {"id": "r", "on": "transfer", "when": "f > 1", "severity": "low", "owner": "me", "summary": "s"}
    file = {"stage": "trading", "features": {"f": feature}, "rules": [rule]}
    try:
        plan_of_texts({"rules.yaml": json.dumps(file)}, CORE)
    except ProblemsError:
        assert not VALIDATOR.is_valid(file)
    else:
        VALIDATOR.validate(file)


def places(node: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to everything in a file."""
    inside = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [way, *(place for key, value in inside for place in places(value, (*way, key)))]


@settings(max_examples=150)
@given(st.data())
def test_what_it_calls_wrong_is_refused_at_load(data: st.DataObject) -> None:
    """A shipped file with one thing in it left out, misspelt, or another."""
    path = data.draw(st.sampled_from(PACKS))
    file = copy.deepcopy(read_yaml(path).plain())
    *way, last = data.draw(st.sampled_from([place for place in places(file) if place]))
    at = file
    for key in way:
        at = at[key]
    match data.draw(st.sampled_from(["left out", "misspelt", "another"])):
        case "left out":
            del at[last]
        case "misspelt" if isinstance(last, str):
            at[last + "x"] = at.pop(last)
        case _:
            at[last] = data.draw(st.sampled_from([None, 1, True, [], {}, "", "word", ["word"], {"word": 1}]))
    if not VALIDATOR.is_valid(file):
        with pytest.raises(ProblemsError):
            plan_of_texts({"rules.yaml": json.dumps(file)}, CORE)


def test_it_finds_a_good_part_of_what_can_be_wrong() -> None:
    """A quarter of the files that are refused at load, while one types; names and expressions it cannot know."""
    found = 0
    for path in BAD:
        try:
            found += not VALIDATOR.is_valid(read_yaml(path).plain())
        except ProblemsError:
            found += 1
    assert found > 0.25 * len(BAD)
