"""Messages to hop partitions: events of one or several channels in one Arrow message, each channel's told apart.

A worker sends what it takes from all its origins in one turn, or what all its partitions of a kind say in one turn, as
one message to each hop partition: events that were merged by time here need not be put in their places there. Of each
event the column `_from` says which *section* it belongs to, that is, which channel; a message of one section has none.
Within a section events stand in the order of their stamps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import orjson

from risk_stream.catalogue import MISSING, Catalogue, EventBatch
from risk_stream.catalogue.formats import LETTERS
from risk_stream.stream.letters.messages import pack

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "Letter",
    "Said",
    "Section",
    "beside",
    "read_fronts",
    "read_letter",
    "running_clock",
    "write_fronts",
    "write_letters",
]

#: What a channel says: its name, its generation, its front (ms), and where it promises another record how far it has
#: come (ms); MISSING takes a promise back, and None says nothing of that.
Said: TypeAlias = tuple[str, int, int, int | None]

_FROM = "_from"


@dataclass(frozen=True, slots=True)
class Section:
    """What a sender says of one of its channels: its front after these events, and the one it told `before` them.

    With `more` it promises another record of the channel, with or without events, and says how far it has come, ms.
    """

    channel: str
    generation: int
    front: int
    before: int
    more: int = MISSING

    def said(self, *, last: bool = True) -> Said:
        """As a message puts it: the `last` of those that go to a partition in a turn, or one before it."""
        if last:
            return self.channel, self.generation, self.front, self.more
        return self.channel, self.generation, self.before, max(self.before, 0)


@dataclass(frozen=True, slots=True)
class Letter:
    """A message as it was read: events, and of each channel what it says and which rows are its.

    `upto` is the highest time of all events that left with these, to whichever partition, ms.
    """

    batch: EventBatch
    plan: str
    channels: tuple[Said, ...]
    sections: NDArray[np.int64] | None  # int64[n]: the place of each event's channel; None where there is but one
    upto: int

    def rows(self, section: int) -> NDArray[np.int64]:
        """int64[n]: which events belong to a channel, in the order of their stamps."""
        if self.sections is None:
            return np.arange(len(self.batch), dtype=np.int64)
        return np.flatnonzero(self.sections == section)


def running_clock(times: NDArray[np.int64], before: int = MISSING) -> NDArray[np.int64]:
    """int64[n]: the highest of the times so far, and of the clock `before` them; ms."""
    clocks: NDArray[np.int64] = np.maximum.accumulate(times)
    return clocks if before == MISSING else np.maximum(clocks, before)


def beside(
    parts: Sequence[EventBatch], clocks: Sequence[NDArray[np.int64]]
) -> tuple[EventBatch, NDArray[np.intp] | None]:
    """Events of several sections in one batch, one section behind the other, and the order that merges them.

    It goes by the running clocks of their channels: so each keeps its order. There is none for a single section.
    """
    if len(parts) == 1:
        return parts[0], None
    places = np.repeat(np.arange(len(parts), dtype=np.int64), [len(part) for part in parts])
    order = np.argsort(np.concatenate(clocks), kind="stable")
    return EventBatch.concat(parts).with_columns({_FROM: places}), order


def write_letters(
    batch: EventBatch, sections: Sequence[Section], plan: str, *, last: bool = True, upto: int | None = None
) -> Iterator[bytes]:
    """Messages for one hop partition with these events, which were merged from these sections; mostly one.

    The new fronts are said with the `last` events only: what comes behind a front must not lie below it. `upto` is the
    highest time of all events that leave in this turn, ms; without it, of these.
    """
    upto = int(batch.times.max()) if upto is None else upto
    before = _meta([s.said(last=False) for s in sections], plan, upto)
    after = _meta([s.said() for s in sections], plan, upto) if last else before
    return pack(batch, after, before)


def write_fronts(said: Sequence[Said]) -> bytes:
    """A message without events."""
    return orjson.dumps({"fronts": [entry if entry[3] is not None else entry[:3] for entry in said]})


def read_fronts(value: bytes) -> list[Said]:
    """A message that `write_fronts` wrote. Raises as `read_letter`."""
    said = orjson.loads(value)
    LETTERS.check(said.get("v", 1))
    return _said(said["fronts"])


def _meta(said: Sequence[Said], plan: str, upto: int) -> dict[str, str | int]:
    return {"channels": orjson.dumps(said).decode(), "plan": plan, "upto": upto}


def _said(entries: Any) -> list[Said]:
    return [(str(c), int(g), int(f), int(more[0]) if more else None) for c, g, f, *more in entries]


def read_letter(catalogue: Catalogue, value: bytes) -> Letter:
    """A message that `write_letters` wrote. Raises ValueError, KeyError or TypeError for anything else.

    One of a later release is a `LaterFormatError`.
    """
    batch, meta = EventBatch.from_ipc(catalogue, value)
    LETTERS.check(int(meta.get("v", 1)))
    channels = tuple(_said(orjson.loads(meta["channels"])))
    sections = batch.fixed(_FROM) if batch.has(_FROM) else None
    if sections is None and len(channels) != 1:
        sections = np.zeros(len(batch), np.int64)
    if sections is not None and len(sections) and not 0 <= sections.min() <= sections.max() < len(channels):
        raise ValueError(f"an event of a channel that is none of the {len(channels)} named")
    return Letter(batch.without(_FROM), meta["plan"], channels, sections, int(meta["upto"]))
