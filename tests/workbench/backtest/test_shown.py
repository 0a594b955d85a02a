"""A backtest counts all alerts of a rule with `at_most`, and how many of them Redis would show."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from risk_stream.rules import AtMost
from risk_stream.workbench.backtest.shown import ShownCount
from tests.oracle.shown import SEVERITIES, Shown
from tests.sinks.test_redis import alert
from tests.workbench.backtest import DAY, judge, plan_of, transfer

#: Five transfers of C1 within minutes, and five a day later.
EVENTS = [transfer(10 * day + n, day * DAY + n * 60_000) for day in range(2) for n in range(5)]


def test_a_limit_changes_what_is_shown_and_no_alert() -> None:
    limited = plan_of(score="score: 10 -> score: 10\n    at_most: {alerts: 2, per: account, within: 12h}")
    report = judge({"before": plan_of(), "after": limited}, EVENTS)
    busy = next(rule for rule in report.rules if rule.rule == "busy")
    assert [(count.alerts, count.shown) for count in busy.sides.values()] == [(6, 6), (6, 4)]
    assert (busy.added, busy.dropped, busy.changed) == (None, None, None)
    assert busy.edited is not None
    assert [edit.what for edit in busy.edited.edits] == ["at_most"]


SAID = st.lists(st.tuples(st.integers(0, 60), st.sampled_from(SEVERITIES), st.sampled_from(["A1", "A2", ""])))


@given(SAID, st.integers(1, 3), st.integers(1, 30), st.randoms())
def test_it_is_what_is_shown_of_alerts_that_come_in_order(
    said: list[tuple[int, str, str]], most: int, within: int, chance: Random
) -> None:
    limit = AtMost(most, "account", within)
    alerts = [
        replace(
            alert(n, time=time, severity=severity, id=f"id{n:03}", at_most=limit), keys={"account": key} if key else {}
        )
        for n, (time, severity, key) in enumerate(said)
    ]
    oracle, count = Shown(), ShownCount(limit)
    for one in sorted(alerts, key=lambda a: (a.time, a.id)):
        oracle.write(one)
    for one in chance.sample(alerts, len(alerts)):
        count.add(one)
    assert count.shown == len(oracle.shown)
