"""What a sender has promised to whom: that another record of a channel comes to a hop partition.

A hop partition holds back what it has read while channels with open promises may still bring earlier events. So a
promise that was made is kept in each turn, with events or without, until it is taken back. What a worker that died had
promised is over when the next owner tells its fronts in a new generation, as it does to all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from risk_stream.catalogue import MISSING, EventBatch
from risk_stream.kafka import Outgoing
from risk_stream.stream.letters.fronts import Target
from risk_stream.stream.letters.sections import Said, Section, write_fronts, write_letters

__all__ = ["Promises"]


class Promises:
    """The open promises of the channels of one worker, and its messages to hop partitions, which make and keep them."""

    def __init__(self, hop_topic: Callable[[str], str]) -> None:
        self._hop_topic = hop_topic
        self._open: dict[str, set[Target]] = {}
        self._told: set[tuple[str, Target]] = set()  # since the last `owed`

    def forget(self) -> None:
        """A new generation has begun: all are told anew."""
        self._open.clear()
        self._told.clear()

    def is_open(self, channel: str) -> bool:
        """Whether the channel has promised anything to anybody."""
        return bool(self._open.get(channel))

    def told(self, target: Target, sections: Iterable[Section], *, last: bool = True) -> None:
        """A message with these sections goes to a hop partition; it is the `last` one of this turn, or not."""
        for section in sections:
            if section.more != MISSING or not last:
                self._open.setdefault(section.channel, set()).add(target)
            elif section.channel in self._open:
                self._open[section.channel].discard(target)
            if last:
                self._told.add((section.channel, target))

    def owed(self, sections: Sequence[Section]) -> Iterator[tuple[Target, list[Said]]]:
        """What is to be told, without events, to those with open promises that had no message in this turn."""
        owed: dict[Target, list[Said]] = {}
        for section in sections:
            targets = self._open.get(section.channel, set())
            for target in [t for t in targets if (section.channel, t) not in self._told]:
                owed.setdefault(target, []).append(section.said())
                if section.more == MISSING:
                    targets.discard(target)
        self._told.clear()
        yield from owed.items()

    def letters(
        self,
        target: Target,
        batch: EventBatch,
        sections: Sequence[Section],
        plan: str,
        *,
        last: bool = True,
        upto: int | None = None,
    ) -> Iterator[Outgoing]:
        """Messages with events for one hop partition; as for `told` and `write_letters`."""
        kind, partition = target
        self.told(target, sections, last=last)
        for value in write_letters(batch, sections, plan, last=last, upto=upto):
            yield Outgoing(self._hop_topic(kind), value, partition=partition)

    def kept(self, sections: Sequence[Section]) -> Iterator[Outgoing]:
        """Messages without events that say what is owed."""
        for (kind, partition), said in self.owed(sections):
            yield Outgoing(self._hop_topic(kind), write_fronts(said), partition=partition)
