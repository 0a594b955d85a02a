"""The past as chunks: what one process decodes and judges at a time, small enough to be handed over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import msgspec
import numpy as np

from risk_stream.catalogue import Catalogue, Decoder, EventBatch

__all__ = [
    "Chunk",
    "Events",
    "Lines",
    "Refused",
    "Rows",
    "chunks_of_batches",
    "chunks_of_records",
    "decode",
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
    first: int  # the number of its first line
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
    """A file of JSON lines as stretches that end where a line does; `before` bytes of the history were read already."""
    first, start = 1, 0
    with path.open("rb") as file:
        while block := file.read(CHUNK_BYTES):
            block += file.readline()
            end = start + len(block)
            yield Lines(str(path), path.name, start, end, first, before + end)
            first, start = first + block.count(b"\n"), end


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


def decode(catalogue: Catalogue, decoder: Decoder, chunk: Chunk) -> tuple[EventBatch, list[Refused]]:
    """The events of a chunk in its order, and what was refused."""
    if isinstance(chunk, Events):
        return EventBatch.from_ipc(catalogue, chunk.message)[0], []
    numbers, values = _records(chunk) if isinstance(chunk, Lines) else (chunk.numbers, chunk.values)
    batch, _, rejects = decoder.decode(values, lambda i: f"{chunk.name}/{numbers[i]}")
    return batch, [Refused(chunk.name, numbers[r.index], r.reason, r.message) for r in rejects]


def _records(lines: Lines) -> tuple[Sequence[int], list[bytes]]:
    """(line numbers, records) of a stretch; blank lines are no records."""
    with Path(lines.path).open("rb") as file:
        file.seek(lines.start)
        records = file.read(lines.end - lines.start).splitlines()
    numbers = range(lines.first, lines.first + len(records))
    stripped = [record.strip() for record in records]
    if all(stripped):
        return numbers, stripped
    kept = [(number, record) for number, record in zip(numbers, stripped, strict=True) if record]
    return [number for number, _ in kept], [record for _, record in kept]
