"""A topic of one partition on a broker of the tests."""

from __future__ import annotations

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.live.servers import Kafka

__all__ = ["made"]


async def made(kafka: Kafka, topic: str) -> str:
    """Make it; -> its name."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.address)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, 1, 1)])
    finally:
        await admin.close()
    return topic
