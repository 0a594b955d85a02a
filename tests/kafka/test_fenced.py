"""A log that one process writes at a time: what is said is stored, or its writer is told that it is not."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaTimeoutError

from risk_stream.kafka import FencedLog, Outgoing, Reader, fenced
from tests.live.servers import Kafka

pytestmark = [pytest.mark.live]


async def _made(kafka: Kafka, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.address)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, 1, 1)])
    finally:
        await admin.close()


def test_a_write_ends_though_the_client_fell_silent_and_the_next_writer_goes_on(
    kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As aiokafka's does where a connection breaks as it asks who is there: its sender ends without a word."""
    monkeypatch.setattr(fenced, "TRANSACTION", 1.0)
    monkeypatch.setattr(fenced, "ABORT", 0.5)

    async def run() -> list[bytes | None]:
        await _made(kafka, "fenced-silent")
        log = FencedLog(kafka.address, name="silent", client_id="silent")
        await log.open()
        assert log._fenced is not None
        log._fenced._sender._sender_task.cancel()
        with pytest.raises(KafkaTimeoutError, match="no transaction within 1 s"):
            await log.write([Outgoing("fenced-silent", b"lost", partition=0)])
        await log.close()
        again = FencedLog(kafka.address, name="silent", client_id="silent")
        monkeypatch.setattr(fenced, "TRANSACTION", 60.0)
        await again.open()
        await again.write([Outgoing("fenced-silent", b"stored", partition=0)])
        await again.close()
        async with Reader(kafka.address) as reader:
            spans = await reader.spans(["fenced-silent"])
            return [record.value async for records in reader.read(spans) for record in records]

    assert asyncio.run(asyncio.wait_for(run(), 60)) == [b"stored"]
