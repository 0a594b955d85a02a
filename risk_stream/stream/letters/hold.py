"""Events that a hop partition has read and holds back, until those who promised more have come as far.

Two workers that work off a backlog send to the same partition, each at its own pace of event time. If every record were
judged as it comes, most events of the slower one would lie behind events of the faster, and all those be judged again.
So events ahead of a channel with an open promise wait for it here. What waits, and what goes on with which record, is a
function of the partition's records so far; so a hop that is put together again from its log goes on in the same blocks.

While one plan follows another, records of both come for as long as an event takes through all hops: they wait side by
side, and go on as a block of each. If the one had to go before the other is taken, each record would be a block of its
own then, nearly all behind others, which takes a busy worker so long that the next plan finds it at that.
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

#: Plans whose events are held at the same time: a record has positions for so many blocks.
PLANS = 2


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
    plan: Plan
    first: int  # the earliest time among them, ms
    last: int  # the latest


class Hold:
    """What one hop partition holds, of at most PLANS plans. What is said to all (`told`) waits for a record at most."""

    def __init__(self, cut: Cut | None = None) -> None:
        self.cut = cut or Cut()
        self._parts: deque[_Part] = deque()
        self._told: Released | None = None
        self._rows = 0

    def __len__(self) -> int:
        return self._rows

    def oldest(self, otherwise: int) -> int:
        """The first record of which anything is held."""
        if self._told is not None:
            return self._told.since
        return self._parts[0].offset if self._parts else otherwise

    @property
    def plans(self) -> set[str]:
        """Versions of the plans of which events are held."""
        return {part.plan.version for part in self._parts}

    def takes(self, plan: Plan) -> bool:
        """Whether events of a plan may join those that are held."""
        return len(self.plans | {plan.version}) <= PLANS

    def holds_until(self, clock: int) -> bool:
        """Whether any that is held is not later than a clock."""
        return any(part.first <= clock for part in self._parts)

    def put(self, offset: int, batch: EventBatch, plan: Plan) -> None:
        """Hold the events of a record."""
        self._parts.append(_part(offset, batch, plan))
        self._rows += len(batch)

    def put_told(self, offset: int, batch: EventBatch, plan: Plan) -> None:
        """Hold what a record says to all; nothing else is held then."""
        self._told = Released(batch, plan, offset)

    def take_told(self, offset: int) -> list[Released]:
        """What was said to all goes on, if anything waits, and with it all records up to `offset` have."""
        if self._told is None:
            return []
        told, self._told, self.cut = self._told, None, Cut(offset)
        return [told]

    def was_held(self, offset: int, times: NDArray[np.int64]) -> NDArray[np.bool_]:
        """bool[n]: which events of a record, read before the cut and now again, had not gone on."""
        if offset <= self.cut.all_to:
            return np.zeros(len(times), np.bool_)
        if offset > self.cut.some_to:
            return np.ones(len(times), np.bool_)
        return np.asarray(times > self.cut.upto)

    def all(self, offset: int) -> list[Released]:
        """All that is held goes on, with all records up to `offset`."""
        self.cut = Cut(offset)
        going = list(self._parts)
        self._parts.clear()
        self._rows = 0
        return _released(going)

    def due(self, offset: int, channels: Channels) -> list[Released]:
        """What goes on with the record at `offset`, which is the last one that was heard: a block of each plan."""
        if not self._parts or not channels.promised or self._rows >= FULL:
            return self.all(offset)
        upto = max(self.cut.upto, channels.awaited)
        masks = [_until(part, upto) for part in self._parts]
        if sum(int(mask.sum()) for mask in masks) < ENOUGH:
            return []
        self.cut = Cut(self.cut.all_to, offset, upto)
        going, staying = list[_Part](), deque[_Part]()
        for part, mask in zip(self._parts, masks, strict=True):
            if not mask.any():
                staying.append(part)
                continue
            if mask.all():
                going.append(part)
                continue
            for of, to in ((mask, going), (~mask, staying)):
                to.append(_part(part.offset, part.batch.take(np.flatnonzero(of)), part.plan))
        self._parts = staying
        self._rows = sum(len(part.batch) for part in staying)
        return _released(going)


def _part(offset: int, batch: EventBatch, plan: Plan) -> _Part:
    return _Part(offset, batch, plan, int(batch.times.min()), int(batch.times.max()))


def _released(parts: list[_Part]) -> list[Released]:
    """A block of each plan, in the order of time; the plan that came first is the first."""
    blocks: list[Released] = []
    for version in dict.fromkeys(part.plan.version for part in parts):
        of = [part for part in parts if part.plan.version == version]
        batch = of[0].batch
        if len(of) > 1:
            together = EventBatch.concat([part.batch for part in of])
            batch = together.take(np.argsort(together.times, kind="stable"))
        blocks.append(Released(batch, of[0].plan, of[0].offset))
    return blocks


def _until(part: _Part, upto: int) -> NDArray[np.bool_]:
    if part.last <= upto:
        return np.ones(len(part.batch), np.bool_)
    if part.first > upto:
        return np.zeros(len(part.batch), np.bool_)
    return np.asarray(part.batch.times <= upto)
