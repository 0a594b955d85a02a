"""What a house may rely on about lateness, lifts and plans on real Kafka, through kills, pauses and lost answers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from faust.types.tuples import TP

from risk_stream.catalogue import EventBatch, load_catalogue
from risk_stream.kafka import Topic, create_topics
from risk_stream.stream.commits import Answer, send_commit
from risk_stream.stream.intake.origins import Committed
from tests.live.house import RULES, House, Worker, eventually, transfer
from tests.live.servers import Kafka, RedisServer

pytestmark = [pytest.mark.live, pytest.mark.timeout(200)]

PARTITIONS = 2


@pytest.fixture
def at_work(new_house: Callable[[str], House], request: pytest.FixtureRequest) -> Iterator[tuple[House, Worker]]:
    """A house of the test's own and its worker, reading."""
    house = new_house(request.node.name.removeprefix("test_")[:40])
    worker = Worker(house).start()
    try:
        yield house, worker.ready()
    finally:
        worker.stop()


def now_ms() -> int:
    return int(time.time() * 1000)


def committed(house: House, topic: str = "trades", partition: int = 0) -> Committed | None:
    """What the group's commit of a partition says."""

    async def run() -> Committed | None:
        admin = AIOKafkaAdminClient(bootstrap_servers=house.broker)
        await admin.start()
        try:
            found = await admin.list_consumer_group_offsets(house.name)
        finally:
            await admin.close()
        said = found.get(TopicPartition(f"{house.name}.{topic}", partition))
        return None if said is None else Committed.read(said.offset, said.metadata)

    return asyncio.run(run())


def raw(house: House, topic: str) -> list[tuple[int, bytes]]:
    """(partition, value) of all records of one of its topics."""

    async def run() -> list[tuple[int, bytes]]:
        consumer = AIOKafkaConsumer(bootstrap_servers=house.broker, auto_offset_reset="earliest")
        await consumer.start()
        try:
            name = f"{house.name}.{topic}"
            partitions = [TopicPartition(name, p) for p in sorted(await _partitions(consumer, name))]
            consumer.assign(partitions)
            found = []
            for tp, end in (await consumer.end_offsets(partitions)).items():
                while await consumer.position(tp) < end:
                    for records in (await consumer.getmany(tp, timeout_ms=500)).values():
                        found += [(tp.partition, record.value) for record in records]
            return found
        finally:
            await consumer.stop()

    async def _partitions(consumer: AIOKafkaConsumer, name: str) -> set[int]:
        while not (found := consumer.partitions_for_topic(name)):
            await consumer._client.force_metadata_update()
            await consumer.topics()
        return found

    return asyncio.run(run())


def audit(house: House) -> list[dict[str, Any]]:
    return [orjson.loads(value) for _, value in raw(house, "audit")]


def rejects(house: House) -> dict[str, str]:
    """Event id -> reason of what was refused."""
    found = {}
    for _, value in raw(house, "rejects"):
        reject = orjson.loads(value)
        found[orjson.loads(reject["value"])["id"]] = reject["reason"]
    return found


def test_a_clock_survives_a_kill(at_work: tuple[House, Worker]) -> None:
    """After kill -9 the same event is refused that would have been before: the clock was in the commit."""
    house, worker = at_work
    newest = now_ms()
    house.send([transfer("first", "A1", time=newest)], partition=0)
    assert eventually(lambda: (said := committed(house)) and said.offset == 1)
    said = committed(house)
    assert said is not None
    assert (said.clock, len(said.plan or "")) == (newest, 12)
    child = worker.child
    os.kill(child, signal.SIGKILL)
    assert eventually(lambda: worker.child not in (child, 0))
    late = transfer("late", "A1", time=newest - 10_001)
    house.send([late, transfer("in-time", "A1", 9400, time=newest - 10_000)], partition=0)
    assert eventually(lambda: "in-time" in house.said("large")), worker.log
    assert rejects(house) == {"late": "late"}


