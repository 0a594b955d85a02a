"""Rules that judge some time after their event say at last what is true of then, whatever comes when, whoever dies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from risk_stream.catalogue import EventBatch
from risk_stream.engine import INDEX_BITS, Alert, Block, Engine, Hop, Result, final, hop, saved
from risk_stream.engine.block import TIMED
from risk_stream.engine.lexicon import CHUNKS
from risk_stream.engine.plans import Plans
from risk_stream.engine.timers import Timer, Timers
from risk_stream.rules import Plan, plan_of_texts
from tests.engine.compare import same
from tests.engine.test_revisions import CATALOGUE, START, batch_of, owner, transfer
from tests.engine.test_schedules import hard, judged_right, judged_right_by_plans, worlds
from tests.oracle import judge_all

pytestmark = pytest.mark.timeout(3600)


@hard
@given(world=worlds(1, later=True))
def test_what_is_judged_later_is_a_function_of_the_accepted_events(tmp_path: Path, world: dict[str, Any]) -> None:
    judged_right(tmp_path, **world, crashes=0.0)


@hard
@given(world=worlds(1, later=True), crashes=st.sampled_from([0.05, 0.3]))
def test_what_waits_is_there_after_a_restart(tmp_path: Path, world: dict[str, Any], crashes: float) -> None:
    judged_right(tmp_path, **world, crashes=crashes)


@hard
@given(world=worlds(2, later=True), crashes=st.sampled_from([0.0, 0.2]))
def test_what_waits_is_judged_by_the_plan_of_its_event(tmp_path: Path, world: dict[str, Any], crashes: float) -> None:
    judged_right_by_plans(tmp_path, **world, crashes=crashes)


# What the schedules are worth: each of these faults must be found by them.

LOAD = Timers.load


def fires_again_after_a_restart(self: Timers, part: bytes) -> None:
    LOAD(self, part)
    for of in self._chunks:
        for name, timer in of.items():
            of[name] = replace(timer, fired=False)


FAULTS: dict[str, tuple[Any, str, Any]] = {
    "what has fired fires again after a restart": (Timers, "load", fires_again_after_a_restart),
    "what is due is judged by the newest plan": (Plans, "versioned", lambda self, version: self.held[-1]),
    "what waits is forgotten at a restart": (Timers, "load", lambda self, part: None),
    "what waits does not hold its plan": (Timers, "plans", ()),
    "only events move time on": (hop.Hop, "_pass_time", lambda self, *args: None),
}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults_are_found(fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*FAULTS[fault])
    search = settings(hard, max_examples=1600, phases=[Phase.generate], database=None, derandomize=True)

    @search
    @given(world=worlds(1, later=True))
    def one(world: dict[str, Any]) -> None:
        judged_right(tmp_path, **world, crashes=0.2)

    @search
    @given(world=worlds(2, later=True))
    def two(world: dict[str, Any]) -> None:
        judged_right_by_plans(tmp_path, **world, crashes=0.0)

    with pytest.raises((AssertionError, KeyError, StopIteration, RuntimeError)):  # the last: of a generator that stops
        (two if "plan" in fault else one)()


# Case by case

RULES = """
stage: trading
owner: desk
features:
  out_1h: {sum: amount, of: transfer, by: customer, window: 1h}
  again_1h: {since: transfer, by: customer, window: 1h}
rules:
  - id: alone
    on: transfer
    after: 10m
    when: again_1h == 600 and amount > 10
    severity: low
    summary: "{customer} sent {amount} and nothing more for {again_1h}, {out_1h} in all"
  - id: watched
    on: transfer
    after: 1h
    when: (customer in list("watch") or amount == 40) and out_1h >= 0
    severity: low
    summary: "{customer} was watched an hour after"
