"""One lane of this worker: a hop partition of every kind, their fence and their checkpoints."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass

from risk_stream.stream.hops import HopPartition, position_of
from risk_stream.stream.state.checkpoint import HEADER_KEY, Header, Saver, part_key
from risk_stream.stream.state.log import Writer

__all__ = ["Lane", "Written"]

#: How often a lane in which nothing changes says where it stands, s.
IDLE_SECONDS = 10.0

#: How often it is looked whether outputs are stored, s.
LOOK = 0.003


@dataclass(frozen=True, slots=True)
class Written:
    """What one checkpoint wrote, bytes, and how long it took, s."""

    deltas: int = 0
    images: int = 0
    header: int = 0
    seconds: float = 0.0


class Lane:
    """Hop partitions by kind, opened in a generation of the group. `writer` is its fence; None where nothing is saved.

    `closed` is a lane that is about to be given away: nothing more is applied. `sound` is False once a checkpoint was
    begun of which nobody knows whether it was written: then the lane cannot be kept, it must be restored.
    """

    def __init__(self, number: int, hops: Mapping[str, HopPartition], counts: Mapping[str, int]) -> None:
        self.number, self.hops, self.counts = number, dict(hops), dict(counts)
        self.generation = -1
        self.writer: Writer | None = None
        self.savers = {kind: Saver(hop.hop) for kind, hop in self.hops.items()}
        self.sound, self.closed = True, False
        self._lock = asyncio.Lock()
        self._base, self._parts, self._header = 0, 0, 0
        self.saved: dict[str, int] = {}  # by kind, n of the last checkpoint
        self._last = time.monotonic()
        self._task: asyncio.Task[None] | None = None

    def open(self, writer: Writer | None, generation: int) -> None:
        """The lane is this worker's in a generation."""
        self.writer, self.generation, self.closed = writer, generation, False
        if writer is not None:
            self._base, self._parts = writer.end, 0
        for hop in self.hops.values():
            hop.generation = generation

    def saved_at(self, header: Header) -> None:
        """The lane was restored from this."""
        for kind, standing in header.hops.items():
            if kind in self.savers:
                self.savers[kind].since = standing.since
                self.saved[kind] = standing.n

    # Checkpoints

    def start(self, every: float, wait: float, work: Callable[[], Awaitable[object]]) -> None:
        """Call `work()`, which awaits `checkpoint`, now and then, first after `wait` s."""
        self.stop()

        async def run() -> None:
            await asyncio.sleep(wait)
            while self._task is asyncio.current_task():
                began = time.monotonic()
                await work()
                await asyncio.sleep(max(0.0, every - (time.monotonic() - began)))

        self._task = asyncio.create_task(run())

    def stop(self) -> None:
        """No more checkpoints but those asked for. One that is under way goes on."""
        task, self._task = self._task, None
        if task is not None and not self._lock.locked():
            task.cancel()

    async def checkpoint(self, *, walk: bool = True) -> Written | None:
        """Save where the lane stands; None where there is nothing to save. `walk`: images too.

        What is saved is of one moment; it is written when the outputs of all that lies before are stored. Raises
        `FencedError`, and `KafkaError` where nobody knows whether it was written.
        """
        async with self._lock:
            if not self._due(time.monotonic(), hurry=not walk):
                return None
            began = time.monotonic()
            if walk:
                for saver in self.savers.values():
                    for _ in saver.walk(began - self._last, self._header):
                        await asyncio.sleep(0)
            writer = self.writer  # the one there is now: a lane that is kept gets another, and the walk took its time
            if writer is None or (self.closed and walk):
                return None
            self._last = began
            self.sound = False
            stands = {kind: hop.standing() for kind, hop in self.hops.items()}
            taken = {kind: self.savers[kind].take(position_of(standing.n - 1)) for kind, standing in stands.items()}
            images = {kind: parts for kind, (parts, _) in taken.items()}
            deltas = {kind: parts for kind, (_, parts) in taken.items()}
            plans = sorted({version for hop in self.hops.values() for version in hop.hop.plans})
            await self._stored({kind: standing.n for kind, standing in stands.items()})

            def header(first: int) -> tuple[bytes, bytes]:
                hops = {
                    kind: dataclasses.replace(s, since=self.savers[kind].settle(first)) for kind, s in stands.items()
                }
                return HEADER_KEY, Header(self.number, hops, self.counts, plans).encode()

            self._header = await writer.write(list(self._keyed(images, deltas)), header)
            self.sound = True
            self.saved = {kind: standing.n for kind, standing in stands.items()}
            return Written(_bytes(deltas), _bytes(images), self._header, time.monotonic() - began)

    def _due(self, now: float, *, hurry: bool) -> bool:
        """Whether a checkpoint would say anything: that time has gone on is said now and then only."""
        if self.writer is None or not self.sound:
            return False
        if all(hop.next <= self.saved.get(kind, -1) for kind, hop in self.hops.items()):
            return False
        events = any(hop.judged_to >= self.saved.get(kind, 0) for kind, hop in self.hops.items())
        return hurry or events or now - self._last >= IDLE_SECONDS

    async def _stored(self, stands: Mapping[str, int]) -> None:
        """Return when the outputs of all before these records are stored."""
        while any(self.hops[kind].stored < n for kind, n in stands.items()):
            await asyncio.sleep(LOOK)

    def _keyed(self, *groups: Mapping[str, list[bytes]]) -> Iterator[tuple[bytes, bytes]]:
        for group in groups:
            for kind, values in group.items():
                for value in values:
                    yield part_key(kind, self._base, self._parts), value
                    self._parts += 1

    @property
    def since(self) -> int | None:
        """Offset of the first part that is still needed."""
        found = [saver.since for saver in self.savers.values()]
        return None if None in found else min(since for since in found if since is not None)


def _bytes(parts: Mapping[str, list[bytes]]) -> int:
    return sum(len(value) for values in parts.values() for value in values)
