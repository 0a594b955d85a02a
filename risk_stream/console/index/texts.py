"""Texts of rows, laid end to end, in which any piece of a word is found without reading all of them.

Texts are kept in segments of SEGMENT entries. Of a full one, 512 bits an entry say which three bytes in a row it may
hold, kept bit by bit: a word's bits are put together, and only texts that have them all are read. What is changed or
dropped leaves a hole; a segment that is more hole than text is written anew, so no more than twice the texts is kept.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from risk_stream.console.index._text_kernel import SMALL, having

__all__ = ["SEGMENT", "Texts", "fold"]

SEGMENT = 4_096
BITS = 512


def fold(word: str) -> bytes:
    """A word as it is looked for: letters A to Z are as small ones."""
    return word.encode("utf-8", "replace").lower()


class Texts:
    """One text for each of some numbers (slots); none has the bytes of another's in it."""

    def __init__(self) -> None:
        self._segments: list[_Segment] = []
        self._open = _Segment()
        self._place: dict[int, tuple[_Segment, int]] = {}
        self.find(["x"], np.zeros(1, dtype=bool))  # so that the kernel is there before somebody searches

    def put(self, slot: int, text: str) -> None:
        """Keep a text, in place of what the slot had."""
        self.drop(slot)
        self._add(slot, text.encode("utf-8", "replace"))

    def text(self, slot: int) -> str:
        """What a slot has. Raises `KeyError` where it has nothing."""
        segment, entry = self._place[slot]
        return segment.text(entry).decode()

    def drop(self, slot: int) -> None:
        """Forget what a slot has, if anything."""
        place = self._place.pop(slot, None)
        if place is None:
            return
        segment, entry = place
        segment.owners[entry] = -1
        segment.live -= 1
        if segment.sealed and segment.live < SEGMENT // 2:
            self._segments.remove(segment)
            self._add_again(segment)

    def find(self, words: Sequence[str], among: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which of the slots of a mask have all of some words in their text, as a mask."""
        found = np.zeros(len(among), dtype=bool)
        needles = [np.frombuffer(fold(word), dtype=np.uint8) for word in words]
        for segment in (*self._segments, self._open):
            found[segment.find(needles, among)] = True
        return found

    def holds(self, slot: int, words: Sequence[bytes]) -> bool:
        """Whether a slot's text has all of some folded words."""
        segment, entry = self._place[slot]
        text = segment.text(entry).lower()
        return all(word in text for word in words)

    def _add(self, slot: int, text: bytes) -> None:
        segment = self._open
        self._place[slot] = segment, segment.add(slot, text)
        if segment.entries == SEGMENT:
            self._open = _Segment()
            if segment.live < SEGMENT // 2:
                self._add_again(segment)
            else:
                segment.seal()
                self._segments.append(segment)

    def _add_again(self, segment: _Segment) -> None:
        """Write what is left of a segment anew."""
        for entry in np.flatnonzero(segment.owners[: segment.entries] >= 0).tolist():
            self._add(int(segment.owners[entry]), segment.text(entry))


class _Segment:
    """Texts end to end, whose they are (-1: nobody's any more), and once it is full which bytes they may hold."""

    __slots__ = ("data", "entries", "live", "marks", "owners", "starts")

    def __init__(self) -> None:
        self.data = bytearray()
        self.starts = np.zeros(SEGMENT + 1, dtype=np.int64)
        self.owners = np.full(SEGMENT, -1, dtype=np.int64)
        self.entries = self.live = 0
        self.marks: NDArray[np.uint8] | None = None

    @property
    def sealed(self) -> bool:
        return self.marks is not None

    def add(self, slot: int, text: bytes) -> int:
        entry = self.entries
        self.data += text
        self.starts[entry + 1] = len(self.data)
        self.owners[entry] = slot
        self.entries += 1
        self.live += 1
        return entry

    def text(self, entry: int) -> bytes:
        return bytes(self.data[self.starts[entry] : self.starts[entry + 1]])

    def seal(self) -> None:
        """Mark which bits each entry has; those of three bytes that reach into the next text do no harm."""
        data = np.frombuffer(bytes(self.data).lower(), dtype=np.uint8)
        marks = np.zeros((BITS, SEGMENT), dtype=bool)
        if len(data) > 2:
            lengths = np.diff(self.starts)
            entries = np.repeat(np.arange(SEGMENT), lengths)[: len(data) - 2]
            marks[_bits(data), entries] = True
        self.marks = np.packbits(marks, axis=1)

    def find(self, needles: Sequence[NDArray[np.uint8]], among: NDArray[np.bool_]) -> NDArray[np.int64]:
        """The slots of a mask whose text has all needles."""
        bits = np.concatenate([_bits(needle) for needle in needles])
        if self.marks is not None and len(bits):
            entries = np.flatnonzero(np.unpackbits(np.bitwise_and.reduce(self.marks[bits], axis=0)))
        else:
            entries = np.arange(self.entries)
        owners: NDArray[np.int64] = self.owners[entries]
        kept = (owners >= 0) & among[owners]  # -1 is nobody's: what the last slot is does not matter
        entries, data = entries[kept], np.frombuffer(self.data, dtype=np.uint8)
        for needle in needles:
            found = np.zeros(len(entries), dtype=bool)
            having(data, self.starts, entries, needle, SMALL, found)
            entries = entries[found]
        found_owners: NDArray[np.int64] = self.owners[entries]
        return found_owners


def _bits(data: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The bit of each three bytes in a row; of fewer none."""
    wide = data.astype(np.uint32)
    mixed = (wide[:-2] | wide[1:-1] << np.uint32(8) | wide[2:] << np.uint32(16)) * np.uint32(0x9E3779B1)
    bits: NDArray[np.int64] = (mixed >> np.uint32(32 - 9)).astype(np.int64)
    return bits
