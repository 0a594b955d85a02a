"""Refused records: what is kept of one in `risk.rejects`, whoever refuses it, for people to read and to mend."""

from __future__ import annotations

import base64
from typing import Protocol

import orjson

from risk_stream.kafka.producer import Outgoing

__all__ = ["REJECT_VALUE_BYTES", "Record", "reject_message", "reject_to"]

#: Bytes of a refused record that are kept.
REJECT_VALUE_BYTES = 64_000


class Record(Protocol):
    """What is needed of a Kafka record; time in ms."""

    offset: int
    timestamp: int
    value: bytes | None


def reject_to(topic: str, channel: str, record: Record, reason: str, message: str) -> Outgoing:
    """A refused record on its way to the topic of rejects; `channel` is the partition that it is in."""
    of, _, number = channel.rpartition("/")
    value = reject_message(
        topic=of,
        partition=int(number),
        offset=record.offset,
        reason=reason,
        message=message,
        value=record.value,
        time_ms=record.timestamp,
    )
    return Outgoing(topic, value, key=channel.encode())


def reject_message(
    *, topic: str, partition: int, offset: int, reason: str, message: str, value: bytes | None, time_ms: int
) -> bytes:
    """A refused record as JSON: where it is, why, what to do, and its value (text, or base64 if it is none)."""
    kept = (value or b"")[:REJECT_VALUE_BYTES]
    said: dict[str, object] = {
        "topic": topic,
        "partition": partition,
        "offset": offset,
        "time": time_ms,
        "reason": reason,
        "message": message,
        "bytes": len(value or b""),
    }
    try:
        said["value"] = kept.decode()
    except UnicodeDecodeError:
        said["value_base64"] = base64.b64encode(kept).decode()
    return orjson.dumps(said)
