"""The engine says what the oracle says, whatever the plan, the stream, the batches and the way between hops."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from risk_stream.catalogue import Catalogue, Decoder, EventBatch, load_catalogue
from risk_stream.engine import Alert, Engine, Hop, alert_id, entry_hops
from risk_stream.rules import Plan, load_plan
from tests.oracle import Oracle, Verdict
from tests.oracle.worlds import events, rule_files

CATALOGUE: Catalogue = load_catalogue()
DECODER = Decoder(CATALOGUE)
slow_start = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])


def plan_of(tmp: Path, text: str) -> Plan:
    path = tmp / "rules.yaml"
    path.write_text(text)
    return load_plan([path], CATALOGUE)


def batch_of(stream: list[dict[str, Any]]) -> EventBatch:
    batch, _, rejects = DECODER.decode([orjson.dumps(e) for e in stream], str)
    assert rejects == []
    return batch


def cuts(stream: list[dict[str, Any]], sizes: list[int]) -> Iterator[EventBatch]:
    at = 0
    while at < len(stream):
        size = sizes[at % len(sizes)]
        yield batch_of(stream[at : at + size])
        at += size


def same(got: object, want: object) -> bool:
    if want is None or isinstance(want, str | bool):
        return got == want
    assert isinstance(want, Fraction)
    return isinstance(got, int | float) and math.isclose(got, want, rel_tol=1e-9, abs_tol=1e-9)


def assert_same(said: list[Alert], wanted: list[Verdict]) -> None:
    assert [(v.rule, v.event) for v in wanted] == [(a.rule, a.event) for a in said]
    for alert, verdict in zip(said, wanted, strict=True):
        assert alert.id == alert_id(verdict.rule, verdict.event)
        wrong = {n: (alert.features[n], v) for n, v in verdict.features.items() if not same(alert.features[n], v)}
        assert not wrong


@slow_start
@given(text=rule_files(), stream=events(), sizes=st.lists(st.integers(1, 20), min_size=1, max_size=5))
def test_alerts_and_feature_values_equal_the_oracles(
    tmp_path: Path, text: str, stream: list[dict[str, Any]], sizes: list[int]
) -> None:
    plan = plan_of(tmp_path, text)
    engine, oracle = Engine(plan, reserve_mib=8), Oracle(plan)
    said = [alert for batch in cuts(stream, sizes) for alert in engine.apply(batch).alerts]
    assert_same(said, [verdict for event in stream for verdict in oracle.judge(event)])


@slow_start
@given(text=rule_files(), stream=events(most=40))
def test_hops_that_talk_through_serialised_messages_say_the_same_as_one_process(
    tmp_path: Path, text: str, stream: list[dict[str, Any]]
) -> None:
    plan = plan_of(tmp_path, text)
    alone = Engine(plan, reserve_mib=8).apply(batch_of(stream))
    whole = batch_of(stream)
    hops = {k.name: Hop(plan, k.name, reserve_mib=8) for k in CATALOGUE.kinds}
    inbox: dict[str, list[bytes]] = {kind: [whole.take(rows).to_ipc()] for kind, rows in entry_hops(whole).items()}
    said: list[tuple[str, str]] = []
    for kind, hop in hops.items():
        read = [EventBatch.from_ipc(CATALOGUE, message)[0] for message in inbox.get(kind, [])]
        if not read:
            continue
        together = EventBatch.concat(read)
        order = sorted(range(len(together)), key=lambda i: int((together.text("id", i) or "e0")[1:]))
        result = hop.apply(together.take(order))
        said += [(a.id, a.summary) for a in result.alerts]
        for to, onward in result.forwards.items():
            inbox.setdefault(to, []).append(onward.to_ipc())
    assert sorted(said) == sorted((a.id, a.summary) for a in alone.alerts)
    assert alone.judged == len(stream)


BIG = """
stage: trading
features:
  out_1h: {sum: amount, of: transfer, where: direction == "out", by: customer, window: 1h}
rules:
  - id: large-outflow
    on: transfer
    when: out_1h > 100
    severity: high
    score: out_1h / 10
    action: hold
    owner: fraud-desk
    summary: "{customer} sent {out_1h} within an hour"
    why: A large outflow.
