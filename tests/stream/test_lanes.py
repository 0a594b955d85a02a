"""Lanes of several workers over one log: whatever dies and whenever, what is said in the end is what one engine says.

Workers here are `Lanes` on logs in memory: runs of any length, sends that are acknowledged late or never, checkpoints,
handovers, kills, and owners that go on after they have lost their lanes.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict, deque
from types import SimpleNamespace
from typing import Any

import numpy as np
import orjson
import pytest

from risk_stream.catalogue import Catalogue, Decoder
from risk_stream.engine import Engine, entry_hops
from risk_stream.kafka import wanted_topics
from risk_stream.rules import Plan, plan_of_texts
from risk_stream.settings import Settings
from risk_stream.sinks import Metrics
from risk_stream.stream.lanes import Lanes
from risk_stream.stream.letters.messages import split_by_partition
from risk_stream.stream.letters.sections import Section, write_letters
from risk_stream.stream.runs import Runs
from tests.stream.conftest import NOW, FakeRecord
from tests.stream.statefake import MemoryLog

LANES = 2
EVENTS = 200

RULES = """
stage: trading
features:
  count_1m: {count: transfer, by: account, window: 1m}
  sum_5s: {sum: amount, of: transfer, by: account, window: 5s}
  paid_1m: {count: transfer, by: counterparty, window: 1m}
  payers_1m: {distinct: account, of: transfer, by: counterparty, window: 1m}
rules:
  - id: account
    on: transfer
    when: count_1m >= 2 and sum_5s > 15
    severity: high
    score: 40
    action: review
    owner: desk
    summary: "{account} {count_1m} {sum_5s}"
    why: "Burst."
  - id: both
    on: transfer
    when: paid_1m >= 2 and payers_1m >= 1 and count_1m >= 1
    severity: low
    score: 9
    action: review
    owner: desk
    summary: "{counterparty} {paid_1m} {payers_1m}"
    why: "Both."
"""

Tp = tuple[str, int]


class EndedError(Exception):
    """The process would have ended."""


class House:
    """The logs, and who owns which lane."""

    def __init__(self, catalogue: Catalogue, plan: Plan) -> None:
        self.settings = Settings(partitions=LANES, lateness_seconds=10, house_topics={"trades": "risk.trades"})
        self.catalogue, self.plan = catalogue, plan
        self.counts = {t.name: t.partitions for t in wanted_topics(self.settings, catalogue)}
        self.logs: dict[Tp, list[FakeRecord]] = defaultdict(list)
        self.hops = [self.settings.hop_topic(k.name) for k in catalogue.kinds]
        self.state = MemoryLog()
        self.generation = 0
        self.alerts: dict[str, dict[str, Any]] = {}

    def append(self, topic: str, partition: int, value: bytes) -> int:
        """Store a message; -> its offset, -1 where nobody asks for it."""
        if topic == self.settings.alerts_topic:
            alert = orjson.loads(value)
            if alert["revision"] >= self.alerts.get(alert["id"], {"revision": -1})["revision"]:
                self.alerts[alert["id"]] = alert
            return -1
        log = self.logs[topic, partition]
        log.append(FakeRecord(len(log), value))
        return len(log) - 1

    def final(self) -> dict[str, Any]:
        return {i: shown(a) for i, a in self.alerts.items() if a["status"] != "withdrawn"}


def shown(alert: dict[str, Any]) -> Any:
    return alert["event"], alert["rule"], alert["features"], alert["summary"], alert["inexact"], alert["warming"]


class Worker:
    """One worker's lanes; it is its own producer and consumer."""

    idempotent = True

    def __init__(self, house: House, chance: random.Random) -> None:
        self.house, self.chance = house, chance
        self.app = SimpleNamespace(consumer_generation_id=-1)
        self.sends: dict[Tp, deque[tuple[bytes, asyncio.Future[Any]]]] = defaultdict(deque)
        self.places: dict[Tp, int] = {}
        self.works: list[asyncio.Future[Any]] = []
        runs = Runs(self, Metrics(), self.fatal)  # type: ignore[arg-type]
        runs.consumer = self
        where = house.settings, house.catalogue, house.plan, runs, Metrics(), house.counts
        self.lanes = Lanes(*where, lambda _: house.plan, house.state)
        self.unread_taken = 0  # records of its own that it took without reading them
        self.lanes.poke = self.poked

    def poked(self, kind: str) -> None:
        self.unread_taken += 1
        assert any(lane.hops[kind].waiting for lane in self.lanes.lanes.values())

    def fatal(self, sentence: str) -> None:
        raise EndedError(sentence)

    # What the producer does

    async def send(self, topic: str, value: bytes, *, partition: int | None = None, **_: Any) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.sends[topic, partition or 0].append((value, future))
        return future

    def store(self, share: float) -> None:
        """The broker takes some of what was sent: of each partition in order, of several as it likes."""
        for (topic, partition), waiting in self.sends.items():
            for _ in range(len(waiting) if share >= 1.0 else int(len(waiting) * share * self.chance.random())):
                value, future = waiting.popleft()
                offset = self.house.append(topic, partition, value)
                future.set_result(SimpleNamespace(offset=offset, timestamp=NOW))

    # What the consumer does

    def start_at(self, tp: Any, offset: int) -> None:
        self.places[tp.topic, tp.partition] = offset

    def done(self, message: Any, *, durable: bool = True) -> None:
        pass

    def stored(self, tp: Any, offset: int, generation: int) -> None:
        pass

    def unread(self, tp: Any) -> int:
        return int((tp.topic, tp.partition) in self.places and self.chance.random() < 0.5)

    async def seek(self, tp: Any, offset: int) -> None:
        self.places[tp] = offset

    async def read_back(self, tps: Any) -> dict[Any, tuple[int, str]]:
        return {}

    async def earliest_offsets(self, *tps: Any) -> dict[Any, int]:
        return dict.fromkeys(tps, 0)

    # What a group does

    async def assign(self, lanes: set[int], generation: int) -> None:
        self.app.consumer_generation_id = generation
        self.places = {}
        await self.lanes.assigned({(topic, lane) for topic in self.house.hops for lane in lanes})
        for lane in self.lanes.lanes.values():
            lane.stop()  # this test says when there is a checkpoint

    async def read(self, most: int) -> bool:
        """A run of one partition, or of none; whether there was any."""
        kinds = list(self.lanes.kinds)
        ready = [tp for tp, at in self.places.items() if at < len(self.house.logs[tp])]
        if not ready:
            held = any(hop.waiting for lane in self.lanes.lanes.values() for hop in lane.hops.values())
            if held:
                await asyncio.sleep(0.002)  # beyond the patience
            for kind in kinds:
                await self.lanes.apply(kind, [])
            return held
        tp = self.chance.choice(ready)
        at = self.places[tp]
        records = self.house.logs[tp][at : at + self.chance.randint(1, most)]
        self.places[tp] = at + len(records)
        generation = self.app.consumer_generation_id
        run = SimpleNamespace(
            topic=tp[0], partition=tp[1], tp=tp, offset=records[-1].offset, value=records, generation_id=generation
        )
        await self.lanes.apply(tp[0].rpartition(".")[2], [[run]])
        return True

    async def checkpoint(self) -> None:
        """Of one lane, while some outputs are taken; it may go on when this returns, or for ever."""
        lanes = list(self.lanes.lanes.values())
        if lanes:
            work: asyncio.Future[Any] = asyncio.ensure_future(self.lanes._checkpointing(self.chance.choice(lanes))())
            self.works.append(work)
            for _ in range(self.chance.choice([0, 5, 20])):
                self.store(self.chance.random())
                await asyncio.sleep(0.001)


