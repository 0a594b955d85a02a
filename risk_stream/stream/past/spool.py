"""The house's whole past, read from its topics once and kept on disk, to be gone through in the order of event time."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from risk_stream.catalogue import MISSING, Catalogue, Decoder, EventBatch
from risk_stream.kafka import Reader
from risk_stream.stream.past.history import in_order, read_events, refused_for_their_time

if TYPE_CHECKING:
    from risk_stream.settings import Settings

__all__ = ["Spooled", "TooMuchError", "merged", "spool"]

_LENGTH = struct.Struct("<Q")


class TooMuchError(Exception):
    """Raised where the house's topics hold more records than were asked for; the text is one sentence."""


@dataclass(slots=True)
class Spooled:
    """A file for each origin, with its events as Arrow messages in the order in which they came."""

    catalogue: Catalogue
    files: dict[str, Path] = field(default_factory=dict)
    events: int = 0
    newest: int = MISSING  # the highest time of an event, ms


async def spool(
    settings: Settings,
    catalogue: Catalogue,
    folder: Path,
    *,
    most: int | None = None,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Spooled:
    """Write what the house's topics hold, without what was refused as too late or too early, into files of a folder.

    `progress` is told of how many records how many were read.

    Raises:
        BrokerError: Kafka does not answer.
        TooMuchError: there are more than `most` records.
    """
    spooled, decoder = Spooled(catalogue), Decoder(catalogue)
    with contextlib.ExitStack() as stack:
        files: dict[str, IO[bytes]] = {}

        def keep(origin: str, events: EventBatch, _: int) -> None:
            file = files.get(origin)
            if file is None:
                path = spooled.files[origin] = folder / f"{len(files)}.arrows"
                file = files[origin] = stack.enter_context(path.open("wb"))
            message = events.to_ipc()
            file.write(_LENGTH.pack(len(message)) + message)
            spooled.events += len(events)
            spooled.newest = max(spooled.newest, int(events.times.max()))
            progress(min(spooled.events, records), records)

        async with Reader(settings.broker) as reader:
            records = sum(len(span) for span in await reader.spans(settings.origin_topics))
            if most is not None and records > most:
                raise TooMuchError(
                    f"the house's topics hold {records:,} records, more than {most:,}: say a later --from"
                )
            refused = await refused_for_their_time(reader, settings, "future", "late")
            async for _ in read_events(reader, settings, decoder, refused, keep):
                pass
    return spooled


def merged(spooled: Spooled, lateness_ms: int) -> Iterator[EventBatch]:
    """All events in the order of (time, id), an event that is there twice once.

    The origin that is least far is read on. What an origin still brings is at most `lateness_ms` behind what it
    brought: what is older than that of all origins is complete. So memory holds what lies within the lateness.
    """
    sources = [_Source(spooled.catalogue, path) for path in spooled.files.values()]
    held = list[EventBatch]()
    while sources:
        source = min(sources, key=lambda s: s.clock)
        batch = source.read()
        if batch is None:
            sources.remove(source)
        else:
            held.append(batch)
        complete = min((s.clock for s in sources), default=None)
        if complete == MISSING:
            continue  # an origin of which nothing was read yet
        yield from _complete(held, None if complete is None else complete - lateness_ms)


def _complete(held: list[EventBatch], upto: int | None) -> Iterator[EventBatch]:
    """Take what is older than a time out of `held`, or all of it, and give it in order."""
    out, left = list[EventBatch](), list[EventBatch]()
    for batch in held:
        old = np.ones(len(batch), np.bool_) if upto is None else batch.times < upto
        if old.any():
            out.append(batch.take(np.flatnonzero(old)))
        if not old.all():
            left.append(batch.take(np.flatnonzero(~old)))
    held[:] = left
    yield from in_order(out)


class _Source:
    """One origin's file, read message by message; `clock` is the highest event time read."""

    def __init__(self, catalogue: Catalogue, path: Path) -> None:
        self._catalogue, self._file = catalogue, path.open("rb")
        self.clock = MISSING

    def read(self) -> EventBatch | None:
        """The next events; None where there are no more."""
        head = self._file.read(_LENGTH.size)
        if not head:
            self._file.close()
            return None
        batch, _ = EventBatch.from_ipc(self._catalogue, self._file.read(_LENGTH.unpack(head)[0]))
        self.clock = max(self.clock, int(batch.times.max()))
        return batch
