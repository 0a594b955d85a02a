"""The shell on Kafka: the Faust app, its batch transport, admission, hops and the supervisor of it all."""

from __future__ import annotations

from risk_stream.stream.topics import (
    BrokerError,
    Topic,
    TopicState,
    create_topics,
    describe_topics,
    disagreements,
    wanted_topics,
)
from risk_stream.stream.worker import run_worker

__all__ = [
    "BrokerError",
    "Topic",
    "TopicState",
    "create_topics",
    "describe_topics",
    "disagreements",
    "run_worker",
    "wanted_topics",
]
