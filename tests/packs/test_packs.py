"""The shipped rule files: each loads, says what it is for, and passes its own tests."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from risk_stream.catalogue import load_catalogue
from risk_stream.rules import Plan, load_plan
from risk_stream.simulate import EXPECTED
from risk_stream.workbench import TestResult, run_tests

RULES = Path(__file__).parents[2] / "rules"
FILES = sorted(RULES.rglob("*.yaml"))


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load_plan([RULES], load_catalogue())


@pytest.fixture(scope="module")
def results(plan) -> list[TestResult]:
    return run_tests(plan)


def test_there_are_packs_for_every_stage(plan):
    assert len(plan.rules) >= 60
    stages = Counter(rule.stage for rule in plan.rules)
    assert all(stages[stage] >= 8 for stage in ("pre_loan", "mid_loan", "post_loan", "trading"))


@pytest.mark.parametrize("file", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_each_file_loads_alone_and_stands_in_the_folder_of_its_stage(file):
    plan = load_plan([file], load_catalogue())
    assert plan.rules
    assert {rule.stage for rule in plan.rules} == {file.parent.name}


def test_every_rule_says_what_an_officer_needs(plan):
    for rule in plan.rules:
        assert rule.owner, rule.id
        assert rule.action != "alert", f"{rule.id}: name what is to be done"
        assert len(rule.why) > 30, rule.id
        assert "{" in rule.summary, f"{rule.id}: a summary names who or what"


def test_every_test_in_the_packs_passes(results):
    failed = [
        f"{result.file}:{result.line} {result.rule}: {result.test}: {result.message}"
        for result in results
        if not result.passed
    ]
    assert failed == []
    assert len(results) > 100


def test_nine_rules_in_ten_have_tests_of_both_kinds(plan, results):
    expected: dict[str, set[str]] = {}
    for result in results:
        expected.setdefault(result.rule, set()).add(result.expected)
    both = [rule for rule, kinds in expected.items() if kinds == {"fires", "quiet"}]
    assert len(both) >= 0.85 * len(plan.rules)


def test_severity_means_something(plan):
    severities = Counter(rule.severity for rule in plan.rules)
    assert severities["critical"] <= 5
    assert severities["critical"] < severities["high"] < severities["medium"]


def test_the_rules_that_should_find_episodes_are_shipped_and_live(plan):
    live = {rule.id for rule in plan.rules if rule.mode == "live"}
    assert {rule for rules in EXPECTED.values() for rule in rules} <= live
