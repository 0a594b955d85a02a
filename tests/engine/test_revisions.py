"""What one event changes of what was said of others, case by case."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from risk_stream.catalogue import Catalogue, Decoder, EventBatch, load_catalogue
from risk_stream.engine import INDEX_BITS, REVISED, Alert, Block, Engine, Hop, Result, final
from risk_stream.engine import hop as hop_module
from risk_stream.engine.plans import InForce
from risk_stream.rules import Plan, load_plan

CATALOGUE: Catalogue = load_catalogue()
DECODER = Decoder(CATALOGUE)
START = 1_700_000_000_000

RULES = """
stage: trading
features:
  out_1h: {sum: amount, of: transfer, where: direction == "out", by: customer, window: 1h}
  since_1h: {since: transfer, by: customer, window: 1h}
  to_1h: {count: transfer, by: counterparty, window: 1h}
rules:
  - id: large
    on: transfer
    when: out_1h > 100
    severity: high
    owner: fraud-desk
    summary: "{customer} sent {out_1h}"
  - id: slow
    on: transfer
    when: since_1h > 60
    severity: low
    owner: fraud-desk
    summary: "again after {since_1h}"
  - id: sink
    on: transfer
    when: to_1h >= 2 and out_1h > 100
    severity: low
    owner: fraud-desk
    summary: "{to_1h} came in"
"""


def plan_of(tmp: Path, text: str = RULES) -> Plan:
    path = tmp / "rules.yaml"
    path.write_text(text)
    return load_plan([path], CATALOGUE)


def transfer(id: str, seconds: float, **fields: object) -> dict[str, Any]:
    return {
        "id": id,
        "type": "transfer",
        "time": START + round(seconds * 1000),
        "account": "A1",
        "direction": "out",
        "amount": 60,
        **fields,
    }


def owner(id: str, seconds: float, customer: str = "C1") -> dict[str, Any]:
    time = START + round(seconds * 1000)
    return {"id": id, "type": "account", "time": time, "account": "A1", "customer": customer}


def batch_of(*events: dict[str, Any]) -> EventBatch:
    batch, _, rejects = DECODER.decode([orjson.dumps(e) for e in events], str)
    assert rejects == []
    return batch


def engine_of(tmp: Path) -> Engine:
    return Engine(plan_of(tmp), reserve_mib=8, lateness_ms=600_000)


def said(result: Result) -> set[tuple[str, str, str]]:
    return {(a.status, a.rule, a.event) for a in result.alerts}


def one(result: Result, rule: str, event: str) -> Alert:
    [alert] = [a for a in result.alerts if (a.rule, a.event) == (rule, event)]
    return alert


def test_an_event_put_before_others_raises_changes_and_withdraws(tmp_path: Path) -> None:
    """Each with the values of before; and the highest revision holds, whatever arrives last."""
    engine = engine_of(tmp_path)
    first = engine.apply(batch_of(*(transfer(f"t{i}", 100 * i, customer="C1") for i in range(3))))
    assert said(first) == {
        ("raised", "large", "t1"),
        ("raised", "large", "t2"),
        ("raised", "slow", "t1"),
        ("raised", "slow", "t2"),
    }
    assert all(a.was is None for a in first.alerts)
    second = engine.apply(batch_of(transfer("late", 150, customer="C1")))
    assert said(second) == {
        ("raised", "large", "late"),
        ("changed", "large", "t2"),
        ("withdrawn", "slow", "t2"),
    }
    changed, withdrawn = one(second, "large", "t2"), one(second, "slow", "t2")
    assert (changed.was, changed.features["out_1h"]) == ({"out_1h": 180, "customer": "C1"}, 240)
    assert (withdrawn.was, withdrawn.features) == ({"since_1h": 100}, {"since_1h": 50})
    assert withdrawn.summary == one(first, "slow", "t2").summary
    third = engine.apply(batch_of(transfer("first", -10, customer="C1")))
    assert one(third, "large", "t0").was == {"out_1h": 60, "customer": "C1"}
    everything = [*first.alerts, *second.alerts, *third.alerts]
    held = {(a.rule, a.event): a.features["out_1h"] for a in final(everything) if a.rule == "large"}
    assert held == {("large", "t0"): 120, ("large", "t1"): 180, ("large", "late"): 240, ("large", "t2"): 300}
    assert {a.id: a for a in final(everything[::-1])} == {a.id: a for a in final(everything)}


def test_a_copy_changes_nothing(tmp_path: Path) -> None:
    engine = engine_of(tmp_path)
    events = [transfer(f"t{i}", i, customer="C1") for i in range(3)]
    engine.apply(batch_of(*events))
    again = engine.apply(batch_of(events[1], events[2], events[2]))
    assert (again.alerts, again.judged, again.copies) == ([], 0, 3)
    assert one(engine.apply(batch_of(transfer("t3", 3, customer="C1"))), "large", "t3").features["out_1h"] == 240


def test_an_event_that_comes_again_with_another_owner_is_no_copy(tmp_path: Path) -> None:
    engine = engine_of(tmp_path)
    engine.apply(batch_of(transfer("t0", 0, customer="C1")))
    result = engine.apply(batch_of(transfer("t0", 0, customer="C2")))
    assert (result.copies, result.revised) == (0, 1)


def test_an_alert_shows_its_own_event_whatever_came_beside_it(tmp_path: Path) -> None:
    """Texts, values and the words of a summary are those of its row, in the batch as in a part of it."""
    rules = """
