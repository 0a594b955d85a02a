"""Days and amounts past due, live: those of the loan itself, whatever comes late, who dies, though nothing happens."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from risk_stream.catalogue import Catalogue, Decoder, load_catalogue
from risk_stream.engine import Alert, Engine, final
from risk_stream.lending import Due, Kind, Loan, Payment, Reversal, arrears, book, counted, one_date
from risk_stream.lending import days_past_due as days_of_unpaid
from risk_stream.rules import Plan, plan_of_texts
from tests.engine.test_schedules import judged_right, streams
from tests.lending.facts import minor, rows

CATALOGUE: Catalogue = load_catalogue()
DECODER = Decoder(CATALOGUE)
DAY, HOUR = 86_400_000, 3_600_000
FIRST = one_date("2025-01-01")
OF = "of: instalment_due, paid: repayment, returned: repayment_reversal, by: loan, window: 14600d, calendar: china"
RULES = f"""
stage: post_loan
owner: collections
features:
  dpd: {{days_past_due: amount, {OF}}}
  open: {{amount_past_due: amount, {OF}}}
  dpd_before: {{days_past_due: amount, {OF}, before: true}}
rules:
  - id: seen
    on: [instalment_due, repayment, repayment_reversal, loan_review]
    when: dpd < 9999 and open < 1e9 and dpd_before < 9999
    severity: info
    summary: "{{loan}} is {{dpd}} days past due with {{open}}, {{dpd_before}} before"
  - id: more-than-30
    on: instalment_due
    after: 31d
    when: dpd > 30
    severity: medium
    summary: "{{loan}} is {{dpd}} days past due with {{open}}"
"""


def plan() -> Plan:
    return plan_of_texts({"rules.yaml": RULES}, CATALOGUE)


def engine() -> Engine:
    return Engine(plan(), reserve_mib=8, lateness_ms=4000 * DAY)


def at(day: int, hour: float) -> int:
    """A moment of a day from `FIRST` on, by the clocks of China."""
    return int(FIRST.astype("datetime64[ms]").astype(np.int64)) + day * DAY + round((hour - 8) * HOUR)


def event(id: str, kind: str, time: int, **fields: Any) -> dict[str, Any]:
    return {"id": id, "type": kind, "time": time, "loan": "L1", "customer": "C1", **fields}


def said(*batches: list[dict[str, Any]], rule: str = "seen") -> dict[str, Alert]:
    """What a rule says at last, by event."""
    judging, alerts = engine(), list[Alert]()
    for events in batches:
        batch, _, rejects = DECODER.decode([orjson.dumps(e) for e in events], str)
        assert rejects == []
        alerts += judging.apply(batch).alerts
    return {alert.event: alert for alert in final(alerts) if alert.rule == rule}


@pytest.mark.parametrize("row", rows("dpd_cases"), ids=lambda r: r["case"] + " " + r["description"][:30])
def test_days_and_amounts_past_due_are_the_worked_ones(row: dict[str, str]) -> None:
    """Six instalments of 1,000, asked at the end of a day on which nothing happens."""
    dues = [one_date(f"2025-0{month}-01") for month in range(1, 7)]
    days = [int((due - FIRST).astype(int)) for due in dues]
    events = [event(f"D{day}", "instalment_due", at(day, 0), amount=1000) for day in days]
    for pair in filter(None, row["payments"].split(";")):
        day, amount = pair.split("=")
        when = at(int((one_date(day) - FIRST).astype(int)), 12)
        events.append(event(f"P{day}", "repayment", when, amount=float(amount)))
    asked = at(int((one_date(row["as_of"]) - FIRST).astype(int)), 23.9)
    found = said([*events, event("ask", "loan_review", asked)])["ask"].features
    assert found["dpd"] == int(row["dpd_oldest_unpaid"])
    assert found["open"] * 100 == minor(row["past_due_amount"])


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, int, int, int]]:
    """(what, day, minor units, which payment it returns) of up to 40 things that happen to a loan."""
    found, day, payments = [], 0, list[int]()
    for _ in range(draw(st.integers(1, 40))):
        day += draw(st.sampled_from([1, 1, 7, 29]))
        what = draw(st.sampled_from(["due", "due", "paid", "paid", "returned", "review"]))
        if what == "returned":
            if not payments:
                continue
            back = payments.pop(draw(st.integers(0, len(payments) - 1)))
            found.append((what, day, found[back][2], back))
            continue
        if what == "paid":
            payments.append(len(found))
        found.append((what, day, draw(st.sampled_from([33_333, 100_000, 100_000, 250_001])), -1))
    return found


TYPES = {"due": "instalment_due", "paid": "repayment", "returned": "repayment_reversal", "review": "loan_review"}


@given(history=histories(), random=st.randoms())
@settings(max_examples=40, deadline=None)
def test_days_and_amounts_are_those_of_lending_whatever_comes_late_or_is_returned(
    history: list[tuple[str, int, int, int]], random: Random
) -> None:
    """As of every event, from batches in any order; to lending a returned payment never was."""
    events = []
    for i, (what, day, amount, back) in enumerate(history):
        fields = {"amount": amount / 100} if what != "review" else {}
        fields |= {"repayment": f"E{back}"} if what == "returned" else {}
        # Announced in the evening before the day: what counts is the due date.
        fields |= {"due_date": at(day, 5)} if what == "due" else {}
        events.append(event(f"E{i}", TYPES[what], at(day, -3 if what == "due" else 12), **fields))
    shuffled = random.sample(events, len(events))
    cut = len(shuffled) // 2
    found = said(shuffled[:cut], shuffled[cut:]) if cut else said(shuffled)
    for i, (what, day, _, _) in enumerate(history):
        known = [(j, *happened) for j, happened in enumerate(history) if happened[1] <= day]
        dues = [(FIRST + np.timedelta64(d, "D"), a) for _, w, d, a, _ in known if w == "due"]
        due = Due(
            np.array([d for d, _ in dues], "datetime64[D]"), np.full(len(dues), Kind.PRINCIPAL, np.int8), amounts(dues)
        )
        pays = [Payment(f"E{j}", FIRST + np.timedelta64(d, "D"), a) for j, w, d, a, _ in known if w == "paid"]
        backs = [Reversal(f"E{b}", FIRST + np.timedelta64(d, "D")) for _, w, d, _, b in known if w == "returned"]
        today = FIRST + np.timedelta64(day - (what == "due"), "D")
        paid = counted(pays, backs, start=FIRST)
        want = arrears(book([Loan(FIRST, due, paid)]), today)
        features = found[f"E{i}"].features
        assert features["dpd"] == int(want.days[0]), i
        assert round(features["open"] * 100) == int(want.amount[0]), i


def amounts(dues: list[tuple[Any, int]]) -> np.ndarray:
    return np.array([amount for _, amount in dues], np.int64)


def test_days_of_one_account_are_counted_alike() -> None:
    unpaid = np.array([0, 5], np.int64)
    due = Due(np.array(["2025-01-01", "2025-02-01"], "datetime64[D]"), np.full(2, Kind.PRINCIPAL, np.int8), unpaid + 1)
    events = [event("a", "instalment_due", at(0, 0), amount=1), event("b", "instalment_due", at(31, 0), amount=6)]
    events += [event("p", "repayment", at(40, 0), amount=2), event("ask", "loan_review", at(90, 12))]
    assert said(events)["ask"].features["dpd"] == days_of_unpaid(due, unpaid, "2025-04-01")


def test_days_move_with_the_business_date_alone() -> None:
    """No event of the loan comes after the instalment: what passes time is the house's day that ended."""
    due = [event("D", "instalment_due", at(0, 0), amount=1000)]
    ends = [{"id": f"B{d}", "type": "business_date", "time": at(d, 24), "business_date": f"day {d}"} for d in range(40)]
    assert said(due, ends[:30], rule="more-than-30") == {}
    [alert] = said(due, ends, rule="more-than-30").values()
    assert (alert.time, alert.features["dpd"], alert.features["open"]) == (at(31, 0), 31, 1000.0)


