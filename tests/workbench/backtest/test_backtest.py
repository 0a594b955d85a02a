"""A report says what each rule would have said, what differs between two plans, and how right it was."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from risk_stream.workbench.backtest import Outcome, Outcomes, Report, RuleReport
from risk_stream.workbench.backtest.sides import Sides
from risk_stream.workbench.backtest.tally import Tally
from tests.workbench.backtest import DAY, START, judge, plan_of, transfer

MINUTE = 60_000
#: Five transfers of C1 within minutes, then one of C2 and five of C3 a day later.
EVENTS = [
    *(transfer(n, n * MINUTE) for n in range(5)),
    transfer(10, DAY, account="A2", customer="C2", amount=2000.0),
    *(transfer(20 + n, DAY + n * MINUTE, account="A3", customer="C3", amount=10.0) for n in range(5)),
]


def of(report: Report, rule: str) -> RuleReport:
    return next(r for r in report.rules if r.rule == rule)


def test_alerts_are_counted_by_rule_and_day_and_shadow_rules_apart() -> None:
    report = judge({"rules": plan_of()}, EVENTS)
    assert (report.counted.events, report.first_day, report.days) == (11, START // DAY, 2)
    assert (report.sides["rules"].live, report.sides["rules"].shadow) == (6, 1)
    busy = of(report, "busy").sides["rules"]
    assert (busy.alerts, busy.days, busy.severities, busy.about) == (6, (3, 3), {"high": 6}, 2)
    assert of(report, "large").sides["rules"].mode == "shadow"
    assert report.silent == ("never",)
    assert report.differing == []


def test_only_the_span_is_counted_but_windows_reach_back_before_it() -> None:
    whole = judge({"rules": plan_of()}, EVENTS)
    part = judge({"rules": plan_of()}, EVENTS, span=(START + 3 * MINUTE, START + DAY))
    assert (of(whole, "busy").sides["rules"].days, part.days) == ((3, 3), 1)
    assert of(part, "busy").sides["rules"].alerts == 2  # of the fourth and fifth event: the first three are before


def test_a_change_adds_drops_and_says_otherwise() -> None:
    after = plan_of(when="sent_1h >= 3 -> sent_1h in [2, 4]", score="score: 10 -> score: 20")
    report = judge({"before": plan_of(), "after": after}, EVENTS)
    busy = of(report, "busy")
    assert busy.added is not None
    assert busy.dropped is not None
    assert busy.changed is not None
    assert [a.event for a in busy.added.examples] == ["t1", "t21"]
    assert [a.event for a in busy.dropped.examples] == ["t2", "t4", "t22", "t24"]
    assert [a.event for a in busy.changed.examples] == ["t3", "t23"]
    assert busy.dropped.keys == (("C1", 2), ("C3", 2))
    assert busy.edited is not None
    assert {edit.what for edit in busy.edited.edits} == {"when", "score"}
    assert [rule.rule for rule in report.differing] == ["busy"]


def test_a_promoted_rule_has_the_same_alerts_and_shows_them() -> None:
    report = judge({"before": plan_of(), "after": plan_of(mode="    mode: shadow\n -> ")}, EVENTS)
    large = of(report, "large")
    assert (large.added, large.dropped, large.changed) == (None, None, None)
    assert [(name, c.mode, c.alerts) for name, c in large.sides.items()] == [
        ("before", "shadow", 1),
        ("after", "live", 1),
    ]
    assert (report.sides["before"].live, report.sides["after"].live) == (6, 7)


def test_a_rule_that_is_live_for_a_share_of_customers_shows_their_alerts_alone() -> None:
    many = [transfer(n, n * 4_000, account=f"A{n}", customer=f"C{n}", amount=2000.0) for n in range(60)]
    shared = plan_of(mode="mode: shadow -> mode: {live: 30%, by: customer}")
    report = judge({"before": plan_of(), "after": shared}, many)
    live = report.sides["after"].live
    assert (report.sides["before"].live, report.sides["before"].shadow) == (0, 60)
    assert 5 < live < 35
    assert report.sides["after"].shadow == 60 - live
    assert of(report, "large").sides["after"].mode == "live 30% by customer"


def test_a_rule_that_is_new_or_gone_is_named_as_such() -> None:
    without = plan_of(never="""  - id: never
    on: transfer
    when: amount > 1000000
    severity: low
    summary: "{customer} paid {amount}"
 -> """)  # fmt: skip
    report = judge({"before": plan_of(), "after": without}, EVENTS)
    edited = of(report, "never").edited
    assert edited is not None
    assert (edited.status, edited.version_after) == ("removed", "")


@pytest.mark.parametrize("complete", [True, False])
def test_precision_and_recall_are_those_of_the_outcomes(complete: bool) -> None:
    """Bad: C1 in January, the event t20, which no rule fires on, and C9, who was not there. Good: t23."""
    known = [
        Outcome(1, "fraud", keys=(("customer", "C1"),), start=START, end=START + 30 * DAY),
        Outcome(2, "fraud", events=frozenset({"t20"})),
        Outcome(3, "fraud", keys=(("customer", "C9"),), start=START, end=START),
        Outcome(4, "fraud", keys=(("customer", "C1"),), start=START + 90 * DAY),
    ]
    if not complete:
        known.append(Outcome(5, "false_alarm", events=frozenset({"t23"})))
    report = judge({"rules": plan_of()}, EVENTS, outcomes=Outcomes(tuple(known)))
    judged = of(report, "busy").sides["rules"].judged
    assert (judged.right, judged.found, judged.to_find) == (3, 1, 3)  # the fourth is after the history
    assert judged.recall == pytest.approx(1 / 3)
    assert (judged.wrong, judged.precision) == ((3, 0.5) if complete else (1, 0.75))


def test_rules_that_fire_on_the_same_events_are_named() -> None:
    twin = (
        plan_of().texts["rules.yaml"]
        + """  - id: twin
    on: transfer
    when: sent_1h > 2
    severity: low
    summary: "x"
"""
    )
    report = judge({"rules": plan_of(twin)}, EVENTS)
    assert report.inseparable == (("busy", "twin"),)
    assert report.overlaps[0].events == 6
    report = judge({"before": plan_of(twin), "after": plan_of(twin, when="sent_1h > 2 -> sent_1h > 3")}, EVENTS)
    assert report.inseparable == ()  # of what is to be
    assert [(one.rules, one.events, one.share) for one in report.overlaps] == [(("busy", "twin"), 4, 1.0)]


def test_examples_and_counts_are_the_same_whatever_order_events_come_in() -> None:
    def without_time(report: Report) -> Any:
        report.counted.seconds = 0.0
        return report

    plans = {"before": plan_of(), "after": plan_of(when="sent_1h >= 3 -> sent_1h >= 1")}
    many = [transfer(n, n * 4_000, account=f"A{n % 7}", customer=f"C{n % 7}") for n in range(60)]
    behind = [*many[:10], many[11], many[10], *many[12:]]
    assert without_time(judge(plans, many)).rules == without_time(judge(plans, behind)).rules


def test_that_a_model_drifts_is_counted_for_no_rule() -> None:
    """Models say it beside the rules of a house, of which none is called like it."""
    sides = Sides({"rules": plan_of()})
    tally = Tally(sides, Outcomes([]), START, START + DAY, 0)
    example = of(judge(dict(sides.plans), EVENTS), "busy").sides["rules"].examples[0]
    tally.add([example, msgspec.structs.replace(example, id="d", rule="drift.novelty.score")], START + 2 * DAY)
    assert {rule: count.alerts for (_, rule), count in tally.counts.items() if count.alerts} == {"busy": 1}
