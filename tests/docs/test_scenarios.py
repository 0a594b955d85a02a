"""The table of scenarios: each has shipped, tested rules, and each condition of the exchanges has one."""

from __future__ import annotations

import re

import pytest

from docs.generate import DOCS
from docs.scenarios import listed, shipped_plan
from risk_stream.rules import Plan

#: The exchanges' conditions, by the codes of a vendor's front end to their rules.
CONDITIONS = {
    *("j3", "j3-futures", "z01101", "z01202", "z01301", "z01302", "z02", "z03101", "z03202", "z03203", "z05201"),
    *("z06001", "z06002", "z06003", "z06004", "z06005"),
}


@pytest.fixture(scope="module")
def plan() -> Plan:
    return shipped_plan()


def test_there_are_thirty_scenarios_and_more() -> None:
    """Each by its own name."""
    names = [one["scenario"] for one in listed()["scenarios"]]
    assert len(names) == len(set(names)) >= 30


def test_each_scenario_has_rules_that_are_judged_and_tested(plan: Plan) -> None:
    """Live or in shadow, with tests of both kinds; but one, which 20,000 events of a day would have to fire."""
    rules = {rule.id: rule for rule in plan.rules}
    for one in listed()["scenarios"]:
        assert one["rules"], one["scenario"]
        for name in one["rules"]:
            assert rules[name].mode in {"live", "shadow"}, name
            assert {test.fires for test in rules[name].tests} == {True, False} or name == "high-frequency-day"


def test_a_rule_belongs_to_one_scenario() -> None:
    """So that an alert says which."""
    named = [name for one in listed()["scenarios"] for name in one["rules"]]
    assert len(named) == len(set(named))


def test_each_condition_of_the_exchanges_is_asked_by_one_rule(plan: Plan) -> None:
    """Sixteen, as tags of the surveillance packs."""
    tags = [tag for rule in plan.rules if "surveillance" in rule.tags for tag in rule.tags if tag in CONDITIONS]
    assert sorted(tags) == sorted(CONDITIONS) == sorted(one["code"] for one in listed()["surveillance"])


def test_their_numbers_are_constants() -> None:
    """Of one file; but 300 a second and 20,000 a day, which are the exchanges' own."""
    text = (DOCS.parent / "rules" / "trading" / "surveillance_parameters.yaml").read_text()
    constants = re.findall(r"^  (\w+): (?:[\d.]+|\{by: )", text, re.MULTILINE)
    assert len(constants) >= 30
    packs = "".join(path.read_text() for path in (DOCS.parent / "rules" / "trading").glob("surveillance_*.yaml"))
    assert [name for name in constants if len(re.findall(rf"\b{name}\b", packs)) < 2] == []
