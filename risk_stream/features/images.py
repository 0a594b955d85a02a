"""Images of chunks: all keys of some chunks of a state's index, as parts, and parts put into a state again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from risk_stream.features._jit import Ints
from risk_stream.features._kernel_image import (
    HEADS,
    PANE_WORDS,
    clear_chunks,
    copy_chunks,
    load_keys,
    measure_chunks,
    replay_rows,
)
from risk_stream.features._parts import (
    IMAGE,
    MOST_BYTES,
    Head,
    PartError,
    Reader,
    head_of,
    make_part,
    plane,
    sections,
    width_of,
)
from risk_stream.features._words import K_POSITION, K_SERIAL, K_TRUNC

__all__ = ["ImageOf", "load_image", "make_image", "measure", "replay_rows", "serial_of"]

#: The one section of an image's part.
_KEYS: Final = 1
#: Room in a part for its head and the heads of its planes.
_ASIDE: Final = 8192


@dataclass(frozen=True, slots=True)
class ImageOf:
    """Which chunks [start, stop) an image holds, as of which position; of two of a chunk the higher serial is newer."""

    kind: str
    start: int
    stop: int
    position: int
    serial: int


def measure(heap: Ints, chunks: Ints, start: int, stop: int, keep_from: int) -> tuple[int, int, int]:
    """(keys, rows, panes) that an image of chunks [start, stop) would hold."""
    out = np.zeros(3, np.int64)
    measure_chunks(heap, chunks, start, stop, keep_from, out)
    return int(out[0]), int(out[1]), int(out[2])


def make_image(heap: Ints, chunks: Ints, of: ImageOf, *, keep_from: int, row_words: int) -> list[bytes]:
    """Parts that hold the chunks' keys with all rows later than `keep_from`, `row_words` words each."""
    keys, n_rows, n_panes = measure(heap, chunks, of.start, of.stop, keep_from)
    heads = np.empty((HEADS, keys), np.int64)
    rows = np.empty((row_words, n_rows), np.int64)
    panes = np.empty((PANE_WORDS, n_panes), np.int64)
    copy_chunks(heap, chunks, of.start, of.stop, keep_from, heads, rows, panes)
    pieces, per_row = _pieces(heads, rows, panes)
    bounds = _bounds(pieces, per_row)
    truncs = plane(chunks[of.start : of.stop, K_TRUNC])
    parts = []
    for index in range(len(bounds) - 1):
        piece = pieces[:, bounds[index] : bounds[index + 1]]
        said = [of.start, of.stop, of.position, of.serial, index, len(bounds) - 1, len(chunks), row_words]
        body = [plane(np.array(said, np.int64)), truncs]
        for part in (piece[:HEADS], _cut(rows, piece, 6, 4), _cut(panes, piece, 7, 5)):
            body += [plane(words) for words in part]
        head = Head(IMAGE, of.kind, of.position, of.position)
        parts.append(make_part(head, [(_KEYS, b"".join(body))]))
    return parts


def _pieces(heads: Ints, rows: Ints, panes: Ints) -> tuple[Ints, tuple[int, int, int]]:
    """Keys, those with too many rows for one part cut into several; -> [HEADS + 2, pieces], bytes a key, row, pane.

    Behind a piece's head words come its first row and its first pane.
    """
    costs = (sum(map(width_of, heads)), max(1, sum(map(width_of, rows))), sum(map(width_of, panes)))
    most = MOST_BYTES // 3 // costs[1]
    times = np.maximum(1, -(-heads[4] // most))
    first_row = np.cumsum(heads[4]) - heads[4]
    first_pane = np.cumsum(heads[5]) - heads[5]
    pieces = np.repeat(np.vstack([heads, first_row, first_pane]), times, axis=1)
    if len(pieces[0]) > len(heads[0]):
        nth = np.arange(len(pieces[0])) - np.repeat(np.cumsum(times) - times, times)
        pieces[4] = np.minimum(pieces[4] - nth * most, most)
        pieces[6] += nth * most
        pieces[7] += np.where(nth > 0, pieces[5], 0)
        pieces[5] = np.where(nth > 0, 0, pieces[5])
    return pieces, costs


def _bounds(pieces: Ints, costs: tuple[int, int, int]) -> list[int]:
    """Where parts begin and end, so that each is as large as it may be."""
    n = len(pieces[0])
    cumulated = np.cumsum(np.concatenate([[0], costs[0] + pieces[4] * costs[1] + pieces[5] * costs[2]]))
    room, bounds = MOST_BYTES - _ASIDE, [0]
    while bounds[-1] < n:
        at = bounds[-1]
        stop = int(np.searchsorted(cumulated, cumulated[at] + room, "right")) - 1
        bounds.append(max(at + 1, stop))
    return bounds if n else [0, 0]


def _cut(planes: Ints, piece: Ints, first: int, count: int) -> Ints:
    """The rows or panes of some pieces, which stand one behind the other."""
    if len(piece[0]) == 0:
        return planes[:, :0]
    begin = int(piece[first, 0])
    return planes[:, begin : begin + int(piece[count].sum())]


def _read(part: bytes) -> tuple[list[int], Reader]:
    head = head_of(part)
    found = next(sections(part), None) if head.what == IMAGE else None
    if found is None or found[0] != _KEYS:
        raise PartError("this part of the windows' state is no image")
    return found[1].plane().tolist(), found[1]


def serial_of(part: bytes) -> tuple[int, int, int]:
    """(serial, index of the part, parts in all) of an image's part."""
    said, _ = _read(part)
    return said[3], said[4], said[5]


def load_image(heap: Ints, chunks: Ints, plan: Ints, part: bytes) -> tuple[int, int]:
    """Put the keys of a part in, unless a newer image of their chunk is in; -> its position and serial.

    The first part of an image first empties the chunks; the others must follow in order.
    """
    said, body = _read(part)
    start, stop, position, serial, index, _, n_chunks, row_words = said
    if n_chunks != len(chunks):
        raise PartError(
            f"the windows' state was written with an index of {n_chunks} chunks, and this one has {len(chunks)}:"
            " start with as many"
        )
    truncs = body.plane()
    lines = chunks[start:stop]
    if index == 0:
        for chunk in (start + np.flatnonzero(lines[:, K_SERIAL] < serial)).tolist():
            clear_chunks(heap, chunks, chunk, chunk + 1)
            chunks[chunk, [K_POSITION, K_SERIAL, K_TRUNC]] = position, serial, truncs[chunk - start]
    heads, rows, panes = (np.stack([body.plane() for _ in range(n)]) for n in (HEADS, row_words, PANE_WORDS))
    load_keys(heap, chunks, plan, serial, heads, rows, panes)
    return position, serial
