"""Whatever order hops read their logs in, who dies, what comes twice or late: what holds at last is the truth."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from risk_stream.catalogue import Catalogue, load_catalogue
from risk_stream.engine import Alert, final
from risk_stream.rules import Plan, load_plan
from risk_stream.rules.meaning import FieldValue, Kind, Presence
from tests.engine.cluster import Cluster, Settings, accepted_of
from tests.engine.compare import same
from tests.oracle import Judged, judge_all
from tests.oracle.worlds import events, rule_files

CATALOGUE: Catalogue = load_catalogue()
#: Schedules in one run of the suite; many more were run, see docs.
MOST = int(os.environ.get("RISK_STREAM_SCHEDULES", "100"))
LATENESS = 60_000
PROBE = " probe"
ALWAYS = Presence(FieldValue(Kind.TIME, "time"), missing=False)
STEPS = (0, 0, 1000, 4000, 4000, 20_000, 55_000, 3_600_000)
LATE = (0, 0, 0, 1000, 4000, 5000, 30_000, 60_000, 200_000)


def plan_of(tmp: Path, text: str) -> Plan:
    """A plan with, beside each rule, one that always fires: so that every feature of every event is seen."""
    path = tmp / "rules.yaml"
    path.write_text(text)
    plan = load_plan([path], CATALOGUE)
    probes = [replace(rule, id=rule.id + PROBE, condition=ALWAYS) for rule in plan.rules]
    return Plan(CATALOGUE, [*plan.rules, *probes], plan.wheres)


def check(said: list[Alert], judged: list[Judged]) -> int:
    """Compare all that holds at last with the truth; -> how many values were not compared, being flagged."""
    held = {(a.rule, a.event): a for a in final(said)}
    flagged = 0
    expected = set()
    for truth in judged:
        event = truth.event["id"]
        fired = {verdict.rule for verdict in truth.verdicts}
        for rule in truth.plan.rules:
            if truth.event["type"] not in rule.on:
                continue
            key = (rule.id, event)
            if rule.id.endswith(PROBE):
                expected.add(key)
                flagged += compare_features(held[key], rule.aggregates, truth)
            elif held[rule.id + PROBE, event].inexact:
                held.pop(key, None)
            elif rule.id in fired:
                expected.add(key)
    assert held.keys() == expected
    return flagged


def compare_features(alert: Alert, aggregates: tuple[Any, ...], truth: Judged) -> int:
    """One event's features against the oracle's; -> how many are flagged."""
    assert alert.plan == truth.plan.version
    names: Mapping[str, Any] = dict(next(r for r in truth.plan.rules if r.id == alert.rule).features)
    wrong = {}
    for name, feature in names.items():
        if isinstance(feature, str) or name in alert.inexact:
            continue
        if not same(alert.features[name], truth.features[feature.id]):
            wrong[name] = (alert.features[name], truth.features[feature.id])
    assert not wrong, (alert.event, wrong)
    return len(alert.inexact)


@st.composite
def streams(draw: st.DrawFn) -> list[list[dict[str, Any]]]:
    """Two or three origins' logs: events out of order, and copies of some of them in other origins too."""
    stream = draw(events(most=26, late=LATE, least=10, steps=STEPS, keys=2))
    logs: list[list[dict[str, Any]]] = [[] for _ in range(draw(st.integers(1, 3)))]
    random = Random(draw(st.integers(0, 1 << 30)))
    for event in stream:
        logs[random.randrange(len(logs))].append(event)
        if random.random() < 0.2:
            logs[random.randrange(len(logs))].append(event)
    return logs


def run(plans: list[Plan], logs: list[list[dict[str, Any]]], seed: int, crashes: float) -> Cluster:
    random = Random(seed)
    way = Settings(
        partitions=random.choice([1, 1, 2]),
        lateness_ms=LATENESS,
        records_at_once=random.choice([1, 2, 6, 20]),
        rows_in_record=random.choice([1, 3, 8]),
        crashes=crashes,
        checkpoints=random.choice([0.1, 0.5]) if crashes else 0.0,
    )
    switches = [random.randint(0, len(log)) if len(plans) > 1 else 0 for log in logs]
    cluster = Cluster(CATALOGUE, plans, logs, switches, way, random)
    cluster.run()
    return cluster


hard = settings(
    max_examples=MOST,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)


@hard
@given(text=rule_files(), logs=streams(), seed=st.integers(0, 1 << 30))
def test_what_holds_at_last_is_a_function_of_the_accepted_events(
    tmp_path: Path, text: str, logs: list[list[dict[str, Any]]], seed: int
) -> None:
    plan = plan_of(tmp_path, text)
    cluster = run([plan], logs, seed, 0.0)
    assert check(cluster.alerts, judge_all(accepted_of(cluster))) == 0
