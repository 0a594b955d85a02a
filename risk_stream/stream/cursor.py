"""Where a partition's reader stands: each record is taken once, in order, and none is stepped over unseen."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from risk_stream.kafka import Record

__all__ = ["Cursor", "Step"]


class Step(Enum):
    """What to do with a run of records."""

    TAKE = "take"  # those from the cursor on
    SEEK = "seek"  # records are missing before it: read again from the cursor
    ANEW = "anew"  # another worker was here meanwhile: what was built of the partition is void


class Cursor:
    """The next offset of one partition.

    Faust has windows, at a rebalance above all, in which a run is delivered whose predecessors were dropped. A run that
    begins above the cursor is therefore asked for once more; if it comes again the gap is a true one (compaction).
    """

    def __init__(self, start: int | None = None, generation: int | None = None) -> None:
        self.next = start
        self._generation = generation
        self._gap: tuple[int, int] | None = None

    def place(self, first: int, generation: int) -> Step:
        """What to do with a run that begins at offset `first`, fetched under a generation of the group."""
        new, self._generation = generation != self._generation, generation
        if self.next is None or first <= self.next:
            return Step.TAKE
        if new:
            self.next, self._gap = None, None
            return Step.ANEW
        if self._gap == (self.next, first):
            return Step.TAKE
        self._gap = (self.next, first)
        return Step.SEEK

    def take(self, records: Sequence[Record]) -> Sequence[Record]:
        """The records from the cursor on; the cursor then stands behind them."""
        start = self.next
        if start is not None and records[0].offset < start:
            records = [r for r in records if r.offset >= start]
        if records:
            self.next = records[-1].offset + 1
        return records

    def take_own(self, offset: int, generation: int) -> bool:
        """Take the record at an offset without reading it, if it is the next one in the generation that is read."""
        if offset != self.next or generation != self._generation:
            return False
        self.next = offset + 1
        return True