stage: trading
owner: desk
rules:
  - {id: sent, on: transfer, when: amount > 100, severity: low, summary: "{customer} sent {amount} to {counterparty}"}
  - {id: seen, on: login, when: "success == false", severity: low, summary: "{customer}"}
"""
    login = {"id": "l", "type": "login", "time": START, "customer": "C8", "account": "A8", "success": False}
    sent = transfer("t", 1, customer="C1", counterparty="P1", amount=500)
    said = Engine(plan_of(tmp_path, rules), reserve_mib=8).apply(batch_of(login, sent)).alerts
    assert [alert.summary for alert in said] == ["C8", "C1 sent 500.00 to P1"]


def test_a_copy_in_its_own_batch_is_one_event(tmp_path: Path) -> None:
    engine = engine_of(tmp_path)
    event = transfer("t0", 0, customer="C1")
    result = engine.apply(batch_of(event, event, transfer("t1", 1, customer="C1"), event))
    assert (result.judged, result.copies) == (2, 2)
    assert one(result, "large", "t1").features["out_1h"] == 120


def test_a_changed_feature_travels_on_to_the_hop_that_needs_it(tmp_path: Path) -> None:
    """The counterparty's hop judges by a sum of the customer's, which a behind event raises."""
    engine = engine_of(tmp_path)
    events = [transfer(f"t{i}", i, customer=f"C{i}", counterparty="P1") for i in range(2)]
    assert engine.apply(batch_of(*events)).alerts == []
    result = engine.apply(batch_of(transfer("late", 0.5, customer="C1", amount=50)))
    assert ("raised", "sink", "t1") in said(result)
    assert one(result, "sink", "t1").was == {"to_1h": 2, "out_1h": 60}


def test_an_owner_who_comes_late_fills_in_the_events_behind_it(tmp_path: Path) -> None:
    """They go on to the customer's hop; an event before the first that taught the owner has none."""
    engine = engine_of(tmp_path)
    engine.apply(batch_of(transfer("t0", 0), transfer("t1", 20), transfer("t2", 30)))
    result = engine.apply(batch_of(owner("a", 10)))
    assert said(result) == {("raised", "large", "t2")}
    assert one(result, "large", "t2").features["out_1h"] == 120
    earlier = engine.apply(batch_of(owner("b", -10)))
    assert one(earlier, "large", "t2").features["out_1h"] == 180
    assert ("raised", "large", "t1") in said(earlier)


def test_who_teaches_another_owner_is_counted_and_not_believed(tmp_path: Path) -> None:
    engine = engine_of(tmp_path)
    engine.apply(batch_of(owner("a", 0), owner("b", 1, "C2"), transfer("t0", 2), transfer("t1", 3)))
    result = engine.apply(batch_of(owner("c", -5, "C3"), transfer("t2", 4)))
    assert one(result, "large", "t2").keys["customer"] == "C1"
    assert engine.hops["account"].contradicted == 2


