"""A model in two workers on real Kafka that are killed: scores are those of a replay of the same logs, bit for bit."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from risk_stream.catalogue import load_catalogue
from tests.live.house import House, Worker, eventually, transfer

pytestmark = [pytest.mark.slow, pytest.mark.live, pytest.mark.timeout(250)]

RULES = """\
stage: trading
owner: desk
features:
  sent: {sum: amount, of: transfer, by: account, window: 30d}
rules:
  - {id: shown, on: transfer, when: score("novelty") is not missing and sent > 0, severity: low, summary: "{sent}"}
  - {id: novel, on: transfer, when: over("novelty"), severity: high, summary: "{account} sends otherwise than it did"}
"""
MODEL = """\
model: novelty
stage: trading
on: transfer
owner: desk
features:
  usual: {mean: amount, of: transfer, by: account, window: 30d}
  sent_1m: {count: transfer, by: account, window: 1m}
inputs:
  size: amount / usual
  pace: sent_1m
  amount: amount
pipeline:
  - MinMaxScaler
  - HalfSpaceTrees: {n_trees: 5, height: 6, window_size: 50}
learn: always
warm_up: 20
threshold: {quantile: 0.95, last: 100}
"""
EVENTS, ACCOUNTS, PARTITIONS = 900, 8, 2


def by_revision(alerts: list[dict[str, Any]]) -> dict[tuple[str, int], dict[str, Any]]:
    return {(alert["id"], alert["revision"]): alert for alert in alerts}


def newer(house: House, said: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What was said since; partitions are read one after another, so what is older is told by how often it stands."""
    older = Counter(map(repr, said))
    found = []
    for alert in house.read("alerts"):
        if older[repr(alert)]:
            older[repr(alert)] -= 1
        else:
            found.append(alert)
    return found


def forget_state(house: House) -> None:
    """The checkpoint is gone, and with it where hops stood: who comes reads their logs from the beginning."""
    topics = [house.settings.hop_topic(kind.name) for kind in load_catalogue().kinds]

    async def run() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=house.broker)
        consumer = AIOKafkaConsumer(bootstrap_servers=house.broker, group_id=house.name, enable_auto_commit=False)
        await admin.start()
        await consumer.start()
        try:
            await admin.delete_topics([house.settings.state_topic])
            hops = [TopicPartition(topic, p) for topic in topics for p in range(PARTITIONS)]
            consumer.assign(hops)
            await consumer.commit(dict.fromkeys(hops, 0))
        finally:
            await consumer.stop()
            await admin.close()

    asyncio.run(run())


def test_after_deaths_scores_are_those_of_a_replay_of_the_hop_logs(new_house: Callable[[str], House]) -> None:
    house = new_house("models")
    house.environment["CHECKPOINT_SECONDS"] = 0.5
    house.write_rules(RULES)
    (house.rules / "novelty.yaml").write_text(MODEL)
    chance = random.Random(7)
    amounts = [round(chance.lognormvariate(4, 0.5), 2) for _ in range(EVENTS)]
    workers = [Worker(house).start() for _ in range(2)]
    try:
        for worker in workers:
            worker.ready()
        for begin in range(0, EVENTS, EVENTS // 6):
            rows = range(begin, begin + EVENTS // 6)
            late = [chance.choice([0, 0, 0, 2_000]) for _ in rows]
            events = [transfer(f"t{n}", f"A{n % ACCOUNTS}", amounts[n]) for n in rows]
            house.send({**event, "time": event["time"] - behind} for event, behind in zip(events, late, strict=True))
            if begin:
                workers[chance.randrange(2)].kill()
        expected = EVENTS - 20 * PARTITIONS

        def shown() -> list[dict[str, Any]]:
            return [alert for alert in house.read("alerts") if alert["rule"] == "shown"]

        assert eventually(lambda: len({alert["id"] for alert in shown()}) >= expected, within=90, every=0.5)
        rest = transfer("rest", "A0", 1.0)
        house.send([rest])
        assert eventually(lambda: any(alert["event"] == "rest" for alert in shown()), within=60, every=0.5)
    finally:
        for worker in workers:
            worker.stop()
    said = house.read("alerts")
    first = by_revision(said)
    assert len({alert["id"] for alert in first.values() if alert["rule"] == "shown"}) == expected + 1
    assert any(alert["rule"] == "novel" for alert in first.values())

    forget_state(house)
    again = Worker(house).start()
    try:
        again.ready()
        assert eventually(
            lambda: by_revision(newer(house, said)).keys() >= {key for key, a in first.items() if a["rule"] == "shown"},
            within=90,
            every=0.5,
        )
    finally:
        again.stop()
    second = by_revision(newer(house, said))
    different = [(first[key], second.get(key)) for key in first if second.get(key) != first[key]]
    assert different == []