"""


def transfer(i: int, **fields: object) -> dict[str, Any]:
    return {
        "id": f"t{i}",
        "type": "transfer",
        "time": 1_700_000_000_000 + i * 1000,
        "account": "A1",
        "direction": "out",
        "amount": 60,
        **fields,
    }


def test_an_alert_carries_all_that_explains_it(tmp_path: Path) -> None:
    engine = Engine(plan_of(tmp_path, BIG), reserve_mib=8)
    stream = [transfer(i, customer="C1", entity="HQ", channel="app") for i in range(2)]
    [alert] = engine.apply(batch_of(stream)).alerts
    assert (alert.rule, alert.stage, alert.severity, alert.action, alert.owner) == (
        "large-outflow",
        "trading",
        "high",
        "hold",
        "fraud-desk",
    )
    assert (alert.event, alert.entity, alert.channel, alert.time) == ("t1", "HQ", "app", 1_700_000_001_000)
    assert alert.keys == {"account": "A1", "customer": "C1"}
    assert alert.features["out_1h"] == 120
    assert alert.score == 12
    assert alert.summary == "C1 sent 120.00 within an hour"
    assert orjson.loads(alert.to_json())["plan"] == engine.plan.version


def test_a_missing_customer_is_filled_in_by_the_hop_that_knows_the_account(tmp_path: Path) -> None:
    engine = Engine(plan_of(tmp_path, BIG), reserve_mib=8)
    owner = {"id": "a", "type": "account", "time": 1_699_999_999_000, "account": "A1", "customer": "C7"}
    assert [a.keys["customer"] for a in engine.apply(batch_of([owner, transfer(0), transfer(1)])).alerts] == ["C7"]


def test_an_unknown_owner_is_missing_and_loses_no_event(tmp_path: Path) -> None:
    engine = Engine(plan_of(tmp_path, BIG), reserve_mib=8)
    result = engine.apply(batch_of([transfer(0), transfer(1)]))
    assert (result.alerts, result.judged) == ([], 2)


def test_a_rule_is_judged_without_the_key_an_event_lacks(tmp_path: Path) -> None:
    text = BIG.replace("when: out_1h > 100", "when: out_1h > 100 or amount > 50").replace(
        "score: out_1h / 10", "score: 5"
    )
    result = Engine(plan_of(tmp_path, text), reserve_mib=8).apply(batch_of([transfer(0)]))
    assert [a.features["out_1h"] for a in result.alerts] == [None]


def test_shadow_rules_are_judged_apart(tmp_path: Path) -> None:
    result = Engine(plan_of(tmp_path, BIG + "    mode: shadow\n"), reserve_mib=8).apply(
        batch_of([transfer(i, customer="C1") for i in range(2)])
    )
    assert (result.alerts, [a.event for a in result.shadow]) == ([], ["t1"])


def test_a_message_said_twice_is_applied_once(tmp_path: Path) -> None:
    hop = Hop(plan_of(tmp_path, BIG), "customer", reserve_mib=8)
    message = batch_of([transfer(i, customer="C1") for i in range(2)]).with_columns({"_stamp": [10, 11]})
    assert len(hop.fresh(message, "risk.trades/0")) == 2
    assert len(hop.fresh(message, "risk.trades/0")) == 0
    longer = batch_of([transfer(i, customer="C1") for i in range(3)]).with_columns({"_stamp": [10, 11, 12]})
    assert [hop.fresh(longer, "risk.trades/0").text("id", 0), hop.duplicates] == ["t2", 4]
    assert len(hop.fresh(message, "risk.trades/1")) == 2


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_a_changed_plan_keeps_the_windows_of_features_that_stay(tmp_path: Path, cut: int) -> None:
    engine = Engine(plan_of(tmp_path, BIG), reserve_mib=8)
    stream = [transfer(i, customer="C1", amount=30) for i in range(4)]
    engine.apply(batch_of(stream[:cut]))
    more = BIG.replace("rules:", "  sent_1d: {count: transfer, by: account, window: 1d}\nrules:").replace(
        "out_1h > 100", "out_1h > 100 and sent_1d < 99"
    )
    engine.use(plan_of(tmp_path, more))
    assert [a.features["out_1h"] for a in engine.apply(batch_of(stream[cut:])).alerts] == [120]
