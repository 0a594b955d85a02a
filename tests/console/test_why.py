"""Why an alert was raised: the comparisons of its rule with the values that the alert carries."""

from __future__ import annotations

from pathlib import Path

import pytest

from risk_stream.catalogue import load_catalogue
from risk_stream.console.why import Compared, Scores, compared, scores
from risk_stream.rules import Rule, load_plan

SHIPPED = Path(__file__).parents[2]
RULES = """
stage: pre_loan
owner: desk
features:
  lenders_30d: {distinct: lender, of: application, by: id_number, window: 30d}
rules:
  - id: many
    on: application
    when: lenders_30d >= 4 and (amount > 0.5 * declared_income or channel == "web")
    severity: high
    score: 40
    action: refer
    summary: "{customer} applied to {lenders_30d} lenders"
    why: Because.
"""


@pytest.fixture(scope="module")
def rule(tmp_path_factory: pytest.TempPathFactory) -> Rule:
    file: Path = tmp_path_factory.mktemp("rules") / "many.yaml"
    file.write_text(RULES)
    return load_plan([file], load_catalogue()).rules[0]


def leaves(part: Compared) -> list[Compared]:
    return [part] if not part.parts else [leaf for inner in part.parts for leaf in leaves(inner)]


def test_each_comparison_has_its_value_and_its_limit(rule: Rule) -> None:
    """A limit that is computed is computed."""
    said = compared(rule, {"lenders_30d": 5, "amount": 900.0, "declared_income": 1000.0, "channel": "web"})
    assert [(leaf.left, leaf.op, leaf.right, leaf.holds) for leaf in leaves(said)] == [
        (5, ">=", 4.0, True),
        (900.0, ">", 500.0, True),
        ("web", "==", "web", True),
    ]
    assert (said.join, said.holds) == ("and", True)


def test_what_an_alert_does_not_carry_is_unknown_and_not_guessed(rule: Rule) -> None:
    """And an `or` of which one part holds, holds."""
    said = compared(rule, {"lenders_30d": 5, "channel": "web"})
    assert [leaf.holds for leaf in leaves(said)] == [True, None, True]
    assert said.holds is True
    assert compared(rule, {"channel": "app"}).holds is None


def test_membership_and_presence_show_what_was_found(tmp_path: Path) -> None:
    """As `in [8, 16]`: the value, and among what it was looked for; what an alert carries as null is missing."""
    when = 'lenders_30d >= 4 and (amount > 0.5 * declared_income or channel == "web")'
    asks = 'lenders_30d in [8, 16] and purpose is missing and channel != "app"'
    (tmp_path / "in.yaml").write_text(RULES.replace(when, asks))
    made = load_plan([tmp_path / "in.yaml"], load_catalogue()).rules[0]
    said = compared(made, {"lenders_30d": 8, "purpose": None, "channel": "web"})
    assert [(leaf.op, leaf.left, leaf.right, leaf.holds) for leaf in leaves(said)] == [
        ("in", 8, "8, 16", True),
        ("", None, None, True),
        ("!=", "web", "app", True),
    ]
    assert [leaf.holds for leaf in leaves(compared(made, {"lenders_30d": 9}))] == [False, None, None]


def test_what_models_said_stands_beside_it() -> None:
    """The score, whether it is over its threshold, and what moved it: as far as the alert carries them."""
    plan = load_plan([SHIPPED / "rules", SHIPPED / "models"], load_catalogue())
    novel = next(rule for rule in plan.rules if rule.id == "novel-trade")
    carried = {"novelty": 0.997, 'over("trade-novelty")': True, "trade-novelty.moved": "its amount", "amount": 900.0}
    assert scores(novel, carried) == [Scores("trade-novelty", 0.997, over=True, moved="its amount")]
    assert scores(novel, {"amount": 900.0}) == []
