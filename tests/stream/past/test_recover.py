"""A too late event, judged over its keys' history, brings the alerts it would have brought in time."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_stream.catalogue import MISSING, Catalogue, Decoder, EventBatch
from risk_stream.decisions import Decision, decision_of
from risk_stream.decisions.answers import partition_of, read_decision
from risk_stream.engine import Alert, Decided, Engine, late
from risk_stream.kafka import Reader
from risk_stream.rules import Plan, plan_of_texts
from risk_stream.stream.past import Choice, History, Mend, Recovered, recover
from risk_stream.stream.past.recover import RECOVERED_REVISION, Clocks, judge
from tests.live.servers import Kafka
from tests.stream.past.test_rejects import house, refused, send

NOW = 1_700_000_000_000
RULES = """
stage: trading
owner: desk
features:
  count_10m: {count: transfer, by: account, window: 10m}
  sum_10m: {sum: amount, of: transfer, by: customer, window: 10m}
  paid_1h: {distinct: account, of: transfer, by: counterparty, window: 1h}
  owners: {count: account, by: customer, window: 1h}
rules:
  - {id: burst, on: transfer, when: count_10m >= 3, severity: high, summary: "{account} {count_10m}"}
  - {id: much, on: transfer, when: sum_10m > 40, severity: high, summary: "{account} {sum_10m}"}
  - {id: drop, on: transfer, when: paid_1h >= 3 and count_10m >= 2, severity: high, summary: "{account} {paid_1h}"}
  - {id: owned, on: transfer, when: owners >= 2 and sum_10m > 20, severity: low, summary: "{account} {owners}"}
"""


@pytest.fixture(scope="module")
def plan(catalogue: Catalogue) -> Plan:
    return plan_of_texts({"rules.yaml": RULES}, catalogue)


def world(seed: int, n: int) -> list[dict[str, Any]]:
    """Transfers of a few accounts; who owns them is said now and then, and seldom in the transfer itself."""
    chance = random.Random(seed)
    owner = {f"A{i}": f"C{chance.randrange(3)}" for i in range(6)}
    events = []
    for i in range(n):
        account = chance.choice(sorted(owner))
        event = {"id": f"e{i}", "time": NOW + chance.randrange(40) * 60_000, "account": account}
        if chance.random() < 0.2:
            said = owner[account] if chance.random() < 0.8 else f"C{chance.randrange(3)}"
            events.append({**event, "type": "account", "customer": said})
            continue
        event |= {"type": "transfer", "direction": "out", "amount": float(chance.randrange(1, 20))}
        if chance.random() < 0.6:
            event["counterparty"] = f"P{chance.randrange(3)}"
        if chance.random() < 0.2:
            event["customer"] = owner[account]
        events.append(event)
    return events


def batch_of(plan: Plan, events: list[dict[str, Any]]) -> EventBatch:
    batch, _, refusals = Decoder(plan.catalogue).decode([orjson.dumps(e) for e in events], lambda i: f"x/0/{i}")
    assert refusals == []
    return batch


def content(alert: Alert) -> tuple[Any, ...]:
    """What an alert says, without when it was said."""
    return (alert.id, alert.rule, alert.event, alert.features, alert.keys, alert.summary, alert.score)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(3, 60), late_share=st.floats(0.05, 0.5))
def test_recovered_alerts_are_those_of_events_in_time(plan: Plan, seed: int, n: int, late_share: float) -> None:
    """Over several keys, owners that are filled in among them, the history of the late events' keys is enough."""
    events = world(seed, n)
    chance = random.Random(seed)
    chosen = [e for e in events if e["type"] == "transfer" and chance.random() < late_share]
    if not chosen:
        return
    names = {e["id"] for e in chosen}
    everything = batch_of(plan, sorted(events, key=lambda e: e["time"]))
    expected = [a for a in judge(plan, everything, []) if a.event in names]

    chance.shuffle(events)
    too_late = batch_of(plan, chosen)
    history = History(plan.catalogue)
    history.want(too_late)
    parts = [batch_of(plan, events[at : at + 7]) for at in range(0, n, 7)]
    for part in parts:
        history.learn(part)
    history.close()
    for part in parts:
        history.add(part)
    found = judge(plan, too_late, history.batches)
    assert sorted(map(content, found), key=str) == sorted(map(content, expected), key=str)
    assert {(a.status, a.revision, a.was) for a in found} <= {("recovered", RECOVERED_REVISION, None)}


