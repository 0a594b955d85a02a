"""`risk-stream lifecycle` checks and draws life cycles, and says where a loan stands."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Ask
from tests.rules.lifecycle.test_lifecycle import CYCLE, approved, drawn, step


@pytest.fixture
def cycles(tmp_path: Path) -> Path:
    folder = tmp_path / "house"
    folder.mkdir()
    (folder / "consumer.yaml").write_text(CYCLE)
    return folder


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """A loan whose identity check was waived, drawn without a contract; and another, 20 days later."""
    path = tmp_path / "events.jsonl"
    events: list[dict[str, Any]] = [
        step(0, "application"),
        step(1, "identity-check", outcome="waived"),
        approved(2),
        drawn(3),
        step(480, "application", loan="L2"),
    ]
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    return path


def test_check_says_what_each_life_cycle_has(ask: Ask, cycles: Path) -> None:
    said = ask("lifecycle", "check", cycles)
    assert said.code == 0
    assert "consumer-loan" in said.out
    assert 'product == "consumer"' in said.out


def test_check_says_what_is_wrong_and_where(ask: Ask, cycles: Path) -> None:
    (cycles / "consumer.yaml").write_text(CYCLE.replace("needs: identity-check", "needs: identity-chek"))
    said = ask("lifecycle", "check", cycles)
    assert said.code == 1
    assert "there is no step 'identity-chek' that it could need, did you mean 'identity-check'?" in said.err


def test_files_without_a_life_cycle_are_no_error_of_the_program(ask: Ask, rules: Path) -> None:
    said = ask("lifecycle", "check", rules)
    assert said.code == 1
    assert "No file here is a life cycle" in said.err


def test_a_drawing_has_every_step_and_what_it_needs(ask: Ask, cycles: Path, tmp_path: Path) -> None:
    """As a picture, as Mermaid and as text; eight steps, nine arrows."""
    assert ask("lifecycle", "draw", "consumer-loan", "--rules", cycles, "--out", tmp_path / "x.svg").code == 0
    drawn_as = ET.parse(tmp_path / "x.svg").getroot()
    names = [text.text for text in drawn_as.iter("{http://www.w3.org/2000/svg}text")]
    assert {"Consumer loan", "Application taken", "Money paid out", "Closed"} <= set(names)
    assert sum(1 for path in drawn_as.iter("{http://www.w3.org/2000/svg}path") if path.get("marker-end")) == 9
    mermaid = ask("lifecycle", "draw", "consumer-loan", "--rules", cycles, "--format", "mermaid").out
    assert mermaid.startswith("flowchart TD\n")
    assert (mermaid.count(" --> "), mermaid.count(" -.-> ")) == (7, 2)
    text = ask("lifecycle", "draw", "consumer-loan", "--rules", cycles, "--format", "text").out
    assert "needs approval; needs one of contract, notary" in text


def test_a_life_cycle_that_is_none_is_refused_in_a_sentence(ask: Ask, cycles: Path) -> None:
    said = ask("lifecycle", "draw", "consumer", "--rules", cycles)
    assert said.code == 1
    assert "There is no life cycle 'consumer'; did you mean" in said.err


def test_status_says_of_each_step_how_it_stands(ask: Ask, cycles: Path, history: Path) -> None:
    """Waived counts as done and is named; what is open says until when, and what comes next."""
    [found] = ask("lifecycle", "status", "L1", history, "--rules", cycles, "--format", "json").json
    states = {one["step"]: one["state"] for one in found["steps"]}
    assert states == {
        "application": "done",
        "identity-check": "waived",
        "approval": "done",
        "contract": "next",
        "notary": "next",
        "drawdown": "done",
        "review": "next",
        "closed": "next",
    }
    by_step = {one["step"]: one for one in found["steps"]}
    assert [fault["what"] for fault in by_step["drawdown"]["wrong"]] == ["skipped"]
    assert by_step["review"]["due"] == drawn(3)["time"] + 90 * 86_400_000
    assert by_step["identity-check"]["came"][0]["event"] == "identity-check-1"
    assert found["next"] == ["contract", "notary", "review", "closed"]


def test_status_as_of_a_later_day_says_what_is_overdue(ask: Ask, cycles: Path, history: Path) -> None:
    said = ask("lifecycle", "status", "L1", history, "--rules", cycles, "--at", "2026-02-01")
    assert said.code == 0
    assert "overdue" in said.out
    assert "since 2026-01-07" in said.out
    [found] = ask(
        "lifecycle", "status", "L2", history, "--rules", cycles, "--at", "2025-11-20", "--format", "json"
    ).json
    assert {one["step"]: one["state"] for one in found["steps"]}["identity-check"] == "overdue"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (("L9",), "There is no event of the loan 'L9' in what was read: name"),
        (("L1", "--at", "soon"), "--at soon is no time"),
        (("L1", "--lifecycle", "consumer-lone"), "There is no life cycle 'consumer-lone'; did you mean"),
    ],
)
def test_what_cannot_be_answered_is_a_sentence(
    ask: Ask, cycles: Path, history: Path, given: tuple[str, ...], sentence: str
) -> None:
    said = ask("lifecycle", "status", given[0], history, *given[1:], "--rules", cycles)
    assert said.code == 1
    assert sentence in said.err
    assert "Traceback" not in said.err
