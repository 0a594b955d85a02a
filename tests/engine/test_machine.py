"""What a drifting model says and what is said of it; outcomes are matched, counted and learnt as its file says."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from risk_stream.catalogue import EventBatch, text_hash
from risk_stream.engine import INDEX_BITS, Alert, Block, Engine, Hop, machine
from risk_stream.engine.machine import MakeLearner
from risk_stream.features import Aggregate, Op
from risk_stream.models import Scores
from risk_stream.rules import Labels, Plan, Scored
from risk_stream.rules.language.meaning import FieldValue, Kind, Value
from tests.engine.test_revisions import CATALOGUE, START, batch_of, transfer
from tests.engine.test_scoring import Running, model_of

AMOUNT: list[Value] = [FieldValue(Kind.MONEY, "amount")]
DAY = 86_400
CALM = 3_000
#: Two events have no score; so the seventh block that is looked at ends here, and the tenth there.
NOTICED, OVER = 3_501, 5_001


def of(id: str) -> Aggregate:
    return Aggregate(id=id, op=Op.SCORE, of=(), where="", by="account", window_ms=0)


def plan_with(**said: Any) -> Plan:
    return Plan(CATALOGUE, [], models=[replace(model_of("transfer", "account", AMOUNT), **said)])


class House:
    """One hop of accounts, given events in blocks; `restarts` before each of them."""

    def __init__(self, plan: Plan, *, restarts: bool = False, make: MakeLearner = Running) -> None:
        self.plan, self.restarts, self.make = plan, restarts, make
        self.hop, self.parts = self.new(), list[bytes]()
        self.position = 0
        self.alerts: list[Alert] = []
        self.counts: dict[str, int] = {}

    def new(self) -> Hop:
        return Hop(self.plan, "account", reserve_mib=8, journal=True, make=self.make)

    def say(self, *events: dict[str, Any]) -> None:
        if self.restarts and self.position:
            self.parts += self.hop.delta(self.position)
            self.hop = self.new()
            self.hop.restore(self.parts)
        self.position += 1
        batch: EventBatch = batch_of(*events)
        stamps = (self.position << INDEX_BITS) + np.arange(len(batch))
        clock = max(int(batch.times.max()), self.hop.clock)
        result = self.hop.apply([Block(batch.with_columns({"_stamp": stamps}), self.plan, clock)])
        self.alerts += result.alerts
        for (_, what), n in result.models.items():
            self.counts[what] = self.counts.get(what, 0) + n

    def scores(self) -> list[float]:
        """Of all events that may still be revised."""
        ring, memory = self.hop._memory.ring, self.hop._memory
        facts = memory.gather(ring.refs(np.arange(ring.oldest, ring.next)))
        found: list[float] = facts.table.column("f.m-score").to_numpy(zero_copy_only=False).tolist()
        return found


def moves(n: int, factor: float = 1.0, *, begin: int = 0) -> list[dict[str, Any]]:
    random = np.random.default_rng(begin)
    amounts = random.lognormal(3, 0.5, n) * factor
    return [transfer(f"t{begin + i}", 0, amount=round(float(a), 2)) for i, a in enumerate(amounts)]


def drifted(scored: dict[str, Any], at_once: int, *, restarts: bool = False) -> House:
    """Calm events, others that are ten times as large, and calm ones again."""
    house = House(plan_with(**scored), restarts=restarts)
    events = [*moves(CALM), *moves(1_500, 10.0, begin=CALM), *moves(1_000, begin=CALM + 1_500)]
    for begin in range(0, len(events), at_once):
        house.say(*events[begin : begin + at_once])
    return house


def test_a_model_that_drifts_is_said_once_with_what_drifts_and_from_where_on() -> None:
    house = drifted({}, 700)
    [alert] = [a for a in house.alerts if "x0" in a.rule]
    assert (alert.rule, alert.owner, alert.keys, alert.event) == ("drift.m.x0", "desk", {}, f"t{NOTICED}")
    assert alert.summary.startswith("The input x0 of the model m is spread otherwise than when it was good: PSI ")
    assert alert.summary.endswith("; its scores go on")
    assert house.counts["drifts"] >= 1
    assert all(score == score for score in house.scores()[2:])  # noqa: PLR0124


def test_no_score_is_given_while_a_model_drifts_if_its_file_says_so() -> None:
    scores = drifted({"drifting": "no_score"}, 700).scores()
    known = ~np.isnan(scores)
    assert known[2 : NOTICED + 1].all(), "up to the event with which it was noticed"
    assert not known[NOTICED + 1 : OVER + 1].any()
    assert known[OVER + 1 :].all(), "from the first block on that is as before"


@pytest.mark.parametrize("drifting", ["no_score", "last_good"])
def test_what_a_drifting_model_says_does_not_depend_on_blocks_or_restarts(
    drifting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "KEPT_EVERY", 400)
    whole = drifted({"drifting": drifting}, 6_000)
    cut = drifted({"drifting": drifting}, 611)
    np.testing.assert_array_equal(whole.scores(), cut.scores())
    assert {a.id for a in whole.alerts} == {a.id for a in cut.alerts}
    again = drifted({"drifting": drifting}, 611, restarts=True)
    assert {a.id for a in whole.alerts} == {a.id for a in again.alerts}
    last = again.scores()  # of the events since the last restart
    np.testing.assert_array_equal(cut.scores()[-len(last) :], last)


def test_a_model_as_it_was_scores_until_drift_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "KEPT_EVERY", 400)
    own = np.array(drifted({}, 700).scores())
    before = np.array(drifted({"drifting": "last_good"}, 700).scores())
    same = own == before
    assert same[2 : NOTICED + 1].all()
    assert not same[NOTICED + 1 : OVER + 1].any()
    assert not np.isnan(before[2:]).any()
    assert same[OVER + 1 :].all()


LABELS = Labels(("fraud",), ("good",), 10 * DAY * 1000, silence_is_good=True)
TAUGHT = Plan(CATALOGUE, [], models=[model_of("transfer", "account", AMOUNT, labels=LABELS)])


def outcome(n: int, seconds: float, label: str) -> dict[str, Any]:
    time = START + round(seconds * 1000)
    return {
        "id": f"o{n}-{label}-{seconds}",
        "type": "outcome",
        "time": time,
        "account": "A1",
        "of_event": f"t{n}",
        "label": label,
    }


def test_it_says_how_many_events_wait_for_their_outcome() -> None:
    house = House(TAUGHT)
    house.say(*moves(6))
    [(model, standing)] = house.hop.models
    assert (model, standing.waiting) == ("m", 6)
    house.say(transfer("later", 11 * DAY))
    [(_, standing)] = house.hop.models
    assert standing.waiting == 1, "the others were good, since nobody said otherwise in time"


def test_outcomes_are_learnt_once_and_those_that_teach_nothing_are_counted() -> None:
    house = House(TAUGHT)
    house.say(*moves(6))
    house.say(outcome(2, 5, "fraud"), outcome(3, -1, "fraud"), outcome(4, 5, "default"), outcome(99, 5, "fraud"))
    house.say(outcome(2, 6, "fraud"), outcome(2, 7, "good"))
    counted = {name.removeprefix("outcomes_"): n for name, n in house.counts.items() if name.startswith("outcomes_")}
    assert counted == {"told": 1, "early": 1, "unknown": 1, "repeated": 1, "contradicting": 1}
    house.say(transfer("later", 11 * DAY))
    assert house.counts["outcomes_silent"] == 5
    assert house.counts.get("good_under", 0) + house.counts.get("good_over", 0) == 5
    assert house.counts.get("bad_under", 0) + house.counts.get("bad_over", 0) == 1


def test_a_model_says_how_many_events_still_wait_for_an_outcome() -> None:
    house = House(TAUGHT)
    house.say(*moves(6))
    [scored] = house.hop._memory.scoring.machines.values()
    assert scored.state().waiting == 6
    house.say(transfer("later", 11 * DAY))
    assert scored.state().waiting == 1


def test_an_engine_says_how_long_each_model_took_by_the_watch_that_it_was_given() -> None:
    engine = Engine(plan_with(), reserve_mib=8, make=Running, stopwatch=itertools.count().__next__)
    assert engine.apply(batch_of(*moves(3))).models_ns == {"m": 1}
    assert Engine(plan_with(), reserve_mib=8, make=Running).apply(batch_of(*moves(3))).models_ns == {}


def test_a_model_to_which_nothing_comes_is_not_saved_again() -> None:
    house = House(plan_with())
    house.say(*moves(6))
    assert house.hop._memory.scoring.changes()
    assert house.hop._memory.scoring.changes() == []


def test_a_leaked_label_teaches_nothing() -> None:
    """An outcome that is dated before its event was known when that was scored: it would be no forecast."""
    scores = []
    for seconds in (-10, None, 10):
        house = House(TAUGHT)
        house.say(*moves(6))
        if seconds is not None:
            house.say(*(outcome(n, seconds, "fraud") for n in range(6)))
        house.say(*moves(4, begin=10))
        scores.append([score for score in house.scores() if score == score])  # noqa: PLR0124
    assert scores[0] == scores[1] != scores[2]


class Steady(Running):
    """A learner that says 1 of every event, and by which no input moves a score."""

    def run(self, rows: Any, groups: Any = None) -> Scores:
        self.seen += len(rows)
        return Scores(np.ones(len(rows)), np.ones(len(rows), np.bool_))

    def moved_by(self, row: Any, group: int = 0) -> Any:
        return np.zeros(len(row))


def test_a_model_drifts_whose_scores_are_no_longer_what_came() -> None:
    """It is said of the outcome with which that was noticed: here all were fraud, and no longer are."""
    house = House(TAUGHT, make=Steady)
    house.say(*moves(200))
    house.say(*(outcome(n, 5, "fraud") for n in range(100)))
    assert house.alerts == []
    house.say(*(outcome(n, 5, "good") for n in range(100, 200)))
    [alert] = house.alerts
    assert alert.rule == "drift.m.loss"
    noticed = int(alert.event.removeprefix("o").partition("-")[0])
    assert 120 < noticed < 160, "as soon as the losses are 20 above what they were"


def test_a_score_that_no_input_moved_names_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "KEPT_EVERY", 2)
    house = House(plan_with(), make=Steady)
    for event in moves(8):
        house.say(event)
    [scored] = house.hop._memory.scoring.machines.values()
    assert scored.texts == {}


class Grouping(Running):
    """A learner that remembers of which group an outcome was."""

    groups: list[list[int]]

    def learn(self, rows: Any, labels: Any, groups: Any = None, weights: Any = None) -> None:
        super().learn(rows, labels, groups)
        Grouping.groups.append(groups.tolist())


def test_outcomes_are_learnt_by_the_group_of_their_event() -> None:
    Grouping.groups = []
    base = model_of("transfer", "account", AMOUNT, labels=LABELS, warm_up=0)
    scored = replace(base, spec=replace(base.spec, grouped=True), group=FieldValue(Kind.TEXT, "currency"))
    house = House(Plan(CATALOGUE, [], models=[scored]), make=Grouping)
    events = [move | {"currency": currency} for move, currency in zip(moves(3), ("EUR", "CNY", "EUR"), strict=True)]
    house.say(*events)
    house.say(*(outcome(n, 5 + n, "good") for n in range(3)))
    assert list(itertools.chain.from_iterable(Grouping.groups)) == [text_hash(name) for name in ("EUR", "CNY", "EUR")]


class Weighing(Running):
    """A learner that remembers what outcomes weighed."""

    weights: list[float]

    def learn(self, rows: Any, labels: Any, groups: Any = None, weights: Any = None) -> None:
        super().learn(rows, labels, groups)
        Weighing.weights += [None] * len(rows) if weights is None else weights.tolist()


@pytest.mark.parametrize(
    ("said", "weights"),
    [
        ({}, [None] * 4),
        ({"balanced": True}, [0.5, 0.5, 1.5, 2 / 3]),  # good, good, bad, good
        ({"reviewed": 0.25, "silence_is_good": False}, [4.0, 1.0, 4.0, 4.0]),
    ],
)
def test_outcomes_weigh_as_the_file_says(said: dict[str, Any], weights: list[float | None]) -> None:
    """Rare ones as much as the others in all; one of what was not alerted for all those like it."""
    Weighing.weights = []
    labels = replace(LABELS, **said)
    scored = model_of("transfer", "account", AMOUNT, labels=labels, warm_up=0)
    plan = Plan(CATALOGUE, [], models=[scored])
    hop = Hop(plan, "account", reserve_mib=8, make=Weighing)
    amounts = (1.0, 6.0, 0.1, 0.1)  # the second is over: its score is above 3
    events = [transfer(f"t{n}", 0, amount=amount) for n, amount in enumerate(amounts)]
    events += [outcome(n, 5 + n, label) for n, label in enumerate(("good", "good", "fraud", "good"))]
    batch = batch_of(*events)
    stamps = (1 << INDEX_BITS) + np.arange(len(batch))
    hop.apply([Block(batch.with_columns({"_stamp": stamps}), plan, int(batch.times.max()))])
    assert Weighing.weights == pytest.approx(weights)


def test_only_the_share_that_a_file_names_is_scored_whoever_asks() -> None:
    base = model_of("transfer", "account", AMOUNT, sample=0.25, warm_up=0)
    house = House(plan_with(spec=base.spec))
    house.say(*moves(2_000))
    scored = ~np.isnan(house.scores())
    assert 0.2 < scored.mean() < 0.3
    other = House(plan_with(spec=base.spec))
    for event in moves(2_000)[:50]:
        other.say(event)
    np.testing.assert_array_equal(~np.isnan(other.scores()), scored[:50])


def test_a_model_of_another_version_begins_anew_and_one_that_stays_goes_on() -> None:
    def plan(*models: Scored) -> Plan:
        return Plan(CATALOGUE, [], models=models)

    stays = model_of("transfer", "account", AMOUNT)
    changed = replace(stays, id="n", version="n1", score=of("n1-score"), over=of("n1-over"), moved=of("n1-moved"))
    later = replace(changed, version="n2", score=of("n2-score"), over=of("n2-over"), moved=of("n2-moved"))
    house = House(plan(stays, changed))
    house.say(*moves(10))
    house.plan = plan(stays, later)
    house.say(*moves(10, begin=10))
    machines = house.hop._memory.scoring.machines
    seen = {version: one.learner.counts()["scored"] for version, one in machines.items()}
    assert seen == {stays.version: 20, "n1": 10, "n2": 10}, "the older one stays as long as its events can be revised"