def test_judging_in_order_is_what_the_engine_says(plan: Plan) -> None:
    """The reference of the test above: one engine, every event, in the order of (time, id)."""
    events = world(5, 60)
    together = batch_of(plan, events)
    order = sorted(range(len(events)), key=lambda i: (events[i]["time"], int(together.hashes("id")[i])))
    said = Engine(plan).apply(together.take(order)).alerts
    assert len(said) > 5
    assert sorted(map(content, said), key=str) == sorted(map(content, judge(plan, together, [])), key=str)


@pytest.mark.live
@pytest.mark.timeout(120)
def test_a_late_event_is_recovered_once_and_changes_no_state(kafka: Kafka, catalogue: Catalogue, plan: Plan) -> None:
    """From the house topics to risk.alerts and risk.audit; a second run finds nothing to do."""
    house_of = house(kafka, catalogue, "recover")
    trades, loans = house_of.house_topics["trades"], house_of.house_topics["loans"]

    def transfer(n: int, **more: Any) -> bytes:
        said = {"id": f"t{n}", "type": "transfer", "time": NOW + n * 60_000, "account": "A1", "direction": "out"}
        return orjson.dumps({**said, "amount": 5.0, **more})

    late_one = transfer(3, acct="A1", account=None)
    ahead = transfer(2, id="ahead")
    send(house_of, trades, transfer(1), ahead, transfer(60), late_one, transfer(4, account="A2"))
    send(house_of, loans, transfer(2), partition=1)
    assert late(batch_of(plan, [orjson.loads(transfer(n)) for n in (1, 60, 3)]).times, NOW, 10_000)[0].tolist() == [
        False,
        False,
        True,
    ]
    send(
        house_of,
        house_of.rejects_topic,
        refused(house_of, 3, late_one, "late", topic=trades),
        refused(house_of, 1, ahead, "future", topic=trades),  # it would make four, were it counted
        refused(house_of, 9, transfer(3), "missing", topic=trades),  # not for its lateness
    )
    mend = Mend(rename={"acct": "account"})

    def run(**more: Any) -> Recovered:
        return asyncio.run(recover(house_of, plan, Choice(), [mend], **more))

    def said(topic: str) -> list[Any]:
        async def read() -> list[Any]:
            async with Reader(house_of.broker) as reader:
                spans = await reader.spans([topic])
                return [orjson.loads(r.value) async for records in reader.read(spans) for r in records]

        return asyncio.run(read())

    tried = run(dry_run=True)
    assert [(a.rule, a.event, a.features["count_10m"]) for a in tried.alerts] == [("burst", "t3", 3)]
    assert said(house_of.alerts_topic) == said(house_of.audit_topic) == []
    first = run()
    assert (first.events, first.found.chosen, len(first.alerts)) == (1, 1, 1)
    (alert,) = said(house_of.alerts_topic)
    assert (alert["status"], alert["revision"], alert["event"]) == ("recovered", -1, "t3")
    assert [(r["kind"], r["record"]) for r in said(house_of.audit_topic)] == [("recovered", f"{trades}/0/3")]
    again = run()
    assert (again.events, again.alerts, again.found.done) == (0, [], 1)
    assert len(said(house_of.alerts_topic)) == 1
    assert said(house_of.mended_topic) == []


