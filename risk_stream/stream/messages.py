"""What a worker writes between its own steps: batches for hops, and alerts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from risk_stream.catalogue import EventBatch
from risk_stream.engine import Alert
from risk_stream.kafka import MAX_MESSAGE_BYTES, Outgoing

__all__ = ["alert_to", "pack", "split_by_partition"]


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
