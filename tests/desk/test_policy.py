"""The files of how alerts are worked: all faults at once with their places, and a change that counts by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from risk_stream.alerts import KINDS, Inhibit, Policy
from risk_stream.catalogue import load_catalogue
from risk_stream.desk.policy import PolicyError, PolicySource, read_policy
from risk_stream.settings import LOOK

CATALOGUE = load_catalogue()
SHIPPED = Path(__file__).parents[2] / "people"


def read(folder: Path, alerts: str = "", desk: str = "") -> Policy:
    for name, text in (("alerts.yaml", alerts), ("desk.yaml", desk)):
        (folder / name).write_text(text)
    return read_policy(folder, CATALOGUE)


def faults(folder: Path, alerts: str = "", desk: str = "") -> list[str]:
    with pytest.raises(PolicyError) as caught:
        read(folder, alerts, desk)
    return [f"{problem.line}:{problem.column} {problem.message}" for problem in caught.value.problems]


def test_the_shipped_file_can_be_used() -> None:
    """Its causes and the rules that teach are rules that are shipped."""
    from risk_stream.rules import load_plan

    policy = read_policy(SHIPPED, CATALOGUE)
    rules = {rule.id for rule in load_plan([SHIPPED.parent / "rules"], CATALOGUE).judged}
    named = {name for one in policy.inhibits for name in one.causes | one.effects} | set(policy.outcome_of_rule)
    assert named <= rules
    assert policy.case_by == KINDS
    assert (policy.quiet_ms, policy.longest_silence_ms) == (Policy().quiet_ms, Policy().longest_silence_ms)


def test_what_is_said_holds(tmp_path: Path) -> None:
    """Of both files."""
    alerts = """
cases: {by: [account, customer], quiet: 2h}
longest: {snooze: 1d}
inhibits: [{cause: [a], effects: [b, c], same: [customer]}]
outcomes: {fraud: {rules: [a], stages: [trading]}, default: {rules: [b]}}
"""
    policy = read(
        tmp_path, alerts, "levels: [[officer], [head]]\nescalate_minutes: {critical: 10}\nstorm: {cases: 2}\n"
    )
    assert (policy.case_by, policy.quiet_ms) == (("account", "customer"), 7_200_000)
    assert (policy.longest_snooze_ms, policy.longest_silence_ms) == (86_400_000, 30 * 86_400_000)
    assert policy.inhibits == (Inhibit(frozenset("a"), frozenset("bc"), ("customer",)),)
    assert [policy.outcome(rule, "trading") for rule in "abx"] == ["fraud", "default", "fraud"]
    assert policy.outcome("x", "pre_loan") is None
    assert (policy.levels, policy.escalate_ms) == (2, {"critical": 600_000})


def test_every_fault_is_named_with_its_place(tmp_path: Path) -> None:
    """All of them, in both files."""
    alerts = """cases: {by: [custmer], quiet: soon}
longst: {}
inhibits:
  - {cause: [a], effects: [], same: [customer]}
  - {cause: [a], effects: [b]}
outcomes: {good: {rules: [a]}, fraud: {rules: [a], stages: trading}}
"""
    assert faults(tmp_path, alerts, "escalate_minutes: {critcal: 10, high: 0}\n") == [
        "1:14 'custmer' is no kind of key that alerts are known by; did you mean \"customer\"?",
        "1:31 quiet is a length of time up to a year, such as 24h or 7d",
        "2:1 'longst' is no part of alerts.yaml; did you mean \"longest\"?",
        "4:27 effects names rules: effects: [a, b]",
        "5:5 same says which keys cause and effect share: same: [customer]",
        "6:12 'good' is no part of outcomes: there are fraud, default, manipulation",
        "6:60 stages is a list; this is a text",
        "1:20 'critcal' is no part of escalate_minutes; did you mean \"critical\"?",
        "1:39 minutes is a whole number from 1 to 10,080",
    ]


def test_a_circle_of_causes_is_refused(tmp_path: Path) -> None:
    """Of alerts in it nobody would be told."""
    text = """inhibits:
  - {cause: [a], effects: [b], same: [customer]}
  - {cause: [b], effects: [a], same: [customer]}
"""
    assert faults(tmp_path, text) == ["2:3 a inhibits b inhibits a: nobody would be told of any of them"]


def test_a_change_counts_and_a_wrong_one_does_not(tmp_path: Path) -> None:
    """Within a second."""
    now = [0.0]
    source = PolicySource(tmp_path, CATALOGUE, Policy(remember_ms=7), clock=lambda: now[0])
    assert source.policy.case_by == KINDS
    for text, changed in (
        ("cases: {by: [loan]}", ("loan",)),
        ("cases: 7 ", None),
        ("cases: {by: [device]}", ("device",)),
    ):
        (tmp_path / "alerts.yaml").write_text(text)
        assert source.changed() is None
        now[0] += LOOK
        policy = source.changed()
        assert (policy and policy.case_by) == changed
        assert source.policy.remember_ms == 7
    now[0] += LOOK
    assert source.changed() is None