def test_a_rule_that_moves_to_a_later_hop_goes_on_rising(tmp_path: Path) -> None:
    """Without an owner the account's hop says that it is unknown; the customer's, once it is known, has the word."""
    text = RULES.replace("when: out_1h > 100", "when: coalesce(out_1h, 1000) > 100")
    engine = Engine(plan_of(tmp_path, text), reserve_mib=8, lateness_ms=600_000)
    alone = engine.apply(batch_of(transfer("t0", 20)))
    assert one(alone, "large", "t0").hop == "account"
    known = engine.apply(batch_of(owner("a", 10)))
    assert said(known) == {("withdrawn", "large", "t0")}
    assert final([*alone.alerts, *known.alerts]) == []
    more = engine.apply(batch_of(transfer("t1", 15, customer="C1")))
    raised = one(more, "large", "t0")
    assert (raised.hop, raised.status) == ("customer", "raised")
    assert final([*more.alerts, *known.alerts, *alone.alerts])[0].revision == raised.revision


def test_a_late_event_revises_what_was_said_under_a_new_plan_as_under_the_one_before(tmp_path: Path) -> None:
    engine = engine_of(tmp_path)
    engine.apply(batch_of(*(transfer(f"t{i}", 100 * i, customer="C1") for i in range(2))))
    assert ("changed", "large", "t1") in said(engine.apply(batch_of(transfer("late", 50, customer="C1"))))
    many = """
  - {id: many, on: transfer, when: n_2h >= 6, severity: low, owner: fraud-desk, summary: "{n_2h} in two hours"}
"""
    features = "features:\n  n_2h: {count: transfer, by: customer, window: 2h}\n"
    engine.use(plan_of(tmp_path, RULES.replace("features:\n", features) + many))
    engine.apply(batch_of(*(transfer(f"t{i}", 100 * i, customer="C1") for i in (2, 3))))
    again = said(engine.apply(batch_of(transfer("later", 150, customer="C1", direction="in"))))
    assert ("raised", "many", "t3") in again


def test_what_travels_on_keeps_the_plan_under_which_it_came(tmp_path: Path) -> None:
    """Whatever the order in which events of several plans are judged in one call."""
    old = plan_of(tmp_path)
    new = plan_of(tmp_path, RULES.replace("out_1h > 100", "out_1h > 50"))
    hop = Hop(old, "account", reserve_mib=8, lateness_ms=600_000)
    came = [
        (plan, transfer(id, at, customer="C1")) for plan, id, at in ((old, "a", 10), (new, "b", 20), (new, "late", 5))
    ]
    result = hop.apply(
        [
            Block(batch.with_columns({"_stamp": np.array([at << INDEX_BITS])}), plan, START + 20_000)
            for at, (plan, event) in enumerate(came)
            for batch in [batch_of(event)]
        ]
    )
    assert [
        (forward.plan_version, forward.batch.table.column("id").to_pylist())
        for forward in result.forwards
        if forward.kind == "customer"
    ] == [(old.version, ["a"]), (new.version, ["b", "late"])]


def test_events_too_late_are_named_and_not_judged(tmp_path: Path) -> None:
    engine = Engine(plan_of(tmp_path), reserve_mib=8, lateness_ms=5_000)
    result = engine.apply(batch_of(transfer("t0", 0), transfer("t1", 60), transfer("t2", 54.9), transfer("t3", 55)))
    assert (result.late.tolist(), result.judged) == ([2], 3)


def block(offset: int, plan: Plan, clock: int, *events: dict[str, Any]) -> Block:
    batch = batch_of(*events)
    return Block(batch.with_columns({"_stamp": (offset << INDEX_BITS) + np.arange(len(batch))}), plan, clock)


