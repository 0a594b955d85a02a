"""Two workers on real Kafka that are killed, paused, stopped and joined say in the end what one engine says.

A stream runs while the blows fall. Every event has alerts that show counts and sums over several keys, so one that was
lost, counted twice or seen in another state changes what is said of all that follow it. `test_chaos` gives
such blows in the suite, in simulated time; here it is the clock on the wall, and they come again and again.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka.errors import KafkaError

from risk_stream.catalogue import Decoder, load_catalogue
from risk_stream.engine import Engine
from risk_stream.rules import plan_of_texts
from tests.live.house import House, Worker, eventually, transfer
from tests.live.servers import Kafka, RedisServer

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(400)]

RULES = """
stage: trading
features:
  count_10m: {count: transfer, by: account, window: 10m}
  sum_1m: {sum: amount, of: transfer, by: account, window: 1m}
  paid_10m: {count: transfer, by: counterparty, window: 10m}
  payers_10m: {distinct: account, of: transfer, by: counterparty, window: 10m}
rules:
  - id: account
    on: transfer
    when: count_10m >= 1 and sum_1m > 0
    severity: low
    score: 1
    action: review
    owner: desk
    summary: "{account} {count_10m} {sum_1m}"
    why: "All."
  - id: both
    on: transfer
    when: paid_10m >= 1 and payers_10m >= 1 and count_10m >= 1
    severity: low
    score: 1
    action: review
    owner: desk
    summary: "{counterparty} {paid_10m} {payers_10m}"
    why: "All."
