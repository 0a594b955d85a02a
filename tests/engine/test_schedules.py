"""Whatever order hops read their logs in, who dies, what comes twice or late: what holds at last is the truth."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from risk_stream.catalogue import MISSING, Catalogue, load_catalogue
from risk_stream.engine import REVISED, Alert, Hop, final, hop, tell
from risk_stream.engine.lexicon import Lexicon
from risk_stream.engine.plans import Plans
from risk_stream.engine.ring import Ring
from risk_stream.rules import Plan, load_plan
from risk_stream.rules.evaluation.evaluate import Evaluator
from risk_stream.rules.language.meaning import FieldValue, Kind, Presence
from tests.engine.cluster import Cluster, Settings, accepted_of
from tests.engine.compare import same
from tests.oracle import Judged, judge_all
from tests.oracle.worlds import CALENDARS, TYPES, events, rule_files

CATALOGUE: Catalogue = load_catalogue()
#: Schedules of each test in one run of the suite.
MOST = int(os.environ.get("RISK_STREAM_SCHEDULES", "40"))
LATENESS = 60_000
pytestmark = pytest.mark.timeout(3600)
PROBE = " probe"
ALWAYS = Presence(FieldValue(Kind.TIME, "time"), missing=False)
STEPS = (0, 0, 1000, 4000, 4000, 20_000, 55_000, 3_600_000, 28_800_000)
LATE = (0, 0, 0, 1000, 4000, 5000, 30_000, 60_000, 200_000)


def plan_of(tmp: Path, text: str) -> Plan:
    """A plan with, beside each rule, one that always fires: so that every feature of every event is seen."""
    path = tmp / "rules.yaml"
    path.write_text(text)
    plan = load_plan([path], CATALOGUE, CALENDARS)
    probes = [replace(rule, id=rule.id + PROBE, condition=ALWAYS) for rule in plan.rules]
    return Plan(CATALOGUE, [*plan.rules, *probes], plan.wheres)


def check(said: list[Alert], judged: list[Judged]) -> int:
    """Compare all that holds at last with the truth; -> how many values were not compared, being flagged."""
    held = {(a.rule, a.event): a for a in final(said)}
    flagged = 0
    expected = set()
    for truth in judged:
        event = truth.event["id"]
        fired = {verdict.rule: verdict.severity for verdict in truth.verdicts}
        for rule in truth.plan.rules:
            if truth.event["type"] not in rule.on:
                continue
            key = (rule.id, event)
            if rule.after is not None and rule.id not in truth.later:
                continue
            if rule.id.endswith(PROBE):
                expected.add(key)
                flagged += compare_features(held[key], truth)
            elif held[rule.id + PROBE, event].inexact:
                held.pop(key, None)
            elif rule.id in fired:
                expected.add(key)
                assert key not in held or held[key].severity == fired[rule.id]
    assert held.keys() == expected
    return flagged


def compare_features(alert: Alert, truth: Judged) -> int:
    """One event's features against the oracle's; -> how many are flagged."""
    due, features = truth.later.get(alert.rule, (truth.event["time"], truth.features))
    assert alert.time == due
    assert alert.plan == truth.plan.version
    names: Mapping[str, Any] = dict(next(r for r in truth.plan.rules if r.id == alert.rule).features)
    wrong = {}
    for name, feature in names.items():
        if isinstance(feature, str) or name in alert.inexact:
            continue
        if not same(alert.features[name], features[feature.id]):
            wrong[name] = (alert.features[name], features[feature.id])
    assert not wrong, (alert.event, wrong)
    return len(alert.inexact)


def streams(draw: st.DrawFn, types: list[str]) -> list[list[dict[str, Any]]]:
    """One to three origins' logs: events out of order, and copies of some of them in other origins too."""
    keys = draw(st.integers(1, 2))
    stream = draw(events(most=26, late=LATE, least=10, steps=STEPS, keys=keys, types=types))
    logs: list[list[dict[str, Any]]] = [[] for _ in range(draw(st.integers(1, 3)))]
    random = Random(draw(st.integers(0, 1 << 30)))
    for event in stream:
        logs[random.randrange(len(logs))].append(event)
        if random.random() < 0.2:
            logs[random.randrange(len(logs))].append(event)
    return logs


def run(
    plans: list[Plan], logs: list[list[dict[str, Any]]], seed: int, crashes: float, make: type[Cluster] = Cluster
) -> Cluster:
    random = Random(seed)
    way = Settings(
        partitions=random.choice([1, 1, 2]),
        lateness_ms=LATENESS,
        records_at_once=random.choice([1, 2, 6, 20]),
        rows_in_record=random.choice([1, 3, 8]),
        crashes=crashes,
        fronts=random.choice([0.1, 0.7, 1.0]),
        checkpoints=max(random.choice([0.1, 0.5]), crashes) if crashes else 0.0,  # rarer, and nothing goes on
    )
    switches = [random.randint(0, len(log)) if len(plans) > 1 else 0 for log in logs]
    cluster = make(CATALOGUE, plans, logs, switches, way, random)
    cluster.run()
    return cluster