"""
MINUTE = 60_000


def plan_of(text: str = RULES) -> Plan:
    return plan_of_texts({"rules.yaml": text}, CATALOGUE)


def move(id: str, minutes: float, **fields: object) -> dict[str, Any]:
    return transfer(id, 60 * minutes, **{"customer": "C1", **fields})


def watch(id: str, minutes: float, *, listed: bool = True) -> dict[str, Any]:
    time = START + round(minutes * MINUTE)
    said = {"id": id, "type": "list_entry", "time": time, "list_name": "watch", "member": "C1", "listed": listed}
    return said | {"source": "desk"}


def block(offset: int, plan: Plan, minutes: float, *said: dict[str, Any]) -> Block:
    clock = START + round(minutes * MINUTE)
    if not said:
        return Block(EventBatch.empty(CATALOGUE), plan, clock, offset)
    batch = batch_of(*said)
    return Block(batch.with_columns({"_stamp": (offset << INDEX_BITS) + np.arange(len(batch))}), plan, clock)


def hop_of(plan: Plan, lateness_ms: int = 5 * MINUTE) -> Hop:
    return Hop(plan, "customer", reserve_mib=8, lateness_ms=lateness_ms, journal=True)


def spoken(result: Result) -> list[tuple[str, str, str]]:
    return [(a.status, a.rule, a.event) for a in result.alerts]


def test_what_is_due_with_a_record_is_judged_in_the_order_in_which_it_was() -> None:
    """As of then: the events of the same record that come after it do not count, those before it do."""
    hop = hop_of(plan_of())
    hop.apply([block(0, hop.plan, 2, move("a", 0), move("b", 1, customer="C2"), move("c", 2, customer="C3"))])
    result = hop.apply([block(1, hop.plan, 30, move("d", 9, customer="C2"), move("e", 13))])
    assert spoken(result) == [("raised", "alone", event) for event in ("a", "c", "d", "e")]
    waited = [(a.time - a.event_time, a.revision) for a in result.alerts if a.event_time]
    rank = [kind.name for kind in CATALOGUE.kinds].index("customer")
    assert waited == [(10 * MINUTE, rank << 47 | 1)] * 4
    assert set(result.stamps) == {1 << INDEX_BITS | TIMED}
    assert result.alerts[0].summary == "C1 sent 60.00 and nothing more for 10 minutes, 60.00 in all"


def test_a_record_without_events_has_the_place_that_it_says_also_where_it_is_the_first() -> None:
    plan = plan_of()
    assert [block(offset, plan, 1).position for offset in (0, 3)] == [0, 3]


def test_what_is_due_is_said_with_the_first_record_that_reaches_its_time_however_many_come_in_one_call() -> None:
    plan = plan_of()
    minutes = (2, 9, 30, 31)
    blocks = [block(n, plan, at, move(f"m{n}", at, customer=f"C{n}")) for n, at in enumerate(minutes)]
    together, one_by_one = hop_of(plan), hop_of(plan)
    said = [(a.event, a.revision) for each in blocks for a in one_by_one.apply([each]).alerts]
    assert [(a.event, a.revision) for a in together.apply(blocks).alerts] == said


def test_a_late_event_withdraws_and_raises_again_what_was_judged_later() -> None:
    hop = hop_of(plan_of())
    hop.apply([block(0, hop.plan, 0, move("a", 0))])
    assert spoken(hop.apply([block(1, hop.plan, 12)])) == [("raised", "alone", "a")]
    late = hop.apply([block(2, hop.plan, 12, move("b", 9))])
    assert spoken(late) == [("withdrawn", "alone", "a")]
    [alert] = late.alerts
    assert (alert.was, alert.features) == (
        {"again_1h": 600, "amount": 60, "customer": "C1", "out_1h": 60},
        {"again_1h": 60, "amount": 60, "customer": "C1", "out_1h": 120},
    )
    again = hop.apply([block(3, hop.plan, 12, move("b", 9), move("a", 0))])
    assert (again.copies, again.dropped, again.alerts) == (1, 1, [])


def test_an_event_that_comes_when_its_time_has_passed_is_judged_at_once() -> None:
    hop = hop_of(plan_of(), 30 * MINUTE)
    hop.apply([block(0, hop.plan, 20, move("a", 20))])
    assert spoken(hop.apply([block(1, hop.plan, 20, move("b", 0))])) == [("raised", "alone", "b")]
    assert hop.pending_timers == 3


@pytest.mark.parametrize("minutes", [1, 12])
def test_an_owner_who_comes_late_is_filled_in_whether_the_event_waits_or_was_judged(minutes: float) -> None:
    plan = plan_of(RULES.replace("by: customer", "by: account"))
    hop = Hop(plan, "account", reserve_mib=8, lateness_ms=15 * MINUTE, journal=True)
    hop.apply([block(0, plan, 0.5, transfer("a", 30))])
    before = hop.apply([block(1, plan, minutes)])
    taught = hop.apply([block(2, plan, minutes, owner("o", 10))])
    after = hop.apply([block(3, plan, 12)])
    [alert] = final([*before.alerts, *taught.alerts, *after.alerts])
    assert (alert.rule, alert.keys, alert.features["customer"]) == ("alone", {"account": "A1", "customer": "C1"}, "C1")
    assert (alert.status, alert.revision & 7) == (("raised", 3) if minutes == 1 else ("changed", 2))


def test_a_list_is_asked_as_of_when_the_event_is_due() -> None:
    hop = hop_of(plan_of())
    hop.apply([block(0, hop.plan, 0, move("a", 0))])
    assert spoken(hop.apply([block(1, hop.plan, 61)]))[-1:] == [("raised", "alone", "a")]
    assert spoken(hop.apply([block(2, hop.plan, 61, watch("w", 59))])) == [("raised", "watched", "a")]
    off = block(3, hop.plan, 61, watch("x", 59.5, listed=False))
    assert spoken(hop.apply([off])) == [("withdrawn", "watched", "a")]
    assert hop.apply([block(4, hop.plan, 61, watch("y", 60.5))]).alerts == []


def test_a_plan_stays_until_the_last_event_that_waits_has_been_judged_by_it() -> None:
    old, new = plan_of(), plan_of(RULES.replace("amount > 10", "amount > 1000"))
    hop = hop_of(old, 1000)
    hop.apply([block(0, old, 0, move("a", 0))])
    hop.apply([block(1, new, 5, move("b", 5, customer="C2")), block(2, new, 9, move("c", 9, customer="C3"))])
    assert hop.plans == [old.version, new.version]
    assert spoken(hop.apply([block(3, new, 20, move("d", 20, customer="C4"))])) == [("raised", "alone", "a")]
    hop.apply([block(4, new, 70), block(5, new, 70, move("e", 70)), block(6, new, 71, move("f", 71))])
    assert hop.plans == [new.version]


def blocks(old: Plan, new: Plan, seed: int = 7, *, lists: bool = True) -> tuple[list[Block], list[dict[str, Any]]]:
    """Two plans, events in front, behind and late, lists, and time alone; and all of the events."""
    random = Random(seed)
    found, events, clock = list[Block](), list[dict[str, Any]](), 0.0
    for offset in range(60):
        clock += random.choice([0, 0, 0.5, 1, 4, 11])
        plan = old if offset < 25 else new
        if lists and offset in {20, 41}:
            found.append(block(offset, plan, clock, watch(f"w{offset}", clock, listed=offset == 20)))
        elif random.random() < 0.3:
            found.append(block(offset, plan, clock))
        else:
            times = [max(0.0, clock - random.choice([0, 0, 1, 4])) for _ in range(random.randint(1, 4))]
            names = [f"C{random.randint(1, 3)}" for _ in times]
            made = [move(f"t{offset}.{i}", times[i], amount=40, customer=name) for i, name in enumerate(names)]
            events += made
            found.append(block(offset, plan, clock, *made))
    return found, events


OFTEN = """
stage: trading
owner: desk
features:
  again_1h: {since: transfer, by: customer, window: 1h}
  sent_8m: {count: transfer, by: customer, window: 8m}
  sum_20m: {sum: amount, of: transfer, by: customer, window: 20m}
