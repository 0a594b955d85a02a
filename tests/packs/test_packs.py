"""The shipped rule files: each loads, says what it is for, and passes its own tests."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from statistics import mean

import pytest

from risk_stream.catalogue import load_catalogue
from risk_stream.rules import VERDICTS, Plan, load_plan
from risk_stream.simulate import EXPECTED
from risk_stream.workbench import TestResult, cover, run_tests

RULES = Path(__file__).parents[2] / "rules"
FILES = sorted(RULES.rglob("*.yaml"))
SHARED = [path for path in FILES if path.stem.endswith("_parameters")]  # no rules: what others import
PROFILE = RULES / "profile.yaml"  # no rules either: how their alerts add up
CYCLES = sorted((RULES / "lifecycles").glob("*.yaml"))  # of a loan's whole life
CARDS = [path for path in FILES if path.stem.endswith("_scorecard")]  # points that tables ask, no rules
TABLES = {RULES / "pre_loan" / "consumer_decision.yaml"}  # each asks rules of its folder
PACKS = [path for path in FILES if path not in (*SHARED, *CYCLES, *CARDS, PROFILE)]


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load_plan([RULES], load_catalogue())


@pytest.fixture(scope="module")
def results(plan) -> list[TestResult]:
    return run_tests(plan)


def test_there_are_packs_for_every_stage(plan):
    assert len(plan.rules) >= 90
    stages = Counter(rule.stage for rule in plan.rules)
    assert all(stages[stage] >= 8 for stage in ("pre_loan", "mid_loan", "post_loan", "trading"))


@pytest.mark.parametrize("file", PACKS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_each_file_loads_with_what_it_imports_and_stands_in_the_folder_of_its_stage(file):
    asked = sorted(file.parent.glob("*.yaml")) if file in TABLES else [file]
    plan = load_plan([*asked, *SHARED], load_catalogue())
    assert plan.rules
    assert {rule.stage for rule in plan.rules} == {file.parent.name}


def test_each_product_has_a_life_cycle_of_thirty_steps_through_all_stages(plan):
    """Told apart by the product, each with a beginning, an end and limits in time."""
    assert {cycle.where for cycle in plan.lifecycles} == {
        f'product == "{product}"' for product in ("consumer", "sme", "margin", "pledge")
    }
    assert [Path(cycle.file) for cycle in sorted(plan.lifecycles, key=lambda cycle: cycle.file)] == CYCLES
    for cycle in plan.lifecycles:
        assert len(cycle.steps) >= 30
        assert {step.stage for step in cycle.steps} == {"pre_loan", "mid_loan", "post_loan"}
        assert len(cycle.begins) == 1
        assert {"declined", "released"} <= set(cycle.ends)
        assert sum(step.limit is not None for step in cycle.steps) >= 5
        assert len({step.owner for step in cycle.steps}) >= 4


def test_the_policy_of_profiles_names_rules_and_tags_that_there_are(plan):
    """A label that no rule gives never stands, and nobody would notice."""
    assert plan.profiles is not None
    assert plan.profiles.policy.marks
    assert [str(warning) for warning in plan.warnings if warning.file == str(PROFILE)] == []
    given = {mark.name for marks in plan.profiles.marks.values() for mark in marks}
    assert given == {mark.name for mark in plan.profiles.policy.marks}


def test_every_rule_says_what_an_officer_needs(plan):
    for rule in plan.rules:
        assert rule.owner, rule.id
        assert rule.action != "alert", f"{rule.id}: name what is to be done"
        assert len(rule.why) > 30, rule.id
        assert "{" in rule.summary or rule.table, f"{rule.id}: a summary names who or what"


def test_every_test_in_the_packs_passes(results):
    failed = [
        f"{result.file}:{result.line} {result.rule}: {result.test}: {result.message}"
        for result in results
        if not result.passed
    ]
    assert failed == []
    assert len(results) > 400


def test_all_rules_have_tests_of_both_kinds(plan, results):
    """But one: 20,000 events of a day are more than a test may give. Of a table, of each verdict."""
    expected: dict[str, set[str]] = {rule.id: set() for rule in plan.rules}
    for result in results:
        expected[result.rule].add(result.expected)
    wanted = {rule.id: set(VERDICTS) if rule.table else {"fires", "quiet"} for rule in plan.rules}
    assert {rule for rule, kinds in expected.items() if kinds != wanted[rule]} == {"high-frequency-day"}


def test_the_tests_have_seen_nearly_every_comparison_both_ways(plan, results):
    """0.95 of all, and 0.9 of each rule but the one that a test cannot reach."""
    covers = cover(plan.rules, results)
    assert mean(one.share for one in covers) >= 0.95
    assert {one.rule for one in covers if one.share < 0.9} <= {"high-frequency-day"}


def test_severity_means_something(plan):
    severities = Counter(rule.severity for rule in plan.rules)
    assert severities["critical"] <= 8
    assert severities["critical"] < severities["high"] < severities["medium"]


def test_the_rules_that_should_find_episodes_are_shipped_and_live():
    shipped = load_plan([RULES, RULES.with_name("models")], load_catalogue())
    live = {rule.id for rule in shipped.rules if rule.mode == "live"}
    assert {rule for rules in EXPECTED.values() for rule in rules} <= live
