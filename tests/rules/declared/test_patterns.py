"""A pattern is what it stands for, under one name: features count it, steps of sequences are it, files share it."""

from __future__ import annotations

import pytest

from risk_stream.catalogue import load_catalogue
from risk_stream.features import Aggregate, Op
from risk_stream.rules import Plan, plan_of_texts
from risk_stream.workbench import run_tests

CORE = load_catalogue()
RULES = """\
stage: trading
owner: desk
{named}
features:
  f: {feature}
rules:
  - id: r
    on: transfer
    when: f > {limit}
    severity: low
    summary: "{{f}}"
"""
PATTERNS = """\
constants: {large: 100}
patterns:
  guessed: {sequence: [failed, failed, login: success], within: 5m}
  failed: {of: login, where: not success}
  large_out: {of: transfer, where: amount > large and direction == "out"}
  shift: {of: [transfer, trade]}
"""


def plan(feature: str, named: str = PATTERNS, limit: str = "1", **others: str) -> Plan:
    text = RULES.format(named=named, feature=feature, limit=limit)
    return plan_of_texts({"rules.yaml": text, **{f"{name}.yaml": text for name, text in others.items()}}, CORE)


def aggregate(feature: str, named: str = PATTERNS, limit: str = "1", **others: str) -> Aggregate:
    [rule] = plan(feature, named, limit, **others).rules
    return rule.aggregates[0]


@pytest.mark.parametrize(
    ("named", "written"),
    [
        ("count: large_out", "count: transfer, where: LARGE"),
        ("sum: amount, of: large_out", "sum: amount, of: transfer, where: LARGE"),
        ("since: large_out, where: currency == 'USD'", "since: transfer, where: LARGE and currency == 'USD'"),
        ("count: shift", "count: [transfer, trade]"),
        ("count: guessed", "sequence: [login: not success, login: not success, login: success], within: 5m"),
        (
            "sequence: [failed, shift, large_out: currency == 'USD'], within: 5m",
            "sequence: [login: not success, [transfer, trade], transfer: LARGE and currency == 'USD'], within: 5m",
        ),
    ],
)
def test_a_pattern_is_what_it_stands_for(named: str, written: str) -> None:
    """The same windows and the same version of the rule, whether its events are named or written out."""
    kept = "by: customer, window: 1d"
    named, written = f"{{{named}, {kept}}}", f"{{{written}, {kept}}}"
    written = written.replace("LARGE", 'amount > 100 and direction == "out"')
    limit = "hours(1)" if "since" in named else "1"
    assert aggregate(named, limit=limit) == aggregate(written, "", limit)
    assert plan(named, limit=limit).rules[0].version == plan(written, "", limit).rules[0].version


def test_since_a_sequence_is_since_it_was_complete() -> None:
    asked = aggregate("{since: guessed, by: customer, window: 1d}", limit="hours(1)")
    assert (asked.op, asked.within_ms, [len(step) for step in asked.steps]) == (Op.SINCE, 300_000, [1, 1, 1])
    assert asked != aggregate("{since: login, by: customer, window: 1d}", limit="hours(1)")


def test_a_rule_is_another_where_its_pattern_is_changed() -> None:
    feature = "{count: large_out, by: customer, window: 1d}"
    changed = plan(feature, PATTERNS.replace("large: 100", "large: 200"))
    assert plan(feature).rules[0].version != changed.rules[0].version
    renamed = plan(feature.replace("large_out", "l"), PATTERNS.replace("large_out", "l"))
    assert plan(feature).rules[0].version == renamed.rules[0].version


def test_patterns_of_a_file_are_known_where_it_is_imported() -> None:
    feature = "{count: guessed, by: customer, window: 1d}"
    assert aggregate(feature, "import: shared.yaml", shared=PATTERNS) == aggregate(feature)


def test_a_pattern_that_nothing_uses_is_a_warning() -> None:
    assert [str(warning) for warning in plan("{count: guessed, by: customer, window: 1d}").warnings] == [
        "rules.yaml:7:3: no rule of this file uses the pattern 'large_out'",
        "rules.yaml:8:3: no rule of this file uses the pattern 'shift'",
    ]


def test_a_sequence_is_seen_by_the_tests_of_its_rule() -> None:
    """Twice refused, then let in: only in this order, and only within the time."""
    text = (
        RULES.format(named=PATTERNS, feature="{count: guessed, by: customer, window: 1d}", limit="0")
        + """\
    tests:
      - name: guessed
        given: [{times: 2, login: {success: false}}, {after: 1m, login: {success: true}}, {after: 1h, transfer: }]
        then: fires
      - name: the wrong way round
        given: [{login: {success: true}}, {times: 2, after: 1m, login: {success: false}}, {after: 1h, transfer: }]
        then: quiet
      - name: too slow
        given: [{times: 2, login: {success: false}}, {after: 5m, login: {success: true}}, {after: 1h, transfer: }]
        then: quiet
"""
    )
    results = run_tests(plan_of_texts({"rules.yaml": text}, CORE))
    assert [result.message for result in results] == ["", "", ""]