TABLE = """
table: loans
owner: desk
on: application
features:
  asked_1h: {count: application, by: customer, window: 1h}
rows:
  - {when: asked_1h >= 2, verdict: decline, reason: "{customer} asked {asked_1h} times"}
  - {when: otherwise, verdict: approve, limit: amount, reason: Nothing against it}
"""


def application(n: int, minute: int) -> dict[str, Any]:
    said = {"id": f"A{n}", "type": "application", "time": NOW + minute * 60_000, "loan": f"L{n}", "customer": "C1"}
    return {**said, "amount": 5.0}


def test_tables_decide_of_a_late_application_as_they_would_have_in_time(catalogue: Catalogue) -> None:
    """Among the applications before it and not those behind; marked so that every judgement of a worker is above it."""
    plan = plan_of_texts({"loans.yaml": TABLE}, catalogue)
    others = batch_of(plan, [application(1, 0), application(2, 1)])
    (first,) = judge(plan, batch_of(plan, [application(3, -1)]), [others])
    (last,) = judge(plan, batch_of(plan, [application(4, 2)]), [others])
    assert isinstance(first, Decided)
    assert isinstance(last, Decided)
    assert (first.event, first.verdict, last.event, last.verdict) == ("A3", "approve", "A4", "decline")
    said = decision_of(last)
    assert (said.by, said.revision, said.reasons) == ("recovered", RECOVERED_REVISION, ["C1 asked 3 times"])


@pytest.mark.live
@pytest.mark.timeout(120)
def test_a_recovered_decision_is_said_where_its_application_is_answered(kafka: Kafka, catalogue: Catalogue) -> None:
    house_of = house(kafka, catalogue, "recover-decisions")
    plan, loans = plan_of_texts({"loans.yaml": TABLE}, catalogue), house_of.house_topics["loans"]
    late_one = orjson.dumps(application(2, 1))
    send(house_of, loans, orjson.dumps(application(1, 0)), orjson.dumps(application(3, 60)), late_one)
    send(house_of, house_of.rejects_topic, refused(house_of, 2, late_one, "late", topic=loans))
    recovered = asyncio.run(recover(house_of, plan, Choice()))
    assert (recovered.alerts, [d.id for d in recovered.decisions]) == ([], ["A2"])

    async def read() -> list[tuple[int, Decision]]:
        async with Reader(kafka.address) as reader:
            spans = await reader.spans([house_of.decisions_topic])
            return [(r.partition, read_decision(r.value)) async for part in reader.read(spans) for r in part]

    assert asyncio.run(read()) == [(partition_of("A2", 2), recovered.decisions[0])]


# Rules that judge later

DAY = 86_400_000
LATER = """
stage: post_loan
owner: collections
features:
  paid_3d: {count: repayment, by: loan, window: 3d}
  paid_9d: {sum: amount, of: repayment, by: loan, window: 9d}
rules:
  - {id: unpaid, on: instalment_due, after: 3d, when: paid_3d == 0, severity: low, summary: "{loan} {paid_3d}"}
  - {id: little, on: instalment_due, after: 9d, when: paid_9d < amount, severity: low, summary: "{loan} {paid_9d}"}
  - {id: large, on: instalment_due, when: amount >= 1000, severity: low, summary: "{loan} {amount}"}
"""


@pytest.fixture(scope="module")
def later_plan(catalogue: Catalogue) -> Plan:
    return plan_of_texts({"later.yaml": LATER}, catalogue)


def of_loan(type: str, id: str, day: float, loan: str = "L1", **more: Any) -> dict[str, Any]:
    return {"type": type, "id": id, "time": NOW + round(day * DAY), "loan": loan, "amount": 1000.0, **more}


def found_later(
    plan: Plan, late: list[dict[str, Any]], log: list[dict[str, Any]], now: float | None
) -> list[tuple[str, str, float]]:
    """(rule, event, day of judgement) of what is recovered over a log by a day."""
    too_late = batch_of(plan, late)
    history = History(plan.catalogue)
    history.want(too_late, plan.longest_after_ms)
    batch = batch_of(plan, [*log, *late])
    history.learn(batch)
    history.close()
    history.add(batch)
    alerts = judge(plan, too_late, history.batches, None if now is None else NOW + round(now * DAY))
    return sorted((a.rule, a.event, (a.time - NOW) / DAY) for a in alerts)


