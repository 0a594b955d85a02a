"""`models list|show|check|card|compare|promote|reset|export`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Ask
from tests.workbench.evaluate.test_evaluate import MODEL, history

WEAKER = MODEL.replace("model: fraud", "model: hours").replace("{size: amount, hour: hour(time)}", "{hour: hour(time)}")
RULES = """\
stage: trading
owner: fraud-desk
rules:
  - {id: likely, on: transfer, when: over("hours"), severity: low, summary: "{account}"}
"""


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A weak champion, which a rule asks, and a better challenger; events with their outcomes lie beside them."""
    folder = tmp_path / "house"
    folder.mkdir()
    (folder / "rules.yaml").write_text(RULES)
    (folder / "hours.yaml").write_text(f"# in use\n{WEAKER}")
    (folder / "fraud.yaml").write_text(f"{MODEL}challenges: hours\npromote: {{after: 200, better_by: 0.1}}\n")
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in history(400)))
    return folder


def test_models_are_listed_with_who_asks_them(ask: Ask, house: Path) -> None:
    said = {one["model"]: one for one in ask("models", "list", house, "--format", "json").json["models"]}
    assert (said["hours"]["asked_by"], said["hours"]["role"]) == (["likely"], "champion")
    assert (said["fraud"]["challenges"], said["fraud"]["runs"], said["fraud"]["did"]) == ("hours", "linear", {})
    assert "challenges hours" in ask("models", "list", house).out


def test_a_model_is_shown_and_has_a_card(ask: Ask, house: Path) -> None:
    card = ask("models", "card", "fraud", "--rules", house)
    assert card.out.startswith("# fraud\n")
    assert ask("models", "show", "fraud", "--rules", house).out == card.out
    assert 'did you mean "fraud"' in ask("models", "show", "frauds", "--rules", house).err


def test_rules_explain_knows_models_too(ask: Ask, house: Path) -> None:
    """Authors ask for a name they found in an alert, whatever it is the name of; and a check counts both."""
    explained = ask("rules", "explain", "fraud", "--rules", house)
    assert explained.out == ask("models", "show", "fraud", "--rules", house).out
    assert ask("rules", "explain", "fraud", "--rules", house, "--format", "json").json["model"]["runs"] == "linear"
    assert 'did you mean "fraud"' in ask("rules", "explain", "frauds", "--rules", house).err
    assert "1 rule and 2 models in 3 files" in ask("rules", "check", house).out


def test_check_says_what_is_wrong_where_and_which_model_nobody_asks(ask: Ask, house: Path) -> None:
    answer = ask("models", "check", house)
    assert answer.code == 0, answer.out
    (house / "rules.yaml").unlink()
    assert "no rule and no table asks hours" in ask("models", "check", house).out
    (house / "hours.yaml").write_text(WEAKER.replace("LogisticRegression", "LogisticRegresion"))
    answer = ask("models", "check", house)
    assert answer.code == 1
    assert "did you mean" in answer.out


def test_two_models_are_compared_in_one_replay(ask: Ask, house: Path) -> None:
    given = ("hours", "fraud", "--events", "events.jsonl", "--rules", house)
    said = ask("models", "compare", *given, "--format", "json").json
    assert said["events"] == said["known"] == 400
    assert said["better_by"] > 0.1
    assert "400 with an outcome" in ask("models", "compare", *given).out


def test_a_challenger_is_promoted_where_its_rule_holds_on_a_history(ask: Ask, house: Path) -> None:
    answer = ask("models", "promote", "fraud", "--events", "events.jsonl", "--rules", house)
    assert answer.code == 0, answer.err
    assert "these rules ask hours still: likely" in answer.err
    assert (house / "hours.yaml").read_text().startswith("# in use\n")
    roles = {one["model"]: one["role"] for one in ask("models", "list", house, "--format", "json").json["models"]}
    assert roles == {"fraud": "champion", "hours": "challenger"}


def test_a_challenger_that_shows_too_little_is_not_promoted_but_by_force(ask: Ask, house: Path) -> None:
    file = house / "fraud.yaml"
    file.write_text(file.read_text().replace("after: 200", "after: 401"))
    before = file.read_text()
    assert (
        "its rule asks for 401" in ask("models", "promote", "fraud", "--events", "events.jsonl", "--rules", house).err
    )
    assert "Name a history" in ask("models", "promote", "fraud", "--rules", house).err
    assert "champion already" in ask("models", "promote", "hours", "--rules", house).err
    assert file.read_text() == before
    assert ask("models", "promote", "fraud", "--force", "as the board said", "--rules", house).code == 0


def test_a_reset_begins_a_new_generation(ask: Ask, house: Path) -> None:
    assert "generation 2" in ask("models", "reset", "hours", "--rules", house).out
    assert (house / "hours.yaml").read_text() == f"# in use\n{WEAKER}generation: 2\n"


def test_what_was_learnt_is_exported_as_arrays(ask: Ask, house: Path) -> None:
    said = ask("models", "export", "fraud", "--events", "events.jsonl", "--rules", house).json
    assert said["inputs"] == ["size", "hour"]
    assert said["counts"]["learnt"] > 0
    assert said["learnt"]
