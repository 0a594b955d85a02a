"""Places in a hop partition's log from which it may be read again: what had been heard there, and the clock."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from risk_stream.catalogue import MISSING
from risk_stream.stream.letters.channels import Channels

__all__ = ["CUT", "Mark", "Marks"]

#: Events between two marks, about: so many more than needed may be read again.
CUT = 4096


@dataclass(frozen=True, slots=True)
class Mark:
    """A place before a record."""

    offset: int
    channels: Channels
    clock: int  # after the last record with events before it, ms


class Marks:
    """Marks of one partition, oldest first."""

    def __init__(self, offset: int, channels: Channels, clock: int = MISSING) -> None:
        self._marks = deque([Mark(offset, channels.copy(), clock)])
        self._events = 0

    def __len__(self) -> int:
        return len(self._marks)

    def pass_over(self, events: int) -> None:
        """A record with so many events comes behind the last mark."""
        self._events += events

    def cut(self, offset: int, channels: Channels, clock: int) -> None:
        """Set a mark before the record at `offset`, if enough events came since the last one."""
        if self._events >= CUT:
            self._marks.append(Mark(offset, channels.copy(), clock))
            self._events = 0

    def before(self, offset: int) -> Mark:
        """The last mark at or before an offset. Those in front of it are forgotten: offsets asked for never go back."""
        while len(self._marks) > 1 and self._marks[1].offset <= offset:
            self._marks.popleft()
        return self._marks[0]
