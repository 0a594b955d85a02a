"""A too late event, judged over its keys' history, brings the alerts it would have brought in time."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_stream.catalogue import Catalogue, Decoder, EventBatch
from risk_stream.engine import Alert, Engine, late
from risk_stream.rules import Plan, plan_of_texts
from risk_stream.stream.mending import Mend
from risk_stream.stream.reader import Reader
from risk_stream.stream.recover import RECOVERED_REVISION, History, Recovered, judge, recover
from risk_stream.stream.rejects import Choice
from tests.live.servers import Kafka
from tests.stream.test_rejects import house, refused, send

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
    history = History(plan.catalogue, too_late)
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


def test_only_events_of_the_late_events_keys_are_kept(plan: Plan) -> None:
    """And those of other accounts of the same owner, whoever says so and wherever it stands in the log."""

    def transfer(n: int, account: str, **more: Any) -> dict[str, Any]:
        return {
            "id": f"t{n}",
            "type": "transfer",
            "time": NOW + n,
            "account": account,
            "direction": "in",
            "amount": 1.0,
            **more,
        }

    def owns(n: int, account: str, customer: str) -> dict[str, Any]:
        return {"id": f"o{n}", "type": "account", "time": NOW - n, "account": account, "customer": customer}

    log = batch_of(
        plan,
        [
            transfer(1, "A1"),
            transfer(2, "A2"),
            transfer(3, "A3"),
            transfer(4, "A4", counterparty="P1"),
            transfer(90, "A1"),
            owns(1, "A1", "C1"),
            owns(2, "A2", "C1"),
            owns(3, "A3", "C3"),
        ],
    )
    history = History(plan.catalogue, batch_of(plan, [transfer(50, "A1", counterparty="P1")]))
    history.learn(log)
    history.close()
    history.add(log)
    kept = [batch.text("id", row) for batch in history.batches for row in range(len(batch))]
    assert kept == ["t1", "t2", "t4", "o1", "o2"]


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
