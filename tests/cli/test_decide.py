"""`decide` says of each application of a file what holds in the end, for people or for programs."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Ask

TABLE = """
table: loans
owner: desk
on: application
features:
  asked_1h: {count: application, by: customer, window: 1h}
rows:
  - {when: asked_1h >= 2, verdict: decline, reason: "{customer} asked {asked_1h} times"}
  - {when: otherwise, verdict: approve, limit: amount, rate: {from: 0.05, to: 0.06}, reason: Nothing against it}
"""


def house_that_decides(folder: Path) -> tuple[Path, Path]:
    """(rules with a table, a file of two applications and what is none)."""
    (folder / "table.yaml").write_text(TABLE)
    told: list[dict[str, object]] = [{"type": "application"}]
    for i in (1, 0):
        time = f"2025-03-01T00:00:0{i}Z"
        told.insert(0, {**told[-1], "id": f"A{i}", "time": time, "loan": f"L{i}", "customer": "C1", "amount": 5})
    events = folder / "applications.jsonl"
    events.write_text("".join(json.dumps(event) + "\n" for event in told))
    return folder / "table.yaml", events


def test_each_application_has_its_decision_for_people(ask: Ask, tmp_path: Path) -> None:
    """With limit, price band and reasons; what was refused is said apart."""
    rules, events = house_that_decides(tmp_path)
    answer = ask("decide", events, "--rules", rules)
    assert answer.code == 0
    assert "5.00% to 6.00%" in answer.out
    assert "C1 asked 2 times" in answer.out
    assert "1 refused" in answer.err


def test_programs_get_the_decisions_as_json_lines(ask: Ask, tmp_path: Path) -> None:
    rules, events = house_that_decides(tmp_path)
    answer = ask("decide", events, "--rules", rules, "--format", "json")
    assert [(one["id"], one["verdict"], one["limit"], one["table"]) for one in answer.lines] == [
        ("A0", "approve", 5.0, "loans"),
        ("A1", "decline", None, "loans"),
    ]


def test_without_a_table_it_says_what_is_missing(ask: Ask, rules: Path, transfers: Path) -> None:
    answer = ask("decide", transfers, "--rules", rules)
    assert answer.code == 1
    assert "No rule file holds a decision table that is live" in answer.err


def test_a_file_without_an_application_is_an_error(ask: Ask, transfers: Path, tmp_path: Path) -> None:
    rules, _ = house_that_decides(tmp_path)
    answer = ask("decide", transfers, "--rules", rules)
    assert answer.code == 1
    assert "events.jsonl holds no application that a table decides" in answer.err


def test_explain_shows_the_rows_and_trace_what_each_was(ask: Ask, tmp_path: Path) -> None:
    rules, events = house_that_decides(tmp_path)
    said = ask("rules", "explain", "loans", "--rules", rules).out
    assert "1  decline" in said
    assert "asked_1h >= 2: {customer} asked {asked_1h} times" in said
    traced = ask("rules", "trace", "A1", "--rules", rules, "--events", events).out
    assert "loans (decides): decline" in traced
    assert "because C1 asked 2 times" in traced
    assert "yes row 1, decline: asked_1h >= 2" in traced
