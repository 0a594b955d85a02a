"""A file of profiles is a part of the plan: one for a house, checked against its rules, with a version that tells."""

from __future__ import annotations

import pytest

from risk_stream.catalogue import load_catalogue
from risk_stream.rules import Plan, PlanError, plan_of_texts
from tests.profiles.house import POLICY
from tests.rules.house import rule_file

CORE = load_catalogue()
RULES = """\
stage: trading
owner: me
rules:
  - {id: fraud, on: transfer, when: amount > 1, severity: high, summary: "{customer}", tags: [theft]}
  - {id: storm, on: transfer, when: amount > 2, severity: low, summary: "{customer}"}
"""


def plan(policy: str = POLICY, rules: str = RULES) -> Plan:
    return plan_of_texts({"profile.yaml": policy, "rules.yaml": rules}, CORE)


def test_a_house_without_such_a_file_has_no_profiles() -> None:
    assert plan_of_texts({"rules.yaml": RULES}, CORE).profiles is None


def test_labels_and_held_grades_are_those_of_rules_by_id_or_tag() -> None:
    policy = POLICY.replace("suspect: {rules: [fraud]", "suspect: {tags: [theft]")
    found = plan(policy).profiles
    assert found is not None
    assert {rule: [mark.name for mark in marks] for rule, marks in found.marks.items()} == {"fraud": ["suspect"]}
    assert {rule: [held.grade for held in grades] for rule, grades in found.held.items()} == {"fraud": ["D"]}


def test_whoever_answers_for_grades_is_named() -> None:
    found = plan().profiles
    assert found is not None
    assert f"owner: {found.policy.owner}" in POLICY


def test_a_name_that_no_rule_has_is_a_warning() -> None:
    """Not an error: files may be checked in part."""
    warned = plan(POLICY.replace("suspect: {rules: [fraud]", "suspect: {tags: [thefd]")).warnings
    assert [str(warning) for warning in warned] == [
        "profile.yaml:13:20: no rule has the tag 'thefd', did you mean 'theft'?"
    ]
    assert plan_of_texts({"profile.yaml": POLICY}, CORE).warnings == []


def test_a_house_has_one_such_file() -> None:
    with pytest.raises(PlanError) as caught:
        plan_of_texts({"a.yaml": POLICY, "b.yaml": POLICY}, CORE)
    assert [str(problem) for problem in caught.value.problems] == [
        "b.yaml:1:1: a house has one file of profiles, and there is another at a.yaml:1: make them one"
    ]


def test_what_it_says_is_in_the_plans_version_and_in_its_own() -> None:
    """So that a change of it alone reaches the workers, and a profile says by which policy it was made."""
    before, after = plan(), plan(POLICY.replace("most: 60", "most: 61"))
    assert before.version != after.version
    assert before.profiles is not None
    assert after.profiles is not None
    assert before.profiles.version != after.profiles.version
    written_otherwise = plan(POLICY.replace("profile: small", "profile:   small   # the house's"))
    assert written_otherwise.version == before.version


def test_its_own_version_tells_where_rules_come_to_give_a_label() -> None:
    policy = POLICY.replace("suspect: {rules: [fraud]", "suspect: {tags: [theft]")
    without = plan(policy, RULES.replace("[theft]", "[other]")).profiles
    other = plan(policy, RULES + rule_file("amount > 3").partition("rules:\n")[2].replace("on: probe", "on: transfer"))
    with_it = plan(policy).profiles
    assert without is not None
    assert with_it is not None
    assert other.profiles is not None
    assert without.version != with_it.version == other.profiles.version