@pytest.mark.parametrize(
    ("now", "rules"),
    [(1.0, ["large"]), (2.9, ["large"]), (3.0, ["large", "unpaid"]), (9, ["large", "little", "unpaid"])],
)
def test_a_late_event_of_an_idle_key_is_judged_later_where_its_time_has_come(
    later_plan: Plan, now: float, rules: list[str]
) -> None:
    """Nothing ever came of its loan again, which is what the rule is for: the clock of the house says the time."""
    found = found_later(later_plan, [of_loan("instalment_due", "d1", 0)], [], now)
    assert [rule for rule, _, _ in found] == rules
    assert {rule: day for rule, _, day in found} == {r: {"large": 0, "unpaid": 3, "little": 9}[r] for r in rules}


@pytest.mark.parametrize(
    ("paid", "rules"),
    [(2.0, ["large"]), (2.99, ["large"]), (3.1, ["large", "unpaid"]), (9.1, ["large", "little", "unpaid"])],
)
def test_what_came_until_then_counts_and_what_came_after_does_not(
    later_plan: Plan, paid: float, rules: list[str]
) -> None:
    """Also where it was refused as late itself: it was paid when it says."""
    log = [of_loan("repayment", "p1", paid), of_loan("repayment", "p2", 200), of_loan("repayment", "p0", -1)]
    assert [rule for rule, _, _ in found_later(later_plan, [of_loan("instalment_due", "d1", 0)], log, 300)] == rules


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 40), late_share=st.floats(0.05, 0.9), now=st.floats(0, 40))
def test_what_is_recovered_later_is_what_one_engine_says_of_all_in_time(
    later_plan: Plan, seed: int, n: int, late_share: float, now: float
) -> None:
    """Over several loans, whatever came among them, and however far time has come."""
    chance = random.Random(seed)
    events = [
        of_loan(
            chance.choice(["instalment_due", "repayment"]),
            f"e{i}",
            chance.randrange(400) / 20,
            loan=f"L{chance.randrange(3)}",
            amount=float(chance.choice([300, 1000])),
        )
        for i in range(n)
    ]
    chosen = [e for e in events if e["type"] == "instalment_due" and chance.random() < late_share]
    if not chosen:
        return
    names, until = {e["id"] for e in chosen}, NOW + round(now * DAY)
    together = batch_of(later_plan, events)
    engine = Engine(later_plan)
    said = engine.apply(
        together.take(sorted(range(n), key=lambda i: (events[i]["time"], together.hashes("id")[i])))
    ).alerts
    said += engine.advance(max(until, engine.clock)).alerts
    wanted = [a for a in said if a.event in names and (a.event_time is None or a.time <= until)]
    too_late = batch_of(later_plan, chosen)
    found = judge(later_plan, too_late, [together], until)
    assert sorted(map(content, found), key=str) == sorted(map(content, wanted), key=str)


def test_a_late_event_is_judged_by_the_lists_as_they_were_when_it_happened(catalogue: Catalogue) -> None:
    """A change of a list belongs to no key, and stands in the history all the same."""
    text = """
stage: trading
owner: desk
rules:
  - {id: watched, on: transfer, when: 'account in list("watch")', severity: low, summary: "{account}"}
"""
    plan = plan_of_texts({"r.yaml": text}, catalogue)

    def change(id: str, day: float, *, listed: bool) -> dict[str, Any]:
        said = {"type": "list_entry", "id": id, "time": NOW + round(day * DAY), "list_name": "watch"}
        return {**said, "member": "A1", "listed": listed}

    def transfer(day: float) -> dict[str, Any]:
        said = {"type": "transfer", "id": "t1", "time": NOW + round(day * DAY), "account": "A1", "amount": 1.0}
        return {**said, "direction": "out"}

    log = [change("w1", 1, listed=True), change("w2", 3, listed=False)]
    assert [bool(found_later(plan, [transfer(day)], log, 9)) for day in (0.5, 2.0, 4.0)] == [False, True, False]


