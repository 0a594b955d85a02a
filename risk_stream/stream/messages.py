"""What risk-stream writes between its own steps: batches for hops, and rejects for people."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import orjson

from risk_stream.catalogue import EventBatch
from risk_stream.engine import Alert
from risk_stream.kafka import MAX_MESSAGE_BYTES, Outgoing

if TYPE_CHECKING:
    from risk_stream.stream.admission import Record

__all__ = ["REJECT_VALUE_BYTES", "alert_to", "pack", "reject_message", "reject_to", "split_by_partition"]

#: Bytes of a refused record that are kept.
REJECT_VALUE_BYTES = 64_000


def pack(
    batch: EventBatch,
    meta: dict[str, str | int],
    not_last: dict[str, str | int] | None = None,
    *,
    limit: int = MAX_MESSAGE_BYTES,
) -> Iterator[bytes]:
    """A batch as one Arrow message, or as several, halved until each is within `limit` bytes or has one event.

    Of several the last says `meta`; those before it say `not_last`, where that is given: their front is not yet true.
    """
    value = batch.to_ipc(**meta)
    if len(value) <= limit or len(batch) == 1:
        yield value
        return
    middle = len(batch) // 2
    yield from pack(batch.take(np.arange(middle)), not_last or meta, limit=limit)
    yield from pack(batch.take(np.arange(middle, len(batch))), meta, not_last, limit=limit)


def split_by_partition(batch: EventBatch, kind: str, count: int) -> Iterator[tuple[int, EventBatch]]:
    """The events of a batch by the partition of their key, each part in the order of the batch; all have the key."""
    partitions = batch.partition(kind, count)
    if count == 1 or (partitions == partitions[0]).all():
        yield int(partitions[0]), batch
        return
    order = np.argsort(partitions, kind="stable")
    ends = np.searchsorted(partitions[order], np.arange(count), side="right")
    together = batch.take(order)  # once; its parts are views of it
    start = 0
    for partition, end in enumerate(ends.tolist()):
        if end > start:
            yield partition, together.take(np.arange(start, end))
        start = end


def alert_to(topic: str, alert: Alert, partitions: int) -> Outgoing:
    """An alert on its way: all its revisions to one partition, whoever says them."""
    partition = int(alert.id[:8], 16) % partitions
    return Outgoing(topic, alert.to_json(), key=alert.id.encode(), partition=partition)


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
