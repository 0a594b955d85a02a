"""Events that a hop partition has read and holds back, until those who promised more have come as far.

Two workers that work off a backlog send to the same partition, each at its own pace of event time. If every record were
judged as it comes, most events of the slower one would lie behind events of the faster, and all those be judged again.
So events ahead of a channel with an open promise wait for it here. What waits, and what goes on with which record, is a
function of the partition's records so far; so a hop that is put together again from its log goes on in the same blocks.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from risk_stream.catalogue import MISSING, EventBatch
from risk_stream.rules import Plan
from risk_stream.stream.letters.channels import Channels

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ENOUGH", "FULL", "Cut", "Hold", "Released"]

#: Events that go on together, at least, where others wait on: a small block costs nearly as much as a large one.
ENOUGH = 1024

#: Events that are held at most: then all go on, whoever is waited for.
FULL = 16384


class Cut(NamedTuple):
    """What had gone on of the records so far: all up to `all_to`, and up to `some_to` all not later than `upto`, ms."""

    all_to: int = -1
    some_to: int = -1
    upto: int = MISSING


class Released(NamedTuple):
    """Events that go on, in the order in which they are judged; `since` is the first record that has any of them."""

    batch: EventBatch
    plan: Plan
    since: int


@dataclass(slots=True)
class _Part:
    """Events of one record."""

    offset: int
    batch: EventBatch
    first: int  # the earliest time among them, ms
    last: int  # the latest


class Hold:
    """What one hop partition holds; all of one plan."""

    def __init__(self, cut: Cut | None = None) -> None:
        self.cut = cut or Cut()
        self._parts: deque[_Part] = deque()
        self._plan: Plan | None = None
        self._rows = 0

    def __len__(self) -> int:
        return self._rows

    def oldest(self, otherwise: int) -> int:
        """The first record of which anything is held."""
        return self._parts[0].offset if self._parts else otherwise

    def takes(self, plan: Plan) -> bool:
        """Whether events of a plan may join those that are held."""
        held = self._plan if self._parts else None
        return held is None or held.version == plan.version

    def holds_until(self, clock: int) -> bool:
        """Whether any that is held is not later than a clock."""
        return any(part.first <= clock for part in self._parts)

    def put(self, offset: int, batch: EventBatch, plan: Plan) -> None:
        """Hold the events of a record."""
        self._plan = plan
        self._parts.append(_Part(offset, batch, int(batch.times.min()), int(batch.times.max())))
        self._rows += len(batch)

    def was_held(self, offset: int, times: NDArray[np.int64]) -> NDArray[np.bool_]:
        """bool[n]: which events of a record, read before the cut and now again, had not gone on."""
        if offset <= self.cut.all_to:
            return np.zeros(len(times), np.bool_)
        if offset > self.cut.some_to:
            return np.ones(len(times), np.bool_)
        return np.asarray(times > self.cut.upto)

    def all(self, offset: int) -> Released | None:
        """All that is held goes on, with all records up to `offset`."""
        self.cut = Cut(offset)
        if not self._parts:
            return None
        since, parts = self._parts[0].offset, [part.batch for part in self._parts]
        self._parts.clear()
        self._rows = 0
        return self._released(parts, since)

    def due(self, offset: int, channels: Channels) -> Released | None:
        """What goes on with the record at `offset`, which is the last one that was heard."""
        if not self._parts or not channels.promised or self._rows >= FULL:
            return self.all(offset)
        upto = max(self.cut.upto, channels.awaited)
        masks = [_until(part, upto) for part in self._parts]
        if sum(int(mask.sum()) for mask in masks) < ENOUGH:
            return None
        self.cut = Cut(self.cut.all_to, offset, upto)
        since, going, staying = -1, [], deque[_Part]()
        for part, mask in zip(self._parts, masks, strict=True):
            if not mask.any():
                staying.append(part)
                continue
            since = part.offset if since < 0 else since
            if mask.all():
                going.append(part.batch)
                continue
            going.append(part.batch.take(np.flatnonzero(mask)))
            rest = part.batch.take(np.flatnonzero(~mask))
            staying.append(_Part(part.offset, rest, int(rest.times.min()), part.last))
        self._parts = staying
        self._rows = sum(len(part.batch) for part in staying)
        return self._released(going, since)

    def _released(self, parts: list[EventBatch], since: int) -> Released:
        assert self._plan is not None
        if len(parts) == 1:
            return Released(parts[0], self._plan, since)
        together = EventBatch.concat(parts)
        return Released(together.take(np.argsort(together.times, kind="stable")), self._plan, since)


def _until(part: _Part, upto: int) -> NDArray[np.bool_]:
    if part.last <= upto:
        return np.ones(len(part.batch), np.bool_)
    if part.first > upto:
        return np.zeros(len(part.batch), np.bool_)
    return np.asarray(part.batch.times <= upto)
