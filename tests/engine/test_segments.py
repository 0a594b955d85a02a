"""Segments in a hop: rules ask for them, revisions keep them, a restart changes nothing of them."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np

from risk_stream.engine import INDEX_BITS, Alert, Block, Hop, final
from risk_stream.models import make_learner
from risk_stream.rules import Plan, plan_of_texts
from tests.engine.test_revisions import CATALOGUE, batch_of, transfer

MODEL = """
model: accounts
stage: trading
on: transfer
by: account
owner: desk
gives: segment
inputs:
  size: {value: amount, high: large amounts, low: small amounts}
  night: {value: hour(time) < 6, high: at night}
pipeline:
  - SequentialKMeans: {n_clusters: 2, settle_days: 3, every_days: 4, patience: 2, patience_days: 1, memory: 4}
warm_up: 50
"""
OF_SEGMENT = """
model: sizes
stage: trading
on: transfer
by: account
owner: desk
each: segment("accounts")
inputs:
  size: amount
pipeline: [StandardAbsoluteDeviation]
warm_up: 20
threshold: 3
"""
RULES = """
stage: trading
owner: desk
features:
  kind: segment("accounts")
  far: score("accounts")
  odd: score("sizes")
rules:
  - {id: any, on: transfer, when: amount > 0, severity: low, summary: "{account} has {kind}, {odd}"}
  - {id: large, on: transfer, when: 'kind == "large amounts"', severity: low, summary: "{far}, {odd}"}
"""
PLAN: Plan = plan_of_texts({"a.yaml": OF_SEGMENT, "model.yaml": MODEL, "rules.yaml": RULES}, CATALOGUE)
DAY = 86_400


def transfers(days: int = 12) -> list[dict[str, Any]]:
    """Two to three transfers a day of each of 40 accounts, every fourth of which moves large amounts; some are late."""
    random, found = Random(1), []
    for day in range(days):
        for account in range(40):
            large = account % 4 == 0 if day < 7 or account > 3 else account % 4 != 0
            for _ in range(random.choice([2, 3])):
                amount = round(random.uniform(800, 1200) if large else random.uniform(5, 100), 2)
                at = day * DAY + random.random() * DAY
                found.append((at, transfer(f"t{len(found)}", at, account=f"A{account}", amount=amount)))
    late = {n: at + random.random() * 300 for n, (at, _) in enumerate(found)}
    return [found[n][1] for n in sorted(late, key=lambda n: late[n])]


def said(events: list[dict[str, Any]], at_once: list[int], *, restarts: bool = False) -> tuple[list[Alert], Hop]:
    """What a hop says of events that come to it in blocks."""
    random = Random(2)

    def new() -> Hop:
        return Hop(PLAN, "account", reserve_mib=8, journal=True, lateness_ms=600_000, make=make_learner)

    hop, parts, alerts, begin, position = new(), list[bytes](), list[Alert](), 0, 0
    while begin < len(events):
        if restarts and position and random.random() < 0.3:
            parts += hop.images(random.choice([0, 1 << 30])) + hop.delta(position)
            hop = new()
            hop.restore(parts)
        end, position = begin + random.choice(at_once), position + 1
        batch = batch_of(*events[begin:end])
        stamps = (position << INDEX_BITS) + np.arange(len(batch))
        clock = max(int(batch.times.max()), hop.clock)
        alerts += hop.apply([Block(batch.with_columns({"_stamp": stamps}), PLAN, clock)]).alerts
        begin = end
    return alerts, hop


def kinds_of(alerts: list[Alert]) -> dict[str, object]:
    return {alert.event: alert.features["kind"] for alert in final(alerts) if alert.rule == "any"}


def test_rules_ask_for_the_segment_of_the_key_by_what_marks_it() -> None:
    events = transfers()
    alerts, hop = said(events, [500])
    kinds = kinds_of(alerts)
    first, last = events[:200], events[-80:]
    assert {kinds[event["id"]] for event in first} == {None}
    for event in last:
        account = int(event["account"][1:])
        large = account % 4 == 0 if account > 3 else account % 4 != 0  # as they are since day 7
        assert kinds[event["id"]] == ("large amounts" if large else "small amounts")
    judged = {alert.event for alert in final(alerts) if alert.rule == "large" and alert.status != "withdrawn"}
    assert judged == {id for id, kind in kinds.items() if kind == "large amounts"}
    assert dict(hop.models)["accounts"].segments == {"large amounts": 12, "small amounts": 28}


def test_a_model_can_have_a_pipeline_for_each_segment() -> None:
    """What is odd among small amounts is not among large ones."""
    events = transfers()
    events[-1] = {**events[-1], "account": "A37", "amount": 1_000.0}
    alerts, hop = said(events, [500])
    [scoring] = [m for m in hop._memory.scoring.machines.values() if m.scored.id == "sizes"]
    assert scoring.learner.counts()["groups"] == 3  # one for the time without segments
    same = {event["id"] for event in events if int(event["account"][1:]) > 3}  # that do not change
    odd = [a.features["odd"] for a in final(alerts) if a.rule == "large" and a.event in same]
    assert max(float(str(score)) for score in odd if score is not None) < 3
    [last] = [alert for alert in final(alerts) if alert.rule == "any" and alert.event == events[-1]["id"]]
    assert last.features["kind"] == "small amounts"
    assert float(str(last.features["odd"])) > 3


def test_segments_are_equal_however_a_log_is_cut_and_over_restarts() -> None:
    events = transfers()
    alerts, hop = said(events, [500])
    other, restarted = said(events, [1, 7, 60], restarts=True)
    assert kinds_of(other) == kinds_of(alerts)
    assert {a.event: a.features for a in final(other)} == {a.event: a.features for a in final(alerts)}
    assert restarted.models == hop.models
