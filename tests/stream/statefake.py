"""A state topic in memory, with fences and transactions that fail when told to."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from risk_stream.kafka import FencedError
from risk_stream.stream.state.log import StoredPart

__all__ = ["MemoryLog"]


class MemoryWriter:
    def __init__(self, log: MemoryLog, lane: int, epoch: int) -> None:
        self.log, self.lane, self.epoch, self.end = log, lane, epoch, -1

    async def write(self, parts: Sequence[tuple[bytes, bytes]], header: Callable[[int], tuple[bytes, bytes]]) -> int:
        if self.log.epochs[self.lane] != self.epoch:
            raise FencedError
        first = self.log.ends.get(self.lane, 0)
        written = [*parts, header(first)]
        if self.log.fails is not None:
            raise self.log.fails
        records = self.log.records.setdefault(self.lane, [])
        records += [(first + i, key, value) for i, (key, value) in enumerate(written)]
        self.end = self.log.ends[self.lane] = first + len(written) + 1  # and the mark of the transaction
        return len(written[-1][1])

    async def close(self) -> None:
        pass


class MemoryReader:
    def __init__(self, log: MemoryLog, lane: int) -> None:
        self.log, self.lane = log, lane

    async def bounds(self) -> tuple[int, int]:
        return self.log.starts.get(self.lane, 0), self.log.ends.get(self.lane, 0)

    async def read(self, start: int, end: int) -> AsyncIterator[list[StoredPart]]:
        self.log.reads.append((start, end))
        found = [r for r in self.log.records.get(self.lane, []) if start <= r[0] < end]
        for i in range(0, len(found), 3):
            yield found[i : i + 3]


class MemoryLog:
    """What is in it by lane; `fails` is raised by the next transactions."""

    def __init__(self) -> None:
        self.records: dict[int, list[StoredPart]] = {}
        self.ends: dict[int, int] = {}
        self.starts: dict[int, int] = {}
        self.epochs: dict[int, int] = {}
        self.reads: list[tuple[int, int]] = []
        self.fails: Exception | None = None

    async def fence(self, lane: int) -> MemoryWriter:
        self.epochs[lane] = self.epochs.get(lane, 0) + 1
        return MemoryWriter(self, lane, self.epochs[lane])

    @contextlib.asynccontextmanager
    async def reader(self, lane: int) -> AsyncIterator[MemoryReader]:
        yield MemoryReader(self, lane)

    async def trim(self, before: Mapping[int, int]) -> None:
        for lane, offset in before.items():
            self.starts[lane] = max(self.starts.get(lane, 0), offset)
            self.records[lane] = [r for r in self.records[lane] if r[0] >= offset]

    async def stop(self) -> None:
        pass
