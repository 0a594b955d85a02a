"""`models evaluate`: how good a model is on files of events and outcomes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Ask
from tests.workbench.evaluate.test_evaluate import MODEL, history


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """A model, events, and outcomes in a file of their own and in no order."""
    records = history(300)
    (tmp_path / "m.yaml").write_text(MODEL)
    _write(tmp_path / "events.jsonl", [r for r in records if r["type"] == "transfer"])
    _write(tmp_path / "outcomes.jsonl", [r for r in reversed(records) if r["type"] == "outcome"])
    return {name: tmp_path / f"{name}.jsonl" for name in ("events", "outcomes")} | {"model": tmp_path / "m.yaml"}


def _write(path: Path, records: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(r) + "\n" for r in records))


def test_a_model_is_measured_on_files(ask: Ask, files: dict[str, Path]) -> None:
    given = ("--events", files["events"], "--outcomes", files["outcomes"], "--from", "2026-06-08")
    answer = ask("models", "evaluate", files["model"], *given, "--k", "5")
    assert answer.code == 0, answer.err
    assert answer.out.startswith("fraud: ")
    assert "this model" in answer.out
    (said,) = json.loads(ask("models", "evaluate", files["model"], *given, "--format", "json").out)
    assert (said["model"], said["known"], said["suspected"]) == ("fraud", said["events"], [])


def test_without_outcomes_it_says_that_nothing_can_be_said(ask: Ask, files: dict[str, Path]) -> None:
    answer = ask("models", "evaluate", files["model"], "--events", files["events"])
    assert answer.code == 0, answer.err
    assert "too few of both kinds" in answer.out


def test_rules_without_a_model_are_no_models(ask: Ask, files: dict[str, Path], rules: Path) -> None:
    answer = ask("models", "evaluate", rules, "--events", files["events"])
    assert answer.code == 1
    assert "There is no model in these files" in answer.err