rules:
  - {id: alone, on: transfer, after: 4m, when: again_1h >= 240, severity: low, summary: "{again_1h} {sent_8m}"}
  - {id: few, on: transfer, after: 11m, when: sent_8m < 2, severity: low, summary: "{sum_20m} {sent_8m}"}
  - {id: much, on: transfer, after: 4m, when: sum_20m > 100, severity: low, summary: "{sum_20m}"}
"""


def often_judged_right(seed: int) -> int:
    """Compare what a hop that dies now and then says at last with the truth, where late events are many.

    -> How often it said something again.
    """
    plan = plan_of(OFTEN)
    log, events = blocks(plan, plan, seed, lists=False)
    one, random, said = hop_of(plan), Random(seed), list[Alert]()
    at, parts = 0, list[bytes]()
    while at < len(log):
        cut = random.randint(1, 6)
        said += one.apply(log[at : at + cut]).alerts
        at += cut
        if random.random() < 0.3:
            parts += [*one.images(random.choice([0, 1, 1 << 30])), *one.delta(log[min(at, len(log)) - 1].position)]
            if random.random() < 0.5:  # it dies, and begins again from there
                reads_from, one = one.reads_from, hop_of(plan)
                one.restore(parts, {plan.version: plan})
                one.remember(log[reads_from:at])
    truth = judge_all(((event, plan) for event in events), lambda kind, key: log[-1].clock)
    wanted = {(v.rule, v.event): v.features for judged in truth for v in judged.verdicts}
    held = {(alert.rule, alert.event): alert for alert in final(said)}
    assert held.keys() == wanted.keys()
    for key, features in wanted.items():
        assert all(same(held[key].features[name], value) for name, value in features.items()), key
    return sum(alert.was is not None for alert in said)


@pytest.mark.parametrize("seeds", [12, pytest.param(40, marks=pytest.mark.slow)])
def test_what_was_judged_later_and_is_revised_often_is_the_oracles(seeds: int) -> None:
    assert sum(often_judged_right(seed) for seed in range(seeds)) > 2.5 * seeds


def test_that_a_late_event_does_not_revise_what_was_due_before_it_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hop, "say_again", lambda *args: None)
    with pytest.raises(AssertionError):
        sum(often_judged_right(seed) for seed in range(40))


@pytest.mark.parametrize("cut", [1, 2, 5, 9])
def test_how_blocks_are_cut_into_calls_changes_nothing_of_what_is_judged_later(cut: int) -> None:
    old, new = plan_of(), plan_of(RULES.replace("amount > 10", "amount > 30"))
    log, _ = blocks(old, new)
    whole = hop_of(old).apply(log)
    assert whole.timed > 50
    assert {a.status for a in whole.alerts if a.event_time} == {"raised", "changed", "withdrawn"}
    parts = hop_of(old)
    results = [parts.apply(log[at : at + cut]) for at in range(0, len(log), cut)]
    assert [a for r in results for a in r.alerts] == whole.alerts
    assert [s for r in results for s in r.stamps] == whole.stamps


@pytest.mark.parametrize("at", range(0, 60, 7))
@pytest.mark.parametrize("walked", [False, True])
def test_a_hop_goes_on_from_a_checkpoint_with_what_waits_there(at: int, walked: bool) -> None:
    old, new = plan_of(), plan_of(RULES.replace("amount > 10", "amount > 30"))
    log, _ = blocks(old, new)
    first = hop_of(old)
    first.apply(log[:at])
    parts = [*(first.images(1 << 30) if walked else ()), *first.delta(at - 1)]
    second = hop_of(new)
    reads_from = first.reads_from
    second.restore(parts[-1:] if not at else parts, {old.version: old, new.version: new})
    second.remember(log[reads_from:at])
    second.clock = first.clock
    assert (second.pending_timers, second.next_due) == (first.pending_timers, first.next_due)
    assert second.apply(log[at:]).alerts == first.apply(log[at:]).alerts


def test_a_checkpoint_with_what_waits_says_so_to_releases_that_would_lose_it() -> None:
    hop = hop_of(plan_of())
    hop.apply([block(0, hop.plan, 0, move("a", 0))])
    assert saved.head_of(hop.delta(0), "customer")["format"] == 2
    plain = hop_of(plan_of(RULES.replace("after: 10m", "").replace("after: 1h", "")))
    plain.apply([block(0, plain.plan, 0, move("a", 0))])
    assert saved.head_of(plain.delta(0), "customer")["format"] == 1


def test_an_idle_key_fires_where_the_houses_day_has_ended() -> None:
    """Of a business date, which belongs to no key, nothing is said but that time has come to it."""
    rules = """
