"""Kafka as every process of a house uses it: the topics, a producer, a log read or followed, and whose turn it is.

| for | there is |
| --- | --- |
| the topics there must be, and their state | `wanted_topics`, `create_topics`, `describe_topics`, `disagreements` |
| a connection that begins and ends wholly | `ConsumerClient`, `ProducerClient` |
| sending | `Producer`; in transactions `FencedProducer`; `FencedLog` where one process of a house writes at a time |
| saying that a record was refused, and why | `reject_to` |
| reading to where a topic ends | `Reader`; `read_lives` for the log of lives |
| reading on as it grows | `LogFollower` |
| one of several processes works | `Turn` |
"""

from __future__ import annotations

from risk_stream.kafka.clients import ConsumerClient, ProducerClient
from risk_stream.kafka.fenced import FencedLog
from risk_stream.kafka.follower import LogFollower
from risk_stream.kafka.lives import read_lives
from risk_stream.kafka.logs import BrokerWatch, set_up_logging
from risk_stream.kafka.producer import MAX_MESSAGE_BYTES, Outgoing, Producer
from risk_stream.kafka.reader import Reader, Span, lag
from risk_stream.kafka.rejects import Record, reject_message, reject_to
from risk_stream.kafka.topics import (
    CANARY,
    BrokerError,
    Topic,
    TopicState,
    create_topics,
    describe_topics,
    disagreements,
    minimum_session,
    partition_counts,
    wanted_topics,
)
from risk_stream.kafka.transactions import FencedError, FencedProducer
from risk_stream.kafka.turn import SESSION_MS, WAIT_MS, Turn

__all__ = [
    "CANARY",
    "MAX_MESSAGE_BYTES",
    "SESSION_MS",
    "WAIT_MS",
    "BrokerError",
    "BrokerWatch",
    "ConsumerClient",
    "FencedError",
    "FencedLog",
    "FencedProducer",
    "LogFollower",
    "Outgoing",
    "Producer",
    "ProducerClient",
    "Reader",
    "Record",
    "Span",
    "Topic",
    "TopicState",
    "Turn",
    "create_topics",
    "describe_topics",
    "disagreements",
    "lag",
    "minimum_session",
    "partition_counts",
    "read_lives",
    "reject_message",
    "reject_to",
    "set_up_logging",
    "wanted_topics",
]
