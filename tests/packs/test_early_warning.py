"""The early-warning pack on lines whose events come late: it says what is true of them in the order of their times."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from risk_stream.catalogue import Decoder, load_catalogue
from risk_stream.engine import Alert, Engine, final
from risk_stream.profiles import profile_of
from risk_stream.rules import Plan, load_plan
from risk_stream.sinks.profiles import contribution_of
from tests.engine.compare import same
from tests.oracle import judge_all

PACK = Path(__file__).parents[2] / "rules" / "post_loan"
DAY = 86_400_000
START = 1_772_366_400_000  # 2026-03-01 12:00 UTC

Event = dict[str, Any]

_money = st.sampled_from([0, 40, 100, 400, 999, 1000, 4500, 9000, 9900])


@cache
def plan() -> Plan:
    return load_plan([PACK / "early_warning.yaml", PACK / "early_warning_lines.yaml"], load_catalogue())


def judged(batches: list[list[Event]]) -> list[Alert]:
    """What holds when the last batch has come; nothing is too late."""
    engine, decoder = Engine(plan(), reserve_mib=8, lateness_ms=400 * DAY), Decoder(plan().catalogue)
    said: list[Alert] = []
    for events in batches:
        batch, _, rejects = decoder.decode([orjson.dumps(event) for event in events], str)
        assert rejects == []
        said += engine.apply(batch).alerts
    return list(final(said))


def event(number: int, kind: str, day: float, **fields: Any) -> Event:
    who = {"customer": "C1"} if kind == "news" else {"customer": "C1", "loan": "L1"}
    return {"id": f"{kind}-{number}", "type": kind, "time": START + round(day * DAY), **who, **fields}


@st.composite
def half_years(draw: st.DrawFn) -> list[Event]:
    """Months of a line: what fell due, was paid in parts, its statement, and news of its customer."""
    made: list[Event] = []
    owed: int | None = None
    for month in range(draw(st.integers(3, 6))):
        begin = 30 * month
        if draw(st.booleans()):
            made.append(event(month, "instalment_due", begin + 20, amount=draw(_money)))
        for part in range(draw(st.integers(0, 2))):
            paid_on = begin + draw(st.integers(0, 29))
            made.append(event(10 * month + part, "repayment", paid_on, amount=draw(_money)))
        said = {"balance": draw(_money), "cycles_past_due": draw(st.sampled_from([None, 0, 0, 1, 1, 2, 4]))}
        more = {"limit": draw(st.sampled_from([None, 0, 10_000])), "previous_balance": owed, "payments": draw(_money)}
        owed = said["balance"]
        made.append(
            event(month, "statement", begin + 29.5, **{n: v for n, v in {**said, **more}.items() if v is not None})
        )
        if draw(st.integers(0, 3)) == 0:
            subject = draw(st.sampled_from(["lawsuit", "enforcement", "management"]))
            made.append(event(month, "news", begin + draw(st.integers(0, 29)), subject=subject))
    return made


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(stream=half_years().flatmap(st.permutations), size=st.integers(3, 15))
def test_what_holds_at_last_is_the_oracles_in_whatever_order_events_come(stream: list[Event], size: int) -> None:
    """Every alert with its severity and features, of statements with missing fields and limits of zero too."""
    said = {(a.rule, a.event): a for a in judged([stream[at : at + size] for at in range(0, len(stream), size)])}
    wanted = [verdict for one in judge_all((one, plan()) for one in stream) for verdict in one.verdicts]
    assert said.keys() == {(v.rule, v.event) for v in wanted}
    for verdict in wanted:
        alert = said[verdict.rule, verdict.event]
        assert alert.severity == verdict.severity
        assert {n: v for n, v in verdict.features.items() if not same(alert.features[n], v)} == {}


def test_a_payment_that_comes_late_withdraws_what_was_said_of_its_cycle() -> None:
    """And one that is too small leaves another alert in its place."""
    cycle = [
        event(0, "statement", 0, balance=5000),
        event(1, "instalment_due", 20, amount=250),
        event(1, "statement", 30, balance=5100, previous_balance=5000),
    ]
    assert [alert.rule for alert in judged([cycle])] == ["line-nothing-paid"]
    assert judged([cycle, [event(1, "repayment", 21, amount=250)]]) == []
    assert [a.rule for a in judged([cycle, [event(1, "repayment", 21, amount=50)]])] == ["line-paid-in-part"]


def test_two_lines_of_a_customer_are_judged_apart() -> None:
    """Late once on each is not late twice."""
    late = [{**event(n, "statement", 30 * n, balance=5000, cycles_past_due=1), "loan": f"L{n}"} for n in range(2)]
    assert [alert.rule for alert in judged([late])] == ["line-past-due"] * 2


def labels(events: list[Event]) -> list[str]:
    """Of the customer, by the shipped policy, a day after the last event."""
    policy = load_plan([PACK, PACK.parent / "profile.yaml"], load_catalogue()).profiles
    assert policy is not None
    alerts = judged([events])
    now = max(one["time"] for one in events) + DAY
    return profile_of(policy, "customer", "C1", [contribution_of(alert) for alert in alerts], now).names


def test_a_limit_that_is_nearly_used_is_noted_and_a_line_past_due_is_a_label() -> None:
    """Most who use their limit pay; who is behind is in arrears, as with an instalment that was missed."""
    line = {"limit": 10_000, "balance": 9_500}
    assert labels([event(1, "statement", 0, **line)]) == []
    assert sorted(labels([event(1, "statement", 0, **line, cycles_past_due=1)])) == ["early-warning", "in-arrears"]
