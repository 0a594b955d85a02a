"""`rules explain` shows a rule author the way of events, and of a rule what it asks, where it is decided, its cost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Ask

SHIPPED = Path(__file__).parents[2] / "rules"

MORE = """
stage: mid_loan
owner: credit
features:
  lent_7d: {sum: amount, of: drawdown, by: customer, window: 7d}
rules:
  - id: lent-on
    on: transfer
    when: lent_7d > 0 and amount > 10
    severity: low
    summary: "{customer} passes on what was lent"
"""


@pytest.fixture
def house(rules: Path) -> Path:
    """Two rules by account, and one by customer that makes transfers and drawdowns visit one hop more."""
    (rules / "loans.yaml").write_text(MORE)
    return rules


def test_the_way_of_every_used_event_type_is_shown_with_reasons(ask: Ask, house: Path) -> None:
    """Hops in order, the rules and features that need each, and where each rule is decided."""
    answer = ask("rules", "explain", "--rules", house)
    assert answer.code == 0, answer.err
    said = [" ".join(line.split()) for line in answer.out.splitlines()]
    assert "transfer (topic family trades): account > customer; 3 rules on it" in said
    assert "drawdown (topic family loans): loan > account > customer; no rule on it" in said
    assert "decides busy-account, large-transfer" in said
    assert "customer key that of its account, where it names none" in said
    assert "counted for lent-on" in said
    assert "reads together what each loan and each account of one customer does: lent_7d" in said
    assert "told to every hop, for they belong to no key: list_entry" in said


def test_a_rule_is_shown_with_its_features_its_hop_and_its_cost(ask: Ask, house: Path) -> None:
    """The hops that events visit for it alone are counted."""
    answer = ask("rules", "explain", "lent-on", "--rules", house)
    said = [" ".join(line.split()) for line in answer.out.splitlines()]
    assert said[0] == f"lent-on (live) {house / 'loans.yaml'}:7"
    assert "lent_7d customer 7d sum amount of drawdown" in said
    assert "1 hop more for transfer: customer" in said
    assert "that is lent_7d is more than 0 and amount is more than 10" in " ".join(" ".join(said).split())
    assert "2 hops more for drawdown: account, customer" in said
    assert "1 feature more: lent_7d" in said
    assert "on transfer at once, at customer: account > [customer]" in " ".join(said)
    cheap = ask("rules", "explain", "large-transfer", "--rules", house).out
    assert "no hop more" in cheap
    assert "no feature more" in cheap


def test_a_severity_by_value_is_shown_level_by_level(ask: Ask, house: Path) -> None:
    """From the highest on, each with its condition; one that is always the same in a line."""
    path = house / "loans.yaml"
    path.write_text(
        MORE.replace("severity: low", "severity: {critical: lent_7d > 9, medium: amount > 5, low: otherwise}")
    )
    said = [" ".join(line.split()) for line in ask("rules", "explain", "lent-on", "--rules", house).out.splitlines()]
    assert said[3:6] == ["severity critical lent_7d > 9", "medium amount > 5", "low otherwise"]
    rule = ask("rules", "explain", "lent-on", "--rules", house, "--format", "json").json["rule"]
    assert (rule["severity"], rule["levels"]) == ("low", {"critical": "lent_7d > 9", "medium": "amount > 5"})
    assert "severity medium" in " ".join(ask("rules", "explain", "large-transfer", "--rules", house).out.split())


def test_an_event_type_can_be_asked_alone(ask: Ask, house: Path) -> None:
    """And the one that goes everywhere says so."""
    assert ask("rules", "explain", "drawdown", "--rules", house).out.startswith("drawdown (topic family loans)")
    assert "time goes on to it" in ask("rules", "explain", "business_date", "--rules", house).out
    assert "told to every hop on every partition" in ask("rules", "explain", "list_entry", "--rules", house).out


def test_all_of_it_is_data_too(ask: Ask, house: Path) -> None:
    """For editors and merge checks."""
    said = ask("rules", "explain", "--rules", house, "--format", "json").json
    ways = {way["type"]: [stop["hop"] for stop in way["stops"]] for way in said["types"]}
    assert ways["transfer"] == ["account", "customer"]
    assert [hop["hop"] for hop in said["hops"] if hop["features"]] == ["account", "customer"]
    rule = ask("rules", "explain", "lent-on", "--rules", house, "--format", "json").json["rule"]
    assert rule["cost"]["hops"] == {"drawdown": ["account", "customer"], "transfer": ["customer"]}
    assert rule["decisions"][0]["hop"] == "customer"


def test_an_unknown_name_is_said_with_the_nearest(ask: Ask, house: Path) -> None:
    """Rules and event types alike."""
    answer = ask("rules", "explain", "bussy-account", "--rules", house)
    assert answer.code == 1
    assert "There is no rule, no event type and no model 'bussy-account'; did you mean \"busy-account\"?" in answer.err


def test_what_is_shown_fits_a_hundred_columns(ask: Ask) -> None:
    """All shipped rules at once, and each alone."""
    stages = [word for stage in ("pre_loan", "mid_loan", "post_loan", "trading") for word in ("--stage", stage)]
    whole = ask("rules", "explain", "--rules", SHIPPED).out.splitlines()
    each = ask("rules", "explain", *stages, "--rules", SHIPPED).out.splitlines()
    heads = [line for line in each if ".yaml:" in line]
    assert len(heads) >= 400
    assert [line for line in (*whole, *each) if len(line) > 100 and line not in heads] == []
