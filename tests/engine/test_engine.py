"""The engine says what the oracle says, whatever the plan, the stream, the batches and the way between hops."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from risk_stream.catalogue import Catalogue, Decoder, EventBatch, load_catalogue
from risk_stream.engine import Alert, Engine, alert_id, final
from risk_stream.rules import Plan, load_plan
from tests.engine.compare import same
from tests.oracle import Verdict, judge_all
from tests.oracle.worlds import CALENDARS, events, rule_files

CATALOGUE: Catalogue = load_catalogue()
DECODER = Decoder(CATALOGUE)
slow_start = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])


def plan_of(tmp: Path, text: str) -> Plan:
    path = tmp / "rules.yaml"
    path.write_text(text)
    return load_plan([path], CATALOGUE, CALENDARS)


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


def on_time(stream: list[dict[str, Any]], lateness_ms: int) -> list[dict[str, Any]]:
    """The events of one origin that are not too late."""
    clock, accepted = -math.inf, []
    for event in stream:
        if event["time"] >= clock - lateness_ms:
            accepted.append(event)
        clock = max(clock, event["time"])
    return accepted


def assert_same(said: list[Alert], wanted: list[Verdict]) -> None:
    held = {(a.rule, a.event): a for a in said}
    assert held.keys() == {(v.rule, v.event) for v in wanted}
    for verdict in wanted:
        alert = held[verdict.rule, verdict.event]
        assert alert.id == alert_id(verdict.rule, verdict.event)
        assert alert.severity == verdict.severity
        wrong = {n: (alert.features[n], v) for n, v in verdict.features.items() if not same(alert.features[n], v)}
        assert not wrong


@slow_start
@given(text=rule_files(keyed=True), stream=events(), sizes=st.lists(st.integers(1, 20), min_size=1, max_size=5))
def test_alerts_and_feature_values_equal_the_oracles(
    tmp_path: Path, text: str, stream: list[dict[str, Any]], sizes: list[int]
) -> None:
    plan = plan_of(tmp_path, text)
    engine = Engine(plan, reserve_mib=8, lateness_ms=60_000)
    said, accepted = list[Alert](), list[dict[str, Any]]()
    at = 0
    for batch in cuts(stream, sizes):
        result = engine.apply(batch)
        said += result.alerts
        accepted += [e for i, e in enumerate(stream[at : at + len(batch)]) if i not in result.late]
        at += len(batch)
    assert accepted == on_time(stream, 60_000)
    assert_same(final(said), [v for judged in judge_all((e, plan) for e in accepted) for v in judged.verdicts])


@slow_start
@given(text=rule_files(keyed=True), stream=events(), sizes=st.lists(st.integers(1, 20), min_size=1, max_size=5))
def test_every_rule_judges_each_event_of_its_types_once(
    tmp_path: Path, text: str, stream: list[dict[str, Any]], sizes: list[int]
) -> None:
    """However batches are cut, and however often late events had it judged again.

    One whose owner a late event tells goes on to the owner's hop, and is judged there once more.
    """
    plan = plan_of(tmp_path, text)
    engine = Engine(plan, reserve_mib=8, lateness_ms=60_000)
    judged: Counter[str] = Counter()
    for batch in cuts(stream, sizes):
        for at, n in engine.apply(batch).judged_by.items():
            judged.update({rule.id: n for rule in plan.rules_at(at.kind, at.type, at.after)})
    types = Counter(event["type"] for event in {e["id"]: e for e in on_time(stream, 60_000)}.values())
    due = {r.id: sum(types[t] for t in r.on) for r in plan.judged}
    if all(a["time"] <= b["time"] for a, b in itertools.pairwise(stream)):
        assert {r.id: judged[r.id] for r in plan.judged} == due
    for rule in plan.judged:
        hops = max(len(plan.itinerary(type_name)) for type_name in rule.on)
        assert due[rule.id] <= judged[rule.id] <= hops * due[rule.id]


@slow_start
@given(
    text=rule_files(later=True, keyed=True), stream=events(), sizes=st.lists(st.integers(1, 20), min_size=1, max_size=5)
)
def test_what_is_judged_later_is_the_oracles_however_batches_are_cut(
    tmp_path: Path, text: str, stream: list[dict[str, Any]], sizes: list[int]
) -> None:
    """Time goes on with events, and at the end by half an hour more."""
    plan = plan_of(tmp_path, text)
    engine = Engine(plan, reserve_mib=8, lateness_ms=60_000)
    said = [alert for batch in cuts(stream, sizes) for alert in engine.apply(batch).alerts]
    said += engine.advance(engine.clock + 1_800_000).alerts
    truth = judge_all(((e, plan) for e in on_time(stream, 60_000)), lambda kind, key: engine.clock)
    assert_same(final(said), [v for judged in truth for v in judged.verdicts])


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


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_a_changed_plan_keeps_the_windows_of_features_that_stay(tmp_path: Path, cut: int) -> None:
    engine = Engine(plan_of(tmp_path, BIG), reserve_mib=8)
    stream = [transfer(i, customer="C1", amount=30) for i in range(4)]
    engine.apply(batch_of(stream[:cut]))
    more = BIG.replace("rules:", "  sent_1d: {count: transfer, by: account, window: 1d}\nrules:").replace(
        "out_1h > 100", "out_1h > 100 or sent_1d > 99"
    )
    engine.use(plan_of(tmp_path, more))
    [alert] = engine.apply(batch_of(stream[cut:])).alerts
    assert alert.features["out_1h"] == 120
    assert (alert.inexact, alert.warming) == (["sent_1d"], ["sent_1d"])


@pytest.mark.parametrize(("window", "hours"), [("2h", 2), ("today, calendar: china", 18)])
def test_a_feature_that_a_change_of_plan_brings_is_said_to_be_warming_until_its_window_is_whole(
    tmp_path: Path, window: str, hours: int
) -> None:
    """By the hop, and in each alert that names it. A hop that begins with its log has seen all that there was."""
    engine = Engine(plan_of(tmp_path, BIG), reserve_mib=8)
    engine.apply(batch_of([transfer(0, customer="C1", amount=300)]))
    assert all(hop.warming == {} for hop in engine.hops.values())
    more = BIG.replace("rules:", f"  sent: {{count: transfer, by: account, window: {window}}}\nrules:").replace(
        "out_1h > 100", "out_1h > 100 or sent > 99"
    )
    engine.use(plan_of(tmp_path, more))
    said = {}
    for minute in range(1, 60 * (hours + 1), 30):
        [alert] = engine.apply(batch_of([transfer(60 * minute, customer="C1", amount=300)])).alerts
        hop = engine.hops["account"]
        assert bool(hop.warming) == bool(alert.warming)
        assert alert.warming == alert.inexact
        said[minute] = alert.inexact
        assert not hop.warming or min(hop.warming.values()) > hop.clock
    assert said[1] == ["sent"]
    assert list(said.values())[-1] == []


def test_a_feature_that_warms_at_one_hop_is_said_to_be_by_a_rule_that_is_decided_at_a_later_one(tmp_path: Path) -> None:
    """It travels with the event; what is known from the beginning there is not named."""
    engine = Engine(plan_of(tmp_path, BIG), reserve_mib=8)
    engine.apply(batch_of([transfer(0, customer="C1", amount=300)]))
    more = BIG.replace("rules:", "  sent: {count: transfer, by: account, window: 2h}\nrules:").replace(
        "out_1h > 100", "out_1h > 100 and sent > 0"
    )
    engine.use(plan_of(tmp_path, more))
    [alert] = engine.apply(batch_of([transfer(60, customer="C1", amount=300)])).alerts
    assert (alert.hop, alert.inexact, alert.warming) == ("customer", ["sent"], ["sent"])
    [alert] = engine.apply(batch_of([transfer(7300, customer="C1", amount=300)])).alerts
    assert (alert.inexact, alert.warming) == ([], [])


def test_what_a_cap_let_go_is_not_said_to_be_warming(tmp_path: Path) -> None:
    """It does not become exact by waiting: the key has too many events."""
    text = BIG.replace("by: customer, window: 1h", "by: account, window: 1d")
    text = text.replace("severity: high", "approximate: ok\n    severity: high")
    engine = Engine(plan_of(tmp_path, text), reserve_mib=8)
    alerts = engine.apply(batch_of([transfer(i, customer="C1", amount=300) for i in range(1100)])).alerts
    assert (alerts[1000].inexact, alerts[-1].inexact) == ([], ["out_1h"])
    assert {tuple(alert.warming) for alert in alerts} == {()}


def test_a_late_event_leaves_a_revised_alert_the_word_that_its_feature_warms(tmp_path: Path) -> None:
    """Changed or withdrawn: the figures are those since the change of rules."""
    engine = Engine(plan_of(tmp_path, BIG), reserve_mib=8, lateness_ms=600_000)
    engine.apply(batch_of([transfer(0, customer="C1", amount=3)]))
    more = BIG.replace("rules:", "  sent: {count: transfer, by: account, window: 2h}\nrules:").replace(
        "out_1h > 100", "sent in [2, 3, 5]\n    approximate: ok"
    )
    engine.use(plan_of(tmp_path, more))
    said = [
        alert
        for seconds in (60, 120, 180, 90, 100)
        for alert in engine.apply(batch_of([transfer(seconds, customer="C1")])).alerts
        if alert.event == "t120"
    ]
    assert [alert.status for alert in said] == ["raised", "changed", "withdrawn"]
    assert [alert.features["sent"] for alert in said] == [2, 3, 4]
    assert [alert.warming for alert in said] == [["sent"]] * 3


def test_an_alert_that_was_written_before_there_was_the_word_is_read(tmp_path: Path) -> None:
    """By whoever fills Redis from the log again."""
    engine = Engine(plan_of(tmp_path, BIG), reserve_mib=8)
    [alert] = engine.apply(batch_of([transfer(0, customer="C1", amount=300)])).alerts
    old = msgspec.json.decode(alert.to_json())
    del old["warming"]
    assert msgspec.json.decode(msgspec.json.encode(old), type=Alert) == alert