def test_time_comes_as_far_as_the_slowest_origin_that_is_not_quiet(later_plan: Plan) -> None:
    """What is still accepted, up to the lateness allowed, can change nothing that was due before."""

    def at(day: float) -> EventBatch:
        return batch_of(later_plan, [of_loan("repayment", f"p{day}", day)])

    clocks = Clocks(10_000)
    assert clocks.now(None) == MISSING
    clocks.saw("loans/0", at(5), 1_000_000)
    clocks.saw("loans/0", at(4), 1_000_500)
    clocks.saw("loans/1", at(2), 1_000_000)
    clocks.saw("trades/0", at(0.1), 100_000)  # nothing came of it for long
    clocks.saw("reference/0", batch_of(later_plan, [LISTED]), 1_000_000)
    assert clocks.now(None) == NOW + 2 * DAY - 10_000
    assert clocks.now(1_000_500) == NOW + 2 * DAY - 10_000  # it is not quiet everywhere
    clocks.saw("loans/0", at(6), 2_000_000)
    assert clocks.now(None) == NOW + 6 * DAY - 10_000
    wall = NOW + 30 * DAY
    assert clocks.now(wall) == wall - 60_000 - 2 * 10_000


LISTED = {"type": "list_entry", "id": "w", "time": NOW - DAY, "list_name": "watch", "member": "A1"}


@pytest.mark.live
@pytest.mark.timeout(120)
def test_a_late_event_is_judged_later_once_by_the_run_for_which_it_is_due(
    kafka: Kafka, catalogue: Catalogue, later_plan: Plan
) -> None:
    """A run before then says what is known at once, and that it waits; a run after all was judged does nothing."""
    house_of = house(kafka, catalogue, "recover-later").model_copy(update={"clock": "simulated"})
    loans = house_of.house_topics["loans"]
    late_one = orjson.dumps(of_loan("instalment_due", "d1", 0))
    send(house_of, loans, orjson.dumps(of_loan("repayment", "x1", 1, loan="L9")), late_one)
    send(house_of, house_of.rejects_topic, refused(house_of, 1, late_one, "late", topic=loans))

    def run(**more: Any) -> tuple[list[str], int, int, float]:
        said = asyncio.run(recover(house_of, later_plan, Choice(), **more))
        return sorted(a.rule for a in said.alerts), said.events, said.waiting, (said.due - NOW) / DAY

    def time_goes_on(day: float) -> None:
        send(house_of, loans, orjson.dumps(of_loan("repayment", f"x{day}", day, loan="L9")))

    assert run(dry_run=True) == (["large"], 1, 1, 3)
    assert run() == (["large"], 1, 1, 3)
    assert run() == ([], 0, 1, 3)
    time_goes_on(4)
    assert run() == (["unpaid"], 1, 1, 9)
    assert run(limit=0) == ([], 0, 1, 9)
    time_goes_on(10)
    assert run() == (["little"], 1, 0, -NOW / DAY)
    assert run() == ([], 0, 0, -NOW / DAY)

    async def read() -> list[Any]:
        async with Reader(house_of.broker) as reader:
            spans = await reader.spans([house_of.alerts_topic])
            return [orjson.loads(r.value) async for records in reader.read(spans) for r in records]

    said = asyncio.run(read())
    assert sorted((a["rule"], a["status"], a["revision"]) for a in said) == [
        (rule, "recovered", RECOVERED_REVISION) for rule in ("large", "little", "unpaid")
    ]
    assert {a["rule"]: a["event_time"] for a in said} == {"large": None, "little": NOW, "unpaid": NOW}
