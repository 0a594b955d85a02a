"""Parts: what a state puts on record, in pieces small enough to be messages, each saying by itself what it is.

A part is a head (magic, format, what it holds, the kind of key, the positions it spans) and sections, each a tag and a
length. Numbers stand in planes: n values as unsigned differences from their least, as narrow as these allow.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from risk_stream.catalogue.formats import WINDOWS
from risk_stream.features._jit import Ints
from risk_stream.features._words import MISSING

__all__ = [
    "IMAGE",
    "JOURNAL",
    "MOST_BYTES",
    "Head",
    "PartError",
    "Reader",
    "head_of",
    "make_part",
    "plane",
    "sections",
    "width_of",
]

#: Bytes of a part at most: below what a broker takes as one message by default.
MOST_BYTES: Final = 900_000
#: What a part may hold.
JOURNAL: Final = 1
IMAGE: Final = 2

_MAGIC: Final = b"rskw"
_HEAD: Final = struct.Struct("<4sHHHxxxxxxqq")  # magic, format, what, bytes of the kind's name, from, to
_SECTION: Final = struct.Struct("<Iq")
_PLANE: Final = struct.Struct("<BBxxxxxxqq")  # width, whether 0 is missing, n, least


class PartError(Exception):
    """Raised where bytes are not a part that this release can read; the message says what they are instead."""


@dataclass(frozen=True, slots=True)
class Head:
    """What a part says of itself: JOURNAL or IMAGE, of which kind of key, and the positions it spans."""

    what: int
    kind: str
    start: int
    stop: int


def make_part(head: Head, sections: Sequence[tuple[int, bytes]]) -> bytes:
    """The bytes of a part."""
    name = head.kind.encode()
    said = [_HEAD.pack(_MAGIC, WINDOWS.newest, head.what, len(name), head.start, head.stop), name]
    for tag, body in sections:
        said += [_SECTION.pack(tag, len(body)), body]
    return b"".join(said)


def head_of(part: bytes) -> Head:
    """What a part is. Raises `PartError` where it is none, `LaterFormatError` where a later release wrote it."""
    if len(part) < _HEAD.size or part[:4] != _MAGIC:
        raise PartError("these bytes are no part of the windows' state: the state topic holds something else")
    _, written, what, size, start, stop = _HEAD.unpack_from(part)
    WINDOWS.check(written)
    return Head(what, part[_HEAD.size : _HEAD.size + size].decode(), start, stop)


def sections(part: bytes) -> Iterator[tuple[int, Reader]]:
    """The sections behind a part's head, in order: tag and a reader of what is in it."""
    _, _, _, size, _, _ = _HEAD.unpack_from(part)
    at = _HEAD.size + size
    while at < len(part):
        tag, length = _SECTION.unpack_from(part, at)
        at += _SECTION.size
        if at + length > len(part):
            raise PartError("this part of the windows' state ends in the middle: it was cut short on its way")
        yield tag, Reader(part, at)
        at += length


def width_of(values: Ints) -> int:
    """Bytes that `plane` takes for each of these values."""
    return _narrow(values)[0]


def _narrow(values: Ints) -> tuple[int, bool, int]:
    """(bytes per value, whether 0 stands for missing, the least value) of a plane."""
    if len(values) == 0:
        return 0, False, 0
    least, most = int(values.min()), int(values.max())
    if least == most:
        return 0, False, least
    holes = least == MISSING
    if holes:
        least = int(values[values != MISSING].min())
    span = most - least + holes
    for width in (1, 2, 4):
        if span < 1 << (8 * width):
            return width, holes, least
    return 8, False, 0


def plane(values: Ints) -> bytes:
    """int64[n] as bytes: read again by `Reader.plane`."""
    width, holes, least = _narrow(values)
    head = _PLANE.pack(width, holes, len(values), least)
    if width == 0:
        return head
    if width == 8:
        return head + np.ascontiguousarray(values).tobytes()
    codes = values - least
    if holes:
        codes += 1
        codes[values == MISSING] = 0
    return head + codes.astype(f"<u{width}").tobytes()


class Reader:
    """Reads what stands one behind the other in a section."""

    __slots__ = ("_at", "_part")

    def __init__(self, part: bytes, at: int) -> None:
        self._part, self._at = part, at

    def plane(self) -> Ints:
        """The next plane's int64[n]."""
        width, holes, n, least = _PLANE.unpack_from(self._part, self._at)
        self._at += _PLANE.size
        if width == 0:
            return np.full(n, least, np.int64)
        kind = "<i8" if width == 8 else f"<u{width}"
        codes = np.frombuffer(self._part, kind, n, self._at)
        self._at += width * n
        values = codes.astype(np.int64)
        if width == 8:
            return values
        if holes:
            missing = codes == 0
            values += least - 1
            values[missing] = MISSING
        else:
            values += least
        return values
