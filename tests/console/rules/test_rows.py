"""The list of rules: how right each was, what it costs, and what somebody who sees some entities alone is told."""

from __future__ import annotations

from functools import cache

import pytest

from risk_stream.catalogue import load_catalogue
from risk_stream.console.rules import RuleRow, fates, rows_of, sorted_rows
from risk_stream.console.workers import HouseHealth
from risk_stream.rules import Plan, plan_of_texts
from risk_stream.sinks import Fired, RuleHealth

RULES = """\
stage: trading
owner: fraud
rules:
  - id: large
    on: transfer
    when: amount > 1000
    severity: {critical: amount > 9000, high: otherwise}
    summary: "{account} moves {amount}"
  - id: late
    on: transfer
    when: amount > 5000
    severity: low
    owner: desk
    mode: shadow
    tags: [night]
    summary: "{account} moves {amount} late"
"""


@cache
def plan() -> Plan:
    return plan_of_texts({"rules.yaml": RULES}, load_catalogue())


def health() -> HouseHealth:
    large = RuleHealth("large", judged=100, live=Fired(7, 1, 5_000), seconds=3.0, samples=9)
    late = RuleHealth("late", "shadow", judged=100, shadow=Fired(2, 1, 6_000), seconds=1.0, samples=9, errors=1)
    return HouseHealth({"large": large, "late": late}, 4.0, (plan().version,), 1_000, 1, ())


def rows(*, everywhere: bool = True) -> dict[str, RuleRow]:
    ends = {
        ("large", "closed", "confirmed"): 3,
        ("large", "closed", "false_alarm"): 1,
        ("large", "closed", "withdrawn"): 50,
        ("large", "closed", "known"): 20,
        ("large", "open", ""): 4,
        ("large", "acknowledged", ""): 2,
    }
    of = fates({"large": 5}, {"large": 9}, ends)
    return {row.id: row for row in rows_of(plan(), of, health(), everywhere=everywhere)}


def test_precision_is_confirmed_of_confirmed_and_false() -> None:
    """Withdrawn, known and other alerts count in neither."""
    row = rows()["large"]
    assert (row.right, row.wrong, row.precision) == (3, 1, 0.75)
    assert (row.day, row.week, row.open) == (5, 9, 6)
    assert row.closed == {"confirmed": 3, "false_alarm": 1, "withdrawn": 50, "known": 20}
    assert rows()["late"].precision is None


def test_a_row_says_what_the_rule_is_and_costs() -> None:
    """The severity is the highest that it can have; the cost is of the time of all rules."""
    large, late = rows()["large"], rows()["late"]
    assert (large.severity, large.owner, large.mode, large.state, large.cost) == (
        "critical",
        "fraud",
        "live",
        "well",
        0.75,
    )
    assert (late.severity, late.owner, late.mode, late.state, late.errors) == ("low", "desk", "shadow", "failing", 1)
    assert (late.judged, late.live, late.shadow, late.fired) == (100, 0, 2, 6_000)


def test_who_sees_some_entities_is_not_told_what_workers_count_of_all() -> None:
    """What a rule costs and whether it is well is no entity's."""
    row = rows(everywhere=False)["late"]
    assert (row.judged, row.live, row.shadow, row.fired) == (None, None, None, None)
    assert (row.state, row.cost) == ("failing", 0.25)


def test_without_workers_what_they_count_is_not_known() -> None:
    """It is not said to be nothing."""
    row = rows_of(plan(), {}, None, everywhere=True)[0]
    assert (row.state, row.judged, row.cost, row.errors) == ("unknown", None, None, None)


@pytest.mark.parametrize(
    ("by", "first"),
    [("id", "large"), ("-id", "late"), ("severity", "late"), ("-severity", "large"), ("-cost", "large")],
)
def test_rows_are_sorted_either_way(by: str, first: str) -> None:
    assert sorted_rows(rows().values(), by)[0].id == first


@pytest.mark.parametrize("by", ["precision", "-precision"])
def test_what_is_not_known_comes_last_either_way(by: str) -> None:
    assert [row.id for row in sorted_rows(rows().values(), by)] == ["large", "late"]


def test_another_order_is_refused() -> None:
    with pytest.raises(KeyError):
        sorted_rows(rows().values(), "__class__")