stage: trading
owner: me
features: {sent_1d: {count: transfer, by: customer, window: 1d}}
rules: [{id: silent, on: transfer, after: 1d, when: sent_1d == 0, severity: low, summary: s}]
"""
    engine = Engine(plan_of_texts({"rules.yaml": rules}, CATALOGUE))
    assert engine.apply(batch_of(transfer("t0", 0, customer="C1"))).alerts == []

    def ended(day: float) -> Result:
        time = START + round(day * 86_400_000)
        return engine.apply(batch_of({"type": "business_date", "time": time, "business_date": f"day {day}"}))

    assert ended(0.9).alerts == []
    assert [(a.rule, a.event, a.time) for a in ended(1.5).alerts] == [("silent", "t0", START + 86_400_000)]


LATE = """\
stage: trading
features: {seen_2h: {count: transfer, by: account, window: 2h}}
rules:
  - {id: late, on: transfer, after: 1h, when: seen_2h >= 1, severity: low, owner: o, summary: x}
"""


def test_what_waits_is_judged_as_the_clock_reaches_its_time() -> None:
    """Not a millisecond earlier, not with the next event, and once."""
    engine = Engine(plan_of_texts({"rules.yaml": LATE}, CATALOGUE), reserve_mib=8, lateness_ms=0)
    hour = 3_600_000
    assert engine.apply(batch_of(transfer("a", 0))).alerts == []
    said = [engine.advance(START + hour + more).alerts for more in (-1, 0, 1)]
    assert [[alert.time for alert in alerts] for alerts in said] == [[], [START + hour], []]


def test_what_waits_is_judged_with_the_events_that_bring_its_time() -> None:
    """Not with those of the next batch."""
    engine = Engine(plan_of_texts({"rules.yaml": LATE}, CATALOGUE), reserve_mib=8, lateness_ms=0)
    for hour in range(4):
        said = engine.apply(batch_of(transfer(f"t{hour}", 3_600 * hour))).alerts
        assert [alert.event for alert in said] == ([f"t{hour - 1}"] if hour else [])


@pytest.mark.parametrize("way", ["image", "journal"])
def test_what_has_fired_does_not_fire_again_after_a_restart(way: str) -> None:
    timers = Timers("loan", journal=True)
    for due in (10, 20):
        timers._put(Timer(due, due, 7, "plan", b"{}"), 1)
    assert [timer.due for timer in timers.fire(15, 2)] == [10]
    parts = timers.take_journal(2) if way == "journal" else [p for c in range(CHUNKS) for p in timers.image(c)]
    again = Timers("loan", journal=True)
    for part in parts:
        again.load(part)
    again.settle(0)
    assert (again.waiting, [timer.due for timer in again.fired_since(0)]) == (1, [10])
    assert [timer.due for timer in again.fire(25, 3)] == [20]
