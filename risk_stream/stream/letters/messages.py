"""What a worker writes between its own steps: batches for hops, and alerts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from risk_stream.catalogue import EventBatch
from risk_stream.engine import Alert
from risk_stream.kafka import MAX_MESSAGE_BYTES, Outgoing

if TYPE_CHECKING:
    from numpy.typing import NDArray

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


def split_by_partition(
    batch: EventBatch, kind: str, count: int, order: NDArray[np.intp] | None = None
) -> Iterator[tuple[int, EventBatch]]:
    """The events of a batch by the partition of their key, each part in their order; all have the key.

    Their order is that of the batch, or where it is given `order`: the events are copied once for both.
    """
    partitions = batch.partition(kind, count)
    if count == 1 or (partitions == partitions[0]).all():
        yield int(partitions[0]), batch if order is None else batch.take(order)
        return
    if order is None:
        order = np.arange(len(batch))
    partitions = partitions[order]
    apart = np.argsort(partitions, kind="stable")
    ends = np.searchsorted(partitions[apart], np.arange(count), side="right")
    together = batch.take(order[apart])  # its parts are views of it
    start = 0
    for partition, end in enumerate(ends.tolist()):
        if end > start:
            yield partition, together.take(np.arange(start, end))
        start = end


def alert_to(topic: str, alert: Alert, partitions: int) -> Outgoing:
    """An alert on its way: all its revisions to one partition, whoever says them."""
    partition = int(alert.id[:8], 16) % partitions
    return Outgoing(topic, alert.to_json(), key=alert.id.encode(), partition=partition)