def test_a_quiet_origin_is_lifted_and_every_hop_hears_of_it(at_work: tuple[House, Worker]) -> None:
    """By a commit, said in the audit log; so the clocks of the hops go on while a topic is quiet."""
    house, worker = at_work

    def lifts() -> dict[str, int]:
        house.send([transfer(f"e{time.monotonic_ns()}", "A1", time=now_ms())], partition=0)
        return {said["origin"]: said["clock"] for said in audit(house) if said["kind"] == "lift"}

    quiet = {f"{house.name}.{topic}/{p}" for topic in ("trades", "loans", "reference") for p in range(PARTITIONS)}
    quiet -= {f"{house.name}.trades/0"}
    assert eventually(lambda: set(lifts()) >= quiet, every=0.3), worker.log
    origin = f"{house.name}.loans/0"
    said = committed(house, "loans")
    assert said is not None
    assert said.clock >= lifts()[origin] - 60_000
    assert said.offset == 0

    def heard() -> dict[int, dict[str, int]]:
        """Per partition of the last hop: the highest front of each channel."""
        found: dict[int, dict[str, int]] = {p: {} for p in range(PARTITIONS)}
        for partition, value in raw(house, "hop.device"):
            if value.startswith(b"{"):
                for channel, _, front in orjson.loads(value)["fronts"]:
                    found[partition][channel] = max(front, found[partition].get(channel, front))
        return found

    before = now_ms() - 60_000
    assert eventually(lambda: all(fronts.get(origin, 0) > before for fronts in heard().values()))


def test_a_plan_is_named_from_exactly_the_committed_offset(at_work: tuple[House, Worker]) -> None:
    """While events come: what lies below the offset in the audit log names the old plan, the rest the new one."""
    house, worker = at_work
    assert eventually(lambda: (said := committed(house)) and said.plan)
    first = committed(house)
    assert first is not None
    stop = threading.Event()

    def send() -> None:
        n = 0
        while not stop.is_set():
            house.send([transfer(f"e{n + i}", f"A{i}") for i in range(40)], partition=0)
            n += 40

    sender = threading.Thread(target=send)
    sender.start()
    try:
        assert eventually(lambda: worker.metric("risk_stream_events_total") > 100)
        house.write_rules(RULES.replace("amount > 9000", "amount > 8000"))
        assert eventually(lambda: worker.metric("risk_stream_plan_reloads_total", result="loaded") >= 1)
        count = worker.metric("risk_stream_events_total")
        assert eventually(lambda: worker.metric("risk_stream_events_total") > count + 200)
    finally:
        stop.set()
        sender.join()
    assert eventually(lambda: worker.metric("risk_stream_consumer_lag_records", topic=f"{house.name}.trades") == 0)
    switches = {
        s["plan"]: s["offset"] for s in audit(house) if s["kind"] == "plan" and s["origin"].endswith("trades/0")
    }
    (plan,) = set(switches) - {first.plan}
    catalogue, seen = load_catalogue(), set()
    for _, value in raw(house, "hop.account"):
        if value.startswith(b"{"):
            continue
        batch, meta = EventBatch.from_ipc(catalogue, value)
        seen.add(meta["plan"])
        for stamp in batch.stamps.tolist():
            assert meta["plan"] == (plan if stamp >= switches[plan] else first.plan)
    assert seen == {first.plan, plan}


def test_a_woken_zombies_commit_is_refused_text_and_all(new_house: Callable[[str], House]) -> None:
    """A member that slept through a rebalance commits under its old generation: nothing is changed by it."""
    house = new_house("zombie")
    topic = f"{house.name}.trades"

    async def run() -> None:
        def member() -> AIOKafkaConsumer:
            return AIOKafkaConsumer(topic, bootstrap_servers=house.broker, group_id="zombies", enable_auto_commit=False)

        old, new = member(), member()
        await old.start()
        try:
            old_one = old._coordinator
            generation = old_one.generation
            wanted = {TP(topic, 0): (0, "old")}
            assert await send_commit(old_one, generation, wanted) == {TP(topic, 0): Answer.ACCEPTED}
            await new.start()
            assert new._coordinator.generation > generation
            late = {TP(topic, 0): (0, "zombie"), TP(topic, 1): (0, "zombie")}
            assert set((await send_commit(old_one, generation, late)).values()) == {Answer.REFUSED}
            found = await new._coordinator.fetch_committed_offsets([TopicPartition(topic, 0), TopicPartition(topic, 1)])
            assert {tp.partition: said.metadata for tp, said in found.items() if said.offset >= 0} == {0: "old"}
        finally:
            await new.stop()
            await old.stop()

    asyncio.run(run())


