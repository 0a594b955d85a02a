"""The chaos test's own oracle is held against the plain one, so that neither can be wrong alone."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import pytest

from bench.chaos.judge import owners_of
from bench.chaos.rules import PLANS, as_yaml
from bench.chaos.stream import ORIGINS, START, Shape, make
from bench.chaos.truth import Accepted, Lift, Logged, Origin, admit, judge
from risk_stream.catalogue import load_catalogue
from risk_stream.rules.plan import plan_of_texts
from tests.oracle import judge_all

CATALOGUE = load_catalogue()


def logs_of(shape: Shape) -> dict[Origin, list[Logged]]:
    logs: dict[Origin, list[Logged]] = defaultdict(list)
    for origin, value in make(shape):
        place = ORIGINS[origin]
        logs[place].append(Logged(len(logs[place]), value))
    return logs


def accepted(shape: Shape) -> Accepted:
    return admit(logs_of(shape), {}, {}, shape.lateness_ms)


def same(got: float | None, want: Any) -> bool:
    if got is None or want is None:
        return got is want
    return math.isclose(got, want, rel_tol=1e-9, abs_tol=1e-6)


@pytest.mark.parametrize("seed", [2])
def test_what_numpy_says_of_a_stream_is_what_the_plain_oracle_says(seed: int) -> None:
    """Two plans in one stream, owners filled in, copies and late events: every verdict and every value."""
    events = accepted(Shape(events=1200, seed=seed, per_second=50)).events
    plans = [plan_of_texts({"rules.yaml": as_yaml(rules)}, CATALOGUE) for rules in PLANS]
    number = {id: int(event["time"] > START + 12_000) for id, event in events.items()}
    judged = judge_all([(event, plans[number[id]]) for id, event in events.items()])
    wanted = {(v.rule, v.event): v.features for one in judged for v in one.verdicts}
    versions = {plan.version: i for i, plan in enumerate(plans)}
    said = judge(events, {id: plans[n].version for id, n in number.items()}, versions).verdicts
    assert said.keys() == wanted.keys()
    assert len({rule for rule, _ in said}) >= 5
    for key, features in wanted.items():
        assert said[key].features.keys() == features.keys()
        wrong = {n: (said[key].features[n], v) for n, v in features.items() if not same(said[key].features[n], v)}
        assert not wrong, key


def test_the_stream_has_all_it_is_said_to_have() -> None:
    shape = Shape(events=20_000, per_second=500)
    found = accepted(shape)
    assert 19_800 < len(found.events) < 20_000
    assert min(len(found.late), len(found.wrong), found.copies) > 5
    assert any("customer" not in e and e["type"] != "account" for e in found.events.values())
    assert any("/" in id for id in found.events)
    assert [r.value for r in make(shape)][:500] == [r.value for r in make(shape)][:500]


def test_a_lift_makes_late_what_comes_behind_it_and_only_that() -> None:
    def event(time: int) -> bytes:
        return b'{"type":"account","account":"A","customer":"C","time":%d}' % time

    logs = {("t", 0): [Logged(3, event(100)), Logged(5, event(40)), Logged(6, event(149)), Logged(7, event(150))]}
    found = admit(logs, {("t", 0): [Lift(6, 200)]}, {("t", 0): [(0, "p"), (7, "q")]}, 50)
    assert found.late == {("t", 0, 5), ("t", 0, 6)}
    assert dict(found.plans) == {"t/0/3": {"p"}, "t/0/7": {"q"}}


def test_of_two_owners_the_one_who_was_held_counts_from_the_first_event_that_names_him() -> None:
    """Which of them a hop reads first is no function of the events: it is said in the audit."""

    def event(time: int, **fields: object) -> dict[str, object]:
        return {"time": time, "account": "A", **fields}

    def transfer(time: int) -> dict[str, object]:
        return event(time, type="transfer", direction="out", amount=900_000, purpose="probe")

    events = {
        "a": event(1, type="account", customer="C1"),
        "b": transfer(2),
        "c": event(3, type="account", customer="C2"),
        "d": transfer(4),
    }
    plan_of = dict.fromkeys(events, "p")
    for owners, wanted in (({}, {"b": "C1", "d": "C1"}), ({"A": "C2"}, {"b": None, "d": "C2"})):
        verdicts = judge(events, plan_of, None, owners).verdicts
        assert {id: verdict.keys.get("customer") for (_, id), verdict in verdicts.items()} == wanted


def test_the_owners_in_the_audit_must_be_those_that_events_name() -> None:
    """No less, no more, and one of them held."""
    names = [("A", "C1"), ("A", "C2"), ("B", "C1"), ("B", "C1")]
    events = {str(i): {"type": "account", "account": a, "customer": c} for i, (a, c) in enumerate(names)}
    assert owners_of(events, {("A", "C2"): {"C1"}}) == ({"A": "C2"}, [])
    for said in ({}, {("A", "C2"): {"C1", "C3"}}, {("A", "C1"): {"C2"}, ("A", "C2"): {"C1"}}):
        assert len(owners_of(events, said)[1]) == 1
    assert len(owners_of(events, {("A", "C2"): {"C1"}, ("B", "C1"): {"C9"}})[1]) == 1


def test_of_two_plans_from_one_offset_on_the_last_holds() -> None:
    """As when a worker that knows the new plan already has an origin from one that did not."""
    event = b'{"type":"account","account":"A","customer":"C","time":1}'
    found = admit({("t", 0): [Logged(0, event)]}, {}, {("t", 0): [(0, "first"), (0, "b"), (0, "a")]}, 50)
    assert dict(found.plans) == {"t/0/0": {"a"}}