def test_stamps_of_what_travels_on_rise_and_name_the_block(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    hop = Hop(plan, "customer", reserve_mib=8, lateness_ms=600_000)
    events = [transfer(f"t{i}", i, customer="C1", counterparty="P1") for i in range(4)]
    hop.apply([block(3, plan, START, *events)])
    result = hop.apply([block(7, plan, START, transfer("x", 1.5, customer="C1", counterparty="P2"))])
    [forward] = result.forwards
    assert forward.batch.stamps.tolist() == [7 << INDEX_BITS, *((7 << INDEX_BITS | REVISED) + np.arange(2))]
    assert [forward.batch.text("id", i) for i in range(3)] == ["x", "t2", "t3"]


def test_what_was_said_before_an_owner_was_known_and_comes_by_another_way_is_old(tmp_path: Path) -> None:
    """The event with its owner came by way of the customer's hop; the one without it was overtaken."""
    plan = plan_of(tmp_path)
    hop = Hop(plan, "counterparty", reserve_mib=8, lateness_ms=600_000)
    sums = {f"f.{a.id}": [120.0, 60.0] for a in plan.carried("customer") if a.field == "amount"}
    full = batch_of(transfer("t0", 0, customer="C1", counterparty="P1"), transfer("t1", 1, counterparty="P1"))
    stamps = {"_stamp": np.arange(2)}
    hop.apply([Block(full.with_columns(sums | stamps), plan, START)])
    result = hop.apply([block(1, plan, START, transfer("t0", 0, counterparty="P1"))])
    assert (result.copies, result.revised, result.alerts) == (1, 0, [])
    newer = batch_of(transfer("t1", 1, customer="C2", counterparty="P1"))
    more = {name: [150.0] for name in sums} | {"_stamp": [2 << INDEX_BITS]}
    result = hop.apply([Block(newer.with_columns(more), plan, START)])
    assert [(a.event, a.status, a.was) for a in result.alerts] == [("t1", "raised", {"to_1h": 2, "out_1h": 60})]


def test_what_has_left_the_ring_is_dropped_and_counted(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    hop = Hop(plan, "customer", reserve_mib=8, lateness_ms=1_000)
    hop.apply([block(0, plan, START + 60_000, transfer("t0", 0, customer="C1"))])
    result = hop.apply([block(1, plan, START + 60_000, transfer("t0", 0, customer="C1"))])
    assert (result.dropped, result.copies, result.judged) == (1, 0, 0)


def test_each_hop_is_given_the_events_that_enter_there_and_no_others(tmp_path: Path) -> None:
    """Of a batch whose events have different first keys: nothing waits where nobody asks for it."""
    engine = engine_of(tmp_path)
    prices = [{"id": f"p{i}", "type": "price", "time": START + i, "instrument": "AAA", "price": 1} for i in range(5)]
    result = engine.apply(batch_of(*prices, owner("o0", 1), transfer("t1", 2, customer="C1", amount=160)))
    assert (result.copies, said(result)) == (0, {("raised", "large", "t1")})
    waiting = {kind: len(hop._memory.ring) for kind, hop in engine.hops.items()}
    assert (waiting["account"], waiting["instrument"]) == (2, 5)


def test_a_log_is_remembered_in_pieces_of_bounded_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many blocks are given at once: so many events at most, and as many more as one block has."""
    monkeypatch.setattr(hop_module, "REMEMBERED_TOGETHER", 10)
    sizes: list[int] = []

    class Counting(Hop):
        def _remember(self, group: Sequence[Block], held: InForce) -> None:
            sizes.append(sum(len(one.batch) for one in group))
            super()._remember(group, held)

    plan = plan_of(tmp_path)
    first, second = (
        kind(plan, "customer", reserve_mib=8, lateness_ms=600_000, journal=True) for kind in (Hop, Counting)
    )
    log = [block(n, plan, START, *(transfer(f"t{n}-{i}", n, customer="C1") for i in range(4))) for n in range(20)]
    first.apply(log)
    second.restore(first.delta(19), {plan.version: plan})
    second.remember(log)
    assert sizes == [12] * 6 + [8]


@pytest.mark.parametrize("cut", [1, 2, 3, 7])
def test_how_blocks_are_cut_into_calls_changes_nothing(tmp_path: Path, cut: int) -> None:
    plan = plan_of(tmp_path)
    times = [0, 5, 3, 9, 9, 1, 20, 15, 30, 0, 25, 40]
    blocks = [
        block(i, plan, START + 1000 * max(times[: i + 1]), transfer(f"t{i}", t, customer=f"C{i % 2}", counterparty="P"))
        for i, t in enumerate(times)
    ]
    hop = Hop(plan, "customer", reserve_mib=8, lateness_ms=60_000)
    whole = hop.apply(blocks)
    parts = Hop(plan, "customer", reserve_mib=8, lateness_ms=60_000)
    results = [parts.apply(blocks[at : at + cut]) for at in range(0, len(blocks), cut)]
    assert [a for r in results for a in r.alerts] == whole.alerts
    assert [s for r in results for f in r.forwards for s in f.batch.stamps.tolist()] == [
        s for f in whole.forwards for s in f.batch.stamps.tolist()
    ]


def test_plans_that_do_not_fit_together_leave_the_old_one_without_its_features(tmp_path: Path) -> None:
    """Said in the result; events under it are judged, with those features unknown."""

    def many(prefix: str) -> Plan:
        features = "".join(
            f"  {prefix}{i}: {{count: transfer, where: amount > {100 * ord(prefix) + i}, by: customer, window: 1h}}\n"
            for i in range(40)
        )
        rules = "".join(
            f"  - {{id: {prefix}{i}, on: transfer, when: {prefix}{i} > 0, severity: low, owner: me, summary: s}}\n"
            for i in range(40)
        )
        return plan_of(tmp_path, f"stage: trading\nfeatures:\n{features}rules:\n{rules}")

    old, new = many("a"), many("z")
    hop = Hop(old, "customer", reserve_mib=8, lateness_ms=60_000)
    rich = {"customer": "C1", "amount": 100_000}
    assert len(hop.apply([block(0, old, START, transfer("t0", 0, **rich))]).alerts) == 40
    result = hop.apply([block(1, new, START, transfer("t1", 1, **rich))])
    assert (result.plans_dropped, hop.plans) == ([old.version], [old.version, new.version])
    assert hop.apply([block(2, old, START, transfer("t2", 2, **rich))]).alerts == []
    later = block(3, new, START + 100_000, transfer("t3", 99, **rich))
    hop.apply([later, block(4, new, START + 100_000, transfer("t4", 100, **rich))])
    assert hop.plans == [new.version]


def test_a_text_that_is_older_than_the_rule_that_asks_for_it_fires_by_its_hash_and_is_shown_as_warming(
    tmp_path: Path,
) -> None:
    """A feature that needs no text kept its row; once an event names it again it is shown, and nothing fires anew."""

    def plan(feature: str, when: str) -> Plan:
        rule = f"  - {{id: r, on: transfer, when: '{when}', severity: low, owner: me, summary: s}}\n"
        return plan_of(tmp_path, f"stage: trading\nfeatures:\n  f: {feature}\nrules:\n{rule}")

    old = plan("{distinct: counterparty, of: transfer, by: customer, window: 1h}", "f > 9")
    new = plan("{first: counterparty, of: transfer, by: customer, window: 1h}", 'f == "P"')
    hop = Hop(old, "customer", reserve_mib=8, lateness_ms=60_000)
    hop.apply([block(0, old, START, transfer("t0", 0, customer="C1", counterparty="P"))])
    (alert,) = hop.apply([block(1, new, START, transfer("t1", 1, customer="C1", counterparty="Q"))]).alerts
    assert (alert.status, alert.features, alert.inexact, alert.warming) == ("raised", {"f": None}, ["f"], ["f"])
    said = hop.apply([block(2, new, START, transfer("t2", 2, customer="C1", counterparty="P"))]).alerts
    assert [(a.event, a.status, a.features, a.inexact) for a in said] == [("t2", "raised", {"f": "P"}, [])]
    said = hop.apply([block(3, new, START, transfer("t3", -1, customer="C1", counterparty="R"))]).alerts
    assert [(a.event, a.status, a.was) for a in said] == [(t, "withdrawn", {"f": "P"}) for t in ("t1", "t2")]


def test_after_a_restart_a_copy_under_another_plan_takes_no_field_from_an_event(tmp_path: Path) -> None:
    """Judged again, it is judged by all that its own plan's rules ask, of which the other plan's ask nothing."""
    text = """
stage: trading
features:
  n: {count: transfer, by: account, window: 1h}
rules:
  - id: rent
    on: transfer
    when: n >= 2 and purpose == "rent"
    severity: low
    owner: desk
    summary: said
"""
    plans = [plan_of(tmp_path, text), plan_of(tmp_path, text.replace(' and purpose == "rent"', ""))]
    told = [(transfer("t1", 10, purpose="rent"), plans[0]), (transfer("t1", 10, purpose="rent"), plans[1])]
    told.append((transfer("t0", 5), plans[1]))
    blocks = [
        Block(batch_of(event).with_columns({"_stamp": np.array([at << INDEX_BITS])}), plan, event["time"])
        for at, (event, plan) in enumerate(told)
    ]
    first = Hop(plans[0], "account", lateness_ms=600_000, journal=True)
    assert first.apply(blocks[:2]).alerts == []
    second = Hop(plans[1], "account", lateness_ms=600_000, journal=True)
    second.restore(first.images(1 << 30) + first.delta(first.position), {plan.version: plan for plan in plans})
    second.remember(blocks[first.reads_from : 2])
    assert [(a.rule, a.event, a.plan) for a in second.apply(blocks[2:]).alerts] == [("rent", "t1", plans[0].version)]
