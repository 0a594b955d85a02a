"""A score is given once, in the order of the log, whoever dies, and stays with its event; outcomes teach but once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from risk_stream.engine import Alert, Hop, final, machine, scoring
from risk_stream.engine.scoring import Scoring
from risk_stream.features import Aggregate, Op
from risk_stream.models import Scores, Spec, Threshold, Waiting
from risk_stream.rules import Labels, Plan, Scored
from risk_stream.rules.language.meaning import AggregateValue, Condition, Constant, FieldValue, Kind, Value
from tests.engine.cluster import Cluster, Place
from tests.engine.test_revisions import batch_of, transfer
from tests.engine.test_schedules import ALWAYS, CATALOGUE, MOST, plan_of, run, streams
from tests.engine.test_schedules import hard as as_hard
from tests.oracle.worlds import TYPES, rule_files

pytestmark = pytest.mark.timeout(3600)
hard = settings(as_hard, max_examples=max(1, MOST // 3))
SHOWN = "score"
MINUTE = 60_000


class Running:
    """A learner whose every score depends on all rows before it, and on what outcomes taught."""

    def __init__(self, spec: Spec) -> None:
        self.spec, self.total, self.seen, self.taught = spec, 0.0, 0, 0.0

    def run(self, rows: Any, groups: Any = None) -> Scores:
        scores = np.full(len(rows), np.nan)
        for i, row in enumerate(np.nan_to_num(rows)):
            if self.seen >= self.spec.warm_up:
                scores[i] = self.total / (1 + self.seen) + self.taught + row.sum() % 7
            self.total = (self.total * 0.75 + row.sum()) % 1e6
            self.seen += 1
        return Scores(scores, scores > 3)

    def learn(self, rows: Any, labels: Any, groups: Any = None, weights: Any = None) -> None:
        for row, label in zip(np.nan_to_num(rows), labels, strict=True):
            self.taught = (self.taught * 0.5 + row.sum() * (1 + label)) % 1e3

    def moved_by(self, row: Any, group: int = 0) -> Any:
        return np.nan_to_num(row) % (1 + self.seen)

    def save(self) -> bytes:
        return msgspec.msgpack.encode([float(self.total), self.seen, float(self.taught)])

    def load(self, saved: bytes) -> None:
        self.total, self.seen, self.taught = msgspec.msgpack.decode(saved)

    def counts(self) -> dict[str, int]:
        return {"scored": self.seen}


def score_of(id: str, by: str, what: str) -> Aggregate:
    return Aggregate(id=f"{id}-{what}", op=Op.SCORE, of=(), where="", by=by, window_ms=0)


def model_of(
    on: str, by: str, inputs: list[Value], *, labels: Labels | None = None, sample: float = 1.0, warm_up: int = 2
) -> Scored:
    """A model as its file would be checked into."""
    named = tuple((f"x{i}", value) for i, value in enumerate(inputs))
    learning = "always" if labels is None else "outcomes"
    spec = Spec(tuple(n for n, _ in named), frozenset(), (), learning, warm_up, Threshold(0.5), sample=sample)
    return Scored(
        id="m",
        file="m.yaml",
        line=1,
        on=(on,),
        by=by,
        stage="trading",
        owner="desk",
        mode="live",
        role="champion",
        challenges="",
        why="",
        tags=(),
        inputs=named,
        words={},
        group=None,
        spec=spec,
        labels=labels,
        aggregates=tuple(v.aggregate for v in inputs if isinstance(v, AggregateValue)),
        fields=frozenset(v.name for v in inputs if isinstance(v, FieldValue)),
        score=score_of("m", by, "score"),
        over=score_of("m", by, "over"),
        moved=replace(score_of("m", by, "moved"), text=True),
        version=f"v{by}{len(inputs)}",
    )


def with_model(plan: Plan, scored: Scored, wheres: Mapping[tuple[str, str], Condition]) -> Plan:
    """The plan with a model, and a rule that always fires and shows what it says."""
    shown = (
        (SHOWN, AggregateValue(Kind.NUMBER, scored.score, grows=False)),
        ("over", AggregateValue(Kind.NUMBER, scored.over, grows=False)),
        ("moved", AggregateValue(Kind.TEXT, scored.moved, grows=False)),
        *scored.inputs,  # which late events change
    )
    rule = replace(
        plan.rules[0],
        id=SHOWN,
        on=scored.on,
        condition=ALWAYS,
        score=Constant(Kind.NUMBER, 0.0),
        bands=(),
        after=None,
        validity=None,
        share=None,
        at_most=None,
        mode="live",
        summary="",
        summary_names=(),
        features=(),
        named=shown,
        aggregates=(*scored.says, *scored.aggregates),
        fields=scored.fields,
        lists=frozenset(),
        reads=False,
    )
    return Plan(CATALOGUE, [*plan.rules, rule], wheres, models=[scored])


class House(Cluster):
    """A cluster whose hops have models."""

    def new_hop(self, kind: str) -> Hop:
        plan = self.order[self.random.randrange(len(self.order))]
        way = {"lateness_ms": self.settings.lateness_ms, "journal": self.settings.crashes > 0}
        return Hop(plan, kind, reserve_mib=8, make=Running, **way)


def replayed(house: Cluster) -> list[Alert]:
    """What hops say of the same logs that nobody leaves, cut into other calls."""
    said: list[Alert] = []
    for place in house.nodes:
        said += _replayed(house, place)
    return said


def _replayed(house: Cluster, place: Place) -> list[Alert]:
    node = house.nodes[place]
    node.hop, node.channels = house.new_hop(place[0]), type(node.channels)()
    said: list[Alert] = []
    at, log = 0, house.logs[place]
    while at < len(log):
        end = min(len(log), at + house.random.choice([1, 2, 50]))
        said += node.hop.apply([node.block(offset, node.channels) for offset in range(at, end)]).alerts
        at = end
    return said


def scores_of(alerts: list[Alert]) -> dict[str, tuple[object, ...]]:
    return {a.event: said_in(a) for a in final(alerts) if a.rule == SHOWN}


def said_in(alert: Alert) -> tuple[object, ...]:
    return alert.features[SHOWN], alert.features["over"], alert.features["moved"]


@pytest.fixture(autouse=True)
def keeps_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "KEPT_EVERY", 3)


@st.composite
def scored_worlds(draw: st.DrawFn, plans: int = 1) -> dict[str, Any]:
    types = draw(st.lists(st.sampled_from(sorted(TYPES)), min_size=1, max_size=3, unique=True))
    logs = streams(draw, types)
    random = Random(draw(st.integers(0, 1 << 30)))
    for log in logs:
        outcomes = [outcome_of(event, n, random) for n, event in enumerate(log) if random.random() < 0.4]
        for said in outcomes:
            log.insert(random.randrange(len(log) + 1), said)
    return {
        "texts": [draw(rule_files(types)) for _ in range(plans)],
        "on": types[0],
        "logs": logs,
        "seed": draw(st.integers(0, 1 << 30)),
        "learns": draw(st.booleans()),
        "within": draw(st.sampled_from([MINUTE, 60 * MINUTE, 10_000 * MINUTE])),
        "keep": draw(st.sampled_from([1, 5, 1000])),
    }


def outcome_of(event: Mapping[str, Any], n: int, random: Random) -> dict[str, Any]:
    keys = {name: event[name] for name in ("customer", "account", "loan", "instrument", "device") if name in event}
    said = {
        "id": f"o{n}-{event['id']}",
        "type": "outcome",
        "time": event["time"] + random.choice([-1, 0, 5000, MINUTE]),
    }
    return {**keys, **said, "of_event": event["id"], "label": random.choice(["fraud", "good", "default"])}


def plans_of(tmp: Path, world: Mapping[str, Any]) -> list[Plan]:
    """A plan of each text, all with a model at one of the hops that its events come to."""
    bases = [plan_of(tmp, text) for text in world["texts"]]
    random = Random(world["seed"])
    route = bases[0].itinerary(world["on"])
    must = [kind for kind in route if bases[0].must_have(world["on"], kind)] or list(route[:1])
    by = random.choice(must)
    order = [kind.name for kind in CATALOGUE.kinds]
    known = {a for rule in bases[0].rules if world["on"] in rule.on for a in rule.aggregates if not a.text}
    near = sorted((a for a in known if order.index(a.by) <= order.index(by)), key=lambda a: a.id)[:3]
    inputs: list[Value] = [FieldValue(Kind.TIME, "time")]
    inputs += [AggregateValue(Kind.NUMBER, a, grows=False) for a in near if a.op is not Op.SEEN]
    labels = Labels(("fraud", "default"), ("good",), world["within"], silence_is_good=True, keep=world["keep"])
    scored = model_of(world["on"], by, inputs, labels=labels if world["learns"] else None)
    wheres = {key: where for base in bases for key, where in base.wheres.items()}
    return [with_model(base, scored, wheres) for base in bases]


def score_for_good(tmp: Path, world: dict[str, Any], crashes: float) -> int:
    house = run(plans_of(tmp, world), world["logs"], world["seed"], crashes, House)
    scores = scores_of(house.alerts)
    for alert in house.alerts:
        if alert.rule == SHOWN:
            assert said_in(alert) == scores[alert.event], "a revision keeps the score"
    assert scores == scores_of(replayed(house))
    return sum(score is not None for score, *_ in scores.values())


@hard
@given(world=scored_worlds())
def test_a_score_does_not_depend_on_how_a_log_is_cut_and_stays_in_revisions(tmp_path: Path, world: Any) -> None:
    score_for_good(tmp_path, world, crashes=0.0)


@hard
@given(world=scored_worlds(), crashes=st.sampled_from([0.1, 0.3]))
def test_after_a_death_scores_are_those_of_a_replay_of_the_log(tmp_path: Path, world: Any, crashes: float) -> None:
    score_for_good(tmp_path, world, crashes)


@hard
@given(world=scored_worlds(2), crashes=st.sampled_from([0.0, 0.2]))
def test_a_model_goes_on_under_another_plan_that_has_it(tmp_path: Path, world: Any, crashes: float) -> None:
    score_for_good(tmp_path, world, crashes)


def test_a_column_without_a_score_holds_what_events_hold_that_have_none() -> None:
    assert np.isnan(scoring.none_of("f.x"))
    assert scoring.none_of("h.x") == 0


FAULTS: dict[str, tuple[Any, str, Any]] = {
    "scores are given anew": (scoring.Scoring, "recall", lambda self, batch, until: batch),
    "what was learnt is forgotten": (Running, "load", lambda self, saved: None),
    "what waits for its outcome is forgotten": (Waiting, "load", lambda self, parts: None),
    "a copy has no score": (scoring.Scoring, "columns", ()),
}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults_are_found(fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*FAULTS[fault])
    search = settings(hard, max_examples=400, phases=[Phase.generate], database=None, derandomize=True)

    @search
    @given(world=scored_worlds())
    def one(world: dict[str, Any]) -> None:
        score_for_good(tmp_path, world, crashes=0.2)

    with pytest.raises((AssertionError, KeyError)):
        one()


def test_what_a_model_said_is_on_record_until_it_is_saved_and_found_again_with_its_events() -> None:
    """By what changed since the last checkpoint, once; and by an image."""
    events = batch_of(*(transfer(f"t{n}", n) for n in range(4)))
    columns: dict[str, Any] = {"f.m-score": np.array([0.5, np.nan, 2.0]), "h.m-moved": np.array([7, 0, 9])}
    ids = events.hashes("id")[:3]
    said = Scoring("account", Running, journal=True)
    said.keep(ids, columns, until=3)
    changes, image = said.changes(), said.image(0, 1)
    assert said.changes() == []
    for parts in (changes, image):
        again = Scoring("account", Running, journal=True)
        again.load(parts)
        found = again.recall(events, until=4)
        assert found.table.column("h.m-moved").to_pylist() == [7, 0, 9, 0]
        np.testing.assert_array_equal(found.table.column("f.m-score").to_numpy(), [0.5, np.nan, 2.0, np.nan])