def test_a_payment_that_comes_late_takes_the_alert_back_and_one_returned_brings_it() -> None:
    due = [event("D", "instalment_due", at(0, 0), amount=1000)]
    later = [{"id": "B", "type": "business_date", "time": at(40, 0), "business_date": "day 40"}]
    paid = [event("P", "repayment", at(20, 12), amount=1000)]
    back = [event("R", "repayment_reversal", at(21, 12), amount=1000, repayment="P")]
    assert set(said(due, later, rule="more-than-30")) == {"D"}
    assert said(due, later, paid, rule="more-than-30") == {}
    assert set(said(due, later, paid, back, rule="more-than-30")) == {"D"}
    assert said(due, later, back, paid)["P"].features["dpd_before"] == 20


LIVE = f"""
stage: post_loan
owner: tests
patterns:
  wired: {{of: repayment, where: currency == "CNY" or currency is missing}}
features:
  dpd: {{days_past_due: amount, {OF}}}
  open: {{amount_past_due: amount, {OF}}}
  in_berlin: {{days_past_due: amount, of: instalment_due, paid: wired, by: loan, window: 14600d, calendar: house}}
  before: {{days_past_due: amount, of: instalment_due, paid: wired, by: loan, window: 3650d, before: true}}
  of_customer: {{amount_past_due: amount, of: instalment_due, paid: wired, by: customer, window: 30d}}
rules:
  - id: rule-0
    on: repayment
    when: (before > 0 or in_berlin > 1) and open < 3.3713
    severity: low
    summary: fired
  - id: rule-1
    on: instalment_due
    after: 2h
    when: dpd > 0 or open > 3.3713
    severity: low
    summary: fired at {{dpd}}
  - id: rule-2
    on: repayment_reversal
    when: of_customer > 10.3713 and dpd > 1
    severity: low
    summary: fired
"""


@given(data=st.data(), seed=st.integers(0, 1 << 30), crashes=st.sampled_from([0.0, 0.2]))
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
def test_what_is_past_due_at_last_is_a_function_of_the_accepted_events(
    tmp_path: Path, data: st.DataObject, seed: int, crashes: float
) -> None:
    """Several hops, origins and partitions, late events and copies, workers that die: as the oracle counts."""
    logs = streams(data.draw, ["instalment_due", "repayment", "repayment_reversal"])
    judged_right(tmp_path, LIVE, logs, seed, crashes)