"""


class Stream(threading.Thread):
    """Sends events, some hundred a second, until told to stop; `events` are those the broker has."""

    def __init__(self, house: House, seed: int) -> None:
        super().__init__(daemon=True)
        self.house, self.chance = house, random.Random(seed)
        self.events: list[dict[str, Any]] = []
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.is_set():
            some = [self._event(len(self.events) + i) for i in range(50)]
            while True:
                try:
                    self.house.send(some)
                except KafkaError:  # the broker is away; what it had is sent again, and is dropped as a copy
                    time.sleep(0.2)
                else:
                    break
            self.events += some
            time.sleep(0.05)

    def _event(self, i: int) -> dict[str, Any]:
        more = {"counterparty": f"P{self.chance.randrange(6)}", "amount": self.chance.randrange(1, 100)}
        return transfer(f"s{i}", f"A90{self.chance.randrange(20):04d}", **more)

    def stop(self) -> None:
        self.over.set()
        self.join(60)


@pytest.fixture
def two(
    new_house: Callable[[str], House], request: pytest.FixtureRequest
) -> Iterator[tuple[House, list[Worker], Stream]]:
    """A house with four lanes, two workers on them, and a stream that runs."""
    house = new_house(request.node.name.replace("test_", "")[:30].strip("_"))
    house.write_rules(RULES)
    workers = [Worker(house, LOG_LEVEL="debug", CHECKPOINT_SECONDS=0.3).start() for _ in range(2)]
    stream = Stream(house, 1)
    try:
        for worker in workers:
            worker.ready()
        stream.start()
        yield house, workers, stream
    finally:
        stream.stop()
        for worker in workers:
            worker.stop()


def shown(alert: dict[str, Any]) -> Any:
    return alert["event"], alert["rule"], alert["features"], alert["summary"]


def final(house: House) -> dict[str, Any]:
    """The highest revision of each alert, but what is withdrawn."""
    last: dict[str, dict[str, Any]] = {}
    for alert in house.read("alerts"):
        if alert["id"] not in last or alert["revision"] >= last[alert["id"]]["revision"]:
            last[alert["id"]] = alert
    return {i: shown(a) for i, a in last.items() if a["status"] != "withdrawn"}


def agree(house: House, workers: list[Worker], stream: Stream) -> None:
    """Wait for the end of the stream and compare."""
    stream.stop()
    catalogue = load_catalogue()
    batch = Decoder(catalogue).decode([orjson.dumps(e) for e in stream.events], str)[0]
    engine = Engine(plan_of_texts({"rules.yaml": RULES}, catalogue))
    expected = {a.id: shown(orjson.loads(a.to_json())) for a in engine.apply(batch).alerts}
    assert len(expected) == 2 * len(stream.events)
    eventually(lambda: final(house) == expected, within=90, every=2.0)
    said = final(house)
    wrong = {i: (expected.get(i), said.get(i)) for i in expected.keys() | said.keys() if expected.get(i) != said.get(i)}
    assert not wrong, (len(wrong), len(expected), list(wrong.values())[:5], workers[0].log[-2000:])


def flowing(stream: Stream, events: int) -> None:
    """Wait until so many more events were sent."""
    goal = len(stream.events) + events
    assert eventually(lambda: len(stream.events) >= goal, within=120)


def child(worker: Worker) -> int:
    """The process that works."""
    found = eventually(lambda: worker.child)
    assert found, worker.log
    return int(found)


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_killed_again_and_again(two: tuple[House, list[Worker], Stream]) -> None:
    """kill -9 of one worker's process, then the other's, then both."""
    house, workers, stream = two
    for blow in ((0,), (1,), (0, 1), (0,)):
        flowing(stream, 300)
        for i in blow:
            pid = child(workers[i])
            os.kill(pid, signal.SIGKILL)
            assert eventually(lambda i=i, pid=pid: workers[i].child not in (0, pid), within=60)
    agree(house, workers, stream)
    assert "Traceback" not in workers[0].log + workers[1].log


def test_paused_past_its_session(two: tuple[House, list[Worker], Stream]) -> None:
    """SIGSTOP, the other takes over, SIGCONT: the woken one finds its lanes taken, writes nothing, and joins again."""
    house, workers, stream = two
    for _ in range(2):
        flowing(stream, 300)
        pid = child(workers[0])
        before = workers[1].metric("risk_stream_rebalances_total")
        os.kill(pid, signal.SIGSTOP)
        try:
            assert eventually(
                lambda before=before: workers[1].metric("risk_stream_rebalances_total") > before, within=60
            )
            flowing(stream, 200)
        finally:
            os.kill(pid, signal.SIGCONT)
        assert eventually(lambda: 0 < workers[1].metric("risk_stream_partitions") < 30, within=60)
    agree(house, workers, stream)


def test_join_and_leave(two: tuple[House, list[Worker], Stream]) -> None:
    """One stops politely, another joins: lanes are handed over with their windows."""
    house, workers, stream = two
    flowing(stream, 300)
    workers[0].stop()
    flowing(stream, 200)
    workers[0] = Worker(house, LOG_LEVEL="debug", CHECKPOINT_SECONDS=0.3).start().ready()
    flowing(stream, 200)
    agree(house, workers, stream)


def test_the_broker_is_killed(redis_server: RedisServer, tmp_path: Path) -> None:
    """kill -9 of Kafka under both: they wait, or begin again where their checkpoints stand.

    What was under way is sent again however long the broker was away, so nothing is too late here.
    """
    with Kafka() as kafka:
        house = House("brokerdies", kafka.address, redis_server.url, tmp_path)
        house.create_topics()
        house.write_rules(RULES)
        workers = [
            Worker(house, LOG_LEVEL="debug", CHECKPOINT_SECONDS=0.3, LATENESS_SECONDS=120).start() for _ in range(2)
        ]
        stream = Stream(house, 2)
        try:
            for worker in workers:
                worker.ready()
            stream.start()
            for _ in range(2):
                flowing(stream, 300)
                kafka.kill()
                time.sleep(1)  # so long it is away, whether or not somebody notices
                kafka.start()
            flowing(stream, 200)
            agree(house, workers, stream)
        finally:
            stream.stop()
            for worker in workers:
                worker.stop()