def check_history(said: list[Alert]) -> None:
    """What is said under one id follows from what was said before: raised, then with what it was."""
    by_id: dict[str, dict[int, Alert]] = {}
    for alert in said:
        again = by_id.setdefault(alert.id, {}).setdefault(alert.revision, alert)
        assert again == alert, "one revision has one content, whoever says it"
    for revisions in by_id.values():
        before: Alert | None = None
        for _, alert in sorted(revisions.items()):
            standing = before is not None and before.status != "withdrawn"
            if before is None or alert.hop != before.hop:
                assert alert.status == "raised"
            else:
                assert alert.was is not None
                assert (alert.status == "raised") is not standing
            if standing and before is not None and alert.hop == before.hop:
                assert alert.was is not None
                exact = before.features.keys() - set(before.inexact)  # of a bound more may be known by now
                assert alert.was.keys() == before.features.keys()
                assert {name: alert.was[name] for name in exact} == {name: before.features[name] for name in exact}
            before = alert


hard = settings(
    max_examples=MOST,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)


def judged_right(tmp: Path, text: str, logs: list[list[dict[str, Any]]], seed: int, crashes: float) -> None:
    """One plan, all features known from the beginning: everything must be exact."""
    cluster = run([plan_of(tmp, text)], logs, seed, crashes)
    assert check(cluster.alerts, judge_all(accepted_of(cluster), cluster.clock_of)) == 0
    check_history(cluster.alerts)


def judged_right_by_plans(
    tmp: Path, texts: list[str], share: int, logs: list[list[dict[str, Any]]], seed: int, crashes: float
) -> None:
    """Two plans: what the second one asks anew is flagged at first, all else is exact."""
    first = plan_of(tmp, texts[0])
    cluster = run([first, mixed(first, plan_of(tmp, texts[1]), share)], logs, seed, crashes)
    check(cluster.alerts, judge_all(accepted_of(cluster), cluster.clock_of))
    check_history(cluster.alerts)


def mixed(first: Plan, second: Plan, share: int) -> Plan:
    """A plan with some rules of one and all of another, which are told apart by their names."""
    kept = [rule for rule in first.rules if int(rule.id.removesuffix(PROBE)[-1]) < share]
    named = [replace(rule, id=f"other-{rule.id}") for rule in second.rules]
    return Plan(CATALOGUE, [*kept, *named], first.wheres | second.wheres)


@st.composite
def worlds(draw: st.DrawFn, plans: int, *, later: bool = False) -> dict[str, Any]:
    """Rule files over a few types of events, the logs of some origins, and a way through them."""
    types = draw(st.lists(st.sampled_from(sorted(TYPES)), min_size=1, max_size=3, unique=True))
    texts = [draw(rule_files(types, later=later)) for _ in range(plans)]
    world = {"logs": streams(draw, types), "seed": draw(st.integers(0, 1 << 30))}
    return world | ({"text": texts[0]} if plans == 1 else {"texts": texts, "share": draw(st.integers(0, 4))})


@hard
@given(world=worlds(1))
def test_what_holds_at_last_is_a_function_of_the_accepted_events(tmp_path: Path, world: dict[str, Any]) -> None:
    judged_right(tmp_path, **world, crashes=0.0)


@hard
@given(world=worlds(1), crashes=st.sampled_from([0.05, 0.3]))
def test_who_dies_begins_again_where_the_checkpoint_stands(
    tmp_path: Path, world: dict[str, Any], crashes: float
) -> None:
    judged_right(tmp_path, **world, crashes=crashes)


@hard
@given(world=worlds(2))
def test_each_event_is_judged_by_the_plan_it_was_admitted_under(tmp_path: Path, world: dict[str, Any]) -> None:
    judged_right_by_plans(tmp_path, **world, crashes=0.0)


@hard
@given(world=worlds(2))
def test_plans_change_and_workers_die(tmp_path: Path, world: dict[str, Any]) -> None:
    judged_right_by_plans(tmp_path, **world, crashes=0.2)


# What the schedules are worth: each of these faults must be found by them.


def early_floor(self: Hop, clock: int) -> int:
    return clock if clock == MISSING else clock - self.lateness_ms // 10


def newest_plan(self: Plans, number: int) -> Any:
    return self.held[-1]


def without_was(alert: Alert, **said: Any) -> Alert:
    return msgspec.structs.replace(alert, **said | {"was": None})


NOTHING = np.zeros(0, np.int64)
FAULTS: dict[str, tuple[Any, str, Any]] = {
    "nothing is judged again": (Ring, "later", lambda self, entries, before: NOTHING),
    "the ring forgets too early": (Hop, "_floor", early_floor),
    "revised facts are not kept": (Ring, "set_refs", lambda self, entries, refs: None),
    "features that change do not travel on": (tell, "_carries_other", lambda a, old, new, n: np.zeros(n, np.bool_)),
    "revisions are judged by the newest plan": (Plans, "numbered", newest_plan),
    "owners are not saved": (Lexicon, "take_journal", lambda self, upto: []),
    "the ring is not read again": (Hop, "remember", lambda self, blocks: None),
    "what was is not said": (
        tell,
        "_replace",
        lambda alert, **said: msgspec.structs.replace(alert, **said | {"was": None}),
    ),
    "a severity that depends on values does not": (Evaluator, "severity", lambda self, rule, view, row: rule.severity),
    "revisions have no order": (hop, "first_revised", lambda position: REVISED),
}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults_are_found(fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*FAULTS[fault])
    search = settings(hard, max_examples=400, phases=[Phase.generate], database=None, derandomize=True)

    @search
    @given(world=worlds(1))
    def one(world: dict[str, Any]) -> None:
        judged_right(tmp_path, **world, crashes=0.2)

    @search
    @given(world=worlds(2))
    def two(world: dict[str, Any]) -> None:
        judged_right_by_plans(tmp_path, **world, crashes=0.0)

    with pytest.raises((AssertionError, KeyError)):
        (two if "plan" in fault else one)()
