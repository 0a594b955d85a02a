"""The past as chunks: what one process decodes and judges at a time, small enough to be handed over."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import msgspec
import numpy as np

from risk_stream.catalogue import Catalogue, Decoder, EventBatch

__all__ = [
    "Chunk",
    "Events",
    "Lines",
    "Reader",
    "Refused",
    "Rows",
    "chunks_of_batches",
    "chunks_of_records",
    "lines_of",
]

#: Bytes of a file, and events, of one chunk.
CHUNK_BYTES, CHUNK_EVENTS = 4 << 20, 8_192


class Lines(msgspec.Struct, frozen=True, tag=True):
    """A stretch of a file of JSON lines, which whoever decodes it reads: bytes `start` to `end`."""

    path: str
    name: str
    start: int
    end: int
    done: int  # bytes of the history read with it


class Rows(msgspec.Struct, frozen=True, tag=True):
    """Records as JSON, with their line numbers in the file they come from."""

    name: str
    numbers: list[int]
    values: list[bytes]
    done: int  # bytes of the history read with them


class Events(msgspec.Struct, frozen=True, tag=True):
    """Decoded events, as an Arrow message."""

    message: bytes
    done: int  # events of the history read with them


Chunk: TypeAlias = Lines | Rows | Events


class Refused(msgspec.Struct, frozen=True):
    """A record that is no event."""

    name: str
    line: int
    reason: str
    message: str


def lines_of(path: Path, before: int = 0) -> Iterator[Chunk]:
    """A file of JSON lines as stretches that end where a line does; `before` bytes of the history were read already.

    Only their ends are looked for: whoever decodes a stretch reads it.
    """
    with path.open("rb") as file:
        size, start = file.seek(0, os.SEEK_END), 0
        while start < size:
            file.seek(min(start + CHUNK_BYTES, size) - 1)
            file.readline()
            end = file.tell()
            yield Lines(str(path), path.name, start, end, before + end)
            start = end


def chunks_of_records(name: str, batches: Iterable[tuple[Sequence[int], Sequence[bytes], int]]) -> Iterator[Chunk]:
    """Records of any file, in batches of (line numbers, records, bytes of the history read with them)."""
    numbers, values, done = list[int](), list[bytes](), 0
    for lines, records, done in batches:
        numbers += lines
        values += records
        if len(values) >= CHUNK_EVENTS:
            yield Rows(name, numbers, values, done)
            numbers, values = [], []
    if values:
        yield Rows(name, numbers, values, done)


def chunks_of_batches(batches: Iterable[EventBatch]) -> Iterator[Chunk]:
    """Events that are decoded already, in their order."""
    done = 0
    for batch in batches:
        for at in range(0, len(batch), CHUNK_EVENTS):
            part = batch.take(np.arange(at, min(at + CHUNK_EVENTS, len(batch))))
            done += len(part)
            yield Events(part.to_ipc(), done)


class Reader:
    """Reads and decodes chunks; those of one file in the order in which they stand in it."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue, self._decoder = catalogue, Decoder(catalogue)
        self._counted: dict[str, tuple[int, int]] = {}  # path -> a place in the file, and the lines before it

    def read(self, chunk: Chunk) -> tuple[EventBatch, list[Refused]]:
        """The events of a chunk in its order, and what was refused."""
        if isinstance(chunk, Events):
            return EventBatch.from_ipc(self._catalogue, chunk.message)[0], []
        if isinstance(chunk, Rows):
            return self._decoded(chunk.name, chunk.values, lambda i: chunk.numbers[i])
        values, places = _records(chunk)
        return self._decoded(chunk.name, values, lambda i: self._first_line(chunk) + places[i])

    def _decoded(self, name: str, values: list[bytes], line: Callable[[int], int]) -> tuple[EventBatch, list[Refused]]:
        batch, _, rejects = self._decoder.decode(values, lambda i: f"{name}/{line(i)}")
        return batch, [Refused(name, line(reject.index), reject.reason, reject.message) for reject in rejects]

    def _first_line(self, lines: Lines) -> int:
        """The number of a stretch's first line: asked of events without an id and of refused ones alone."""
        at, before = self._counted.get(lines.path, (0, 0))
        if at > lines.start:
            at, before = 0, 0
        if at < lines.start:
            with Path(lines.path).open("rb") as file:
                file.seek(at)
                while at < lines.start:
                    block = file.read(min(CHUNK_BYTES, lines.start - at))
                    at, before = at + len(block), before + block.count(b"\n")
            self._counted[lines.path] = at, before
        return before + 1


def _records(lines: Lines) -> tuple[list[bytes], Sequence[int]]:
    """(records, the place of each among the lines) of a stretch; blank lines are no records."""
    with Path(lines.path).open("rb") as file:
        file.seek(lines.start)
        records = [record.strip() for record in file.read(lines.end - lines.start).split(b"\n")]
    if not records[-1]:
        records.pop()
    if all(records):
        return records, range(len(records))
    kept = [(record, place) for place, record in enumerate(records) if record]
    return [record for record, _ in kept], [place for _, place in kept]