def admitted(house: House, chance: random.Random) -> tuple[list[dict[str, Any]], list[tuple[str, int, bytes]]]:
    """Events, and messages of two origins, each in order of time but for some that are late, with fronts between."""
    events = []
    for i in range(EVENTS):
        late = chance.choice([0, 0, 0, chance.randrange(4000)])
        event = {
            "id": f"t{i}",
            "type": "transfer",
            "time": NOW + 20 * i - late,
            "account": f"A{chance.randrange(6)}",
            "customer": "C1",
            "counterparty": f"P{chance.randrange(4)}",
            "direction": "out",
            "amount": chance.randrange(1, 20),
        }
        events.append(event)
    said: list[tuple[str, int, bytes]] = []
    at, clocks, read = [0, 0], [NOW - 10_000] * 2, [0, 0]
    mine = [[e for e in events if int(str(e["id"])[1:]) % 2 == o] for o in (0, 1)]
    while at[0] < len(mine[0]) or at[1] < len(mine[1]):
        origin = chance.choice([o for o in (0, 1) if at[o] < len(mine[o])])
        cut = mine[origin][at[origin] : at[origin] + chance.randint(1, 8)]
        at[origin] += len(cut)
        batch = Decoder(house.catalogue).decode([orjson.dumps(e) for e in cut], str)[0]
        stamps = np.arange(read[origin], read[origin] + len(cut))
        read[origin] += len(cut)
        batch = batch.with_columns({"_stamp": stamps, "_at": np.full(len(cut), NOW)})
        before = clocks[origin]
        clocks[origin] = max(clocks[origin], int(batch.times.max()))
        section = Section(f"risk.trades/{origin}", 1, clocks[origin], before)
        for kind, rows in entry_hops(batch).items():
            hop = house.settings.hop_topic(kind)
            for target, part in split_by_partition(batch.take(rows), kind, LANES):
                said += [(hop, target, value) for value in write_letters(part, [section], house.plan.version)]
        if chance.random() < 0.3:
            fronts = orjson.dumps({"fronts": [[section.channel, 1, section.front]]})
            said += [(topic, lane, fronts) for topic in house.hops for lane in range(LANES)]
    return events, said


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Marks, looks and patience as small as the streams here are."""
    monkeypatch.setattr("risk_stream.stream.letters.marks.CUT", 5)
    monkeypatch.setattr("risk_stream.stream.lane.LOOK", 0.0)
    monkeypatch.setattr("risk_stream.stream.alignment.PATIENCE", 0.001)
    monkeypatch.setattr("risk_stream.stream.lanes.MAX_ROWS", 20)
    monkeypatch.setattr("risk_stream.stream.lanes.LAST_CHECKPOINT", 0.01)
    monkeypatch.setattr("risk_stream.stream.lanes.GRACE", 1e6)


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, 4))])
def test_undisturbed_lanes_say_what_one_engine_says(seed: int, catalogue: Catalogue) -> None:
    """In the end: what is late revises what was said. What a worker sent to a lane of its own it need not read."""
    workers = play(seed, catalogue, blows=0.0).workers
    assert sum(worker.unread_taken for worker in workers) > EVENTS / 10


@pytest.mark.parametrize("seed", [*range(2), *(pytest.param(n, marks=pytest.mark.slow) for n in range(2, 20))])
def test_whatever_dies_the_end_is_that_of_one_engine(seed: int, catalogue: Catalogue) -> None:
    """Kills, handovers, zombies, late acknowledgements, checkpoints at random."""
    play(seed, catalogue, blows=0.07)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_workers_know_the_health_of_their_rules(seed: int, catalogue: Catalogue) -> None:
    """Every rule has judged each event once, on one worker or the other, and says when it fired."""
    workers = play(seed, catalogue, blows=0.0).workers
    rules = [rule for worker in workers for rule in worker.lanes.health.worker().rules]
    for name in ("account", "both"):
        of_rule = [rule for rule in rules if rule.rule == name]
        assert len(of_rule) == len(workers)
        assert sum(rule.judged for rule in of_rule) == EVENTS
        assert max(rule.live.event_time_ms or 0 for rule in of_rule) > NOW
        assert sum(rule.samples for rule in of_rule) > 0
        assert not any(rule.errors for rule in of_rule)


def play(seed: int, catalogue: Catalogue, *, blows: float) -> Play:
    """Two workers on a stream, with blows, and one engine beside them, which says the same."""
    chance = random.Random(seed)
    plan = plan_of_texts({"rules.yaml": RULES}, catalogue)
    house = House(catalogue, plan)
    events, messages = admitted(house, chance)
    played = Play(house, chance)
    asyncio.run(played.run(messages, blows))
    batch = Decoder(catalogue).decode([orjson.dumps(e) for e in events], str)[0]
    expected = {a.id: shown(orjson.loads(a.to_json())) for a in Engine(plan).apply(batch).alerts}
    assert len(expected) > EVENTS / 2
    assert house.final() == expected
    return played


class Play:
    """Two workers that own the lanes, and one that does not know yet that it has lost them."""

    def __init__(self, house: House, chance: random.Random) -> None:
        self.house, self.chance = house, chance
        self.workers: list[Worker] = []
        self.zombies: list[Worker] = []

    async def run(self, messages: list[tuple[str, int, bytes]], blows: float) -> None:
        await self.rebalance()
        for topic, partition, value in messages:
            self.house.append(topic, partition, value)
            for worker in (*self.workers, *self.zombies):
                worker.store(self.chance.random())
                await asyncio.sleep(0)
                await worker.read(self.chance.choice([1, 5, 50]))
                if self.chance.random() < 0.1:
                    await worker.checkpoint()
            if self.chance.random() < blows:
                await self.chance.choice([self.kill, self.pause, self.leave])()
        for _ in range(10_000):
            for worker in self.workers:
                worker.store(1.0)
            await asyncio.sleep(0)
            if not any([await worker.read(50) for worker in self.workers]):
                break
        for work in (work for worker in self.workers for work in worker.works):
            work.cancel()

    async def rebalance(self) -> None:
        while len(self.workers) < 2:
            self.workers.append(Worker(self.house, self.chance))
        self.house.generation += 1
        first = {lane for lane in range(LANES) if self.chance.random() < 0.5}
        for worker, lanes in zip(self.workers, (first, set(range(LANES)) - first), strict=True):
            await worker.assign(lanes, self.house.generation)

    async def kill(self) -> None:
        """What the broker had not taken is lost."""
        self.workers.remove(self.chance.choice(self.workers))
        await self.rebalance()

    async def pause(self) -> None:
        """One is paused, loses its lanes, wakes up and goes on; one that has found out joins again."""
        asleep = self.chance.choice(self.workers)
        self.workers.remove(asleep)
        self.workers += self.zombies
        self.zombies = [asleep]
        await self.rebalance()

    async def leave(self) -> None:
        """Politely, or another joins."""
        worker = self.chance.choice(self.workers)
        worker.store(self.chance.random())
        await asyncio.sleep(0)
        await worker.lanes.leave()
        await self.rebalance()