def test_a_commit_whose_broker_dies_with_it_in_hand_has_no_answer() -> None:
    """It is neither taken for refused nor sent again: it may be applied yet."""
    with Kafka() as kafka:
        create_topics(kafka.address, [Topic("t", 1, 1)])

        accepted = {TP("t", 0): Answer.ACCEPTED}

        async def run() -> Answer:
            member = AIOKafkaConsumer(
                "t", bootstrap_servers=kafka.address, group_id="g", enable_auto_commit=False, session_timeout_ms=60_000
            )
            await member.start()
            coordinator = member._coordinator
            try:
                assert kafka.process is not None
                assert kafka.process.pid is not None
                while await send_commit(coordinator, coordinator.generation, {TP("t", 0): (0, "w")}) != accepted:
                    await asyncio.sleep(0.1)  # a broker that has just begun may have no coordinator yet
                os.kill(kafka.process.pid, signal.SIGSTOP)
                commit = asyncio.create_task(send_commit(coordinator, coordinator.generation, {TP("t", 0): (0, "x")}))
                done, _ = await asyncio.wait({commit}, timeout=0.5)
                assert not done
                await asyncio.to_thread(kafka.kill)
                return (await asyncio.wait_for(commit, 30))[TP("t", 0)]
            finally:
                member._coordinator._closing.set_result(None)  # nobody is there to be told
                await member._client.close()

        assert asyncio.run(run()) is Answer.NONE


@pytest.mark.slow
def test_nothing_is_lost_with_a_broker_that_stands_still_and_is_then_killed(
    redis_server: RedisServer, tmp_path: Any
) -> None:
    """Commits that were under way are not answered: the worker ends, says why, and begins anew."""
    with Kafka() as kafka:
        house = House("unanswered", kafka.address, redis_server.url, tmp_path)
        house.create_topics()
        worker = Worker(house).start().ready()
        sent: list[str] = []
        stop = threading.Event()

        def send() -> None:
            while not stop.is_set():
                ids = [f"e{len(sent) + i}" for i in range(50)]
                with contextlib.suppress(KafkaError):  # the broker is gone: these may be there or not
                    house.send([transfer(id, "A1", 9400) for id in ids])
                    sent.extend(ids)

        sender = threading.Thread(target=send)
        sender.start()
        try:
            assert eventually(lambda: worker.metric("risk_stream_judged_latency_seconds_count") > 200)
            assert kafka.process is not None
            assert kafka.process.pid is not None
            os.kill(kafka.process.pid, signal.SIGSTOP)
            stop.set()
            time.sleep(1.5)  # several times the interval of commits
            kafka.kill()
            kafka.start()
            sender.join()
            house.send([transfer("after", "A1", 9400)])
            assert eventually(lambda: "after" in house.said("large"), within=60), worker.log
            assert eventually(lambda: set(sent) <= house.said("large")), worker.log
        finally:
            stop.set()
            worker.stop()


def test_a_published_plan_is_every_workers_within_a_second_and_through_restarts(
    at_work: tuple[House, Worker], tmp_path: Path
) -> None:
    """By one command, whatever the worker's own files say; withdrawn, those count again."""
    house, worker = at_work
    rules = tmp_path / "published.yaml"
    rules.write_text(RULES.replace("amount > 9000", "amount > 5000"))

    def publish(*arguments: str) -> str:
        environment = {**os.environ, "RISK_STREAM_PREFIX": f"{house.name}.", "RISK_STREAM_BROKER": house.broker}
        command = [sys.executable, "-m", "risk_stream", "rules", "publish", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
        return done.stdout

    def version() -> str:
        """Of the plan in force."""
        with urllib.request.urlopen(f"http://127.0.0.1:{worker.metrics_port}/metrics", timeout=5) as answer:
            (found,) = re.findall(r'risk_stream_plan_info\{.*version="(\w+)".*\} 1', answer.read().decode())
        return str(found)

    own = version()
    assert "with 2 rules is published" in publish(str(rules))
    assert eventually(lambda: version() != own), worker.log
    published = version()
    house.send([transfer("p1", "A1", 6000)])
    assert eventually(lambda: "p1" in house.said("large")), worker.log
    assert {record["plan"] for record in audit(house) if record["kind"] == "plan"} == {own, published}
    worker.stop()
    worker.start().ready()
    assert version() == published
    house.send([transfer("p2", "A2", 6000)])
    assert eventually(lambda: "p2" in house.said("large")), worker.log
    publish("--withdraw")
    assert eventually(lambda: version() == own)
    house.send([transfer("p3", "A3", 6000), transfer("p4", "A3", 9500)])
    assert eventually(lambda: "p4" in house.said("large")), worker.log
    assert "p3" not in house.said("large")
