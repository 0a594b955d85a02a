"""The past of some events: what the house sent of their keys, read back from its topics."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from risk_stream.catalogue import MISSING, Catalogue, Decoder, EventBatch, text_hash
from risk_stream.engine import broadcast_rows
from risk_stream.kafka import Reader
from risk_stream.rules import Plan
from risk_stream.settings import Settings
from risk_stream.stream.past.rejects import Choice, read_rejects

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["History", "in_order", "past_of", "read_events", "refused_for_their_time"]

#: Events judged at once.
BLOCK = 4_000


async def past_of(settings: Settings, plan: Plan, event: str) -> list[EventBatch]:
    """The event with this id and all that shares a key with it; nothing where it is not among those that were judged.

    Raises:
        BrokerError: Kafka does not answer.
    """
    decoder, found = Decoder(plan.catalogue), list[EventBatch]()
    async with Reader(settings.broker) as reader:
        refused = await refused_for_their_time(reader, settings, "future", "late")
        history = History(plan.catalogue)
        async for events in read_events(reader, settings, decoder, refused):
            history.learn(events)
            rows = np.flatnonzero(events.hashes("id") == text_hash(event))
            if len(rows):
                found.append(events.take(rows))
        if not found:
            return []
        history.want(EventBatch.concat(found), plan.longest_after_ms)
        history.close()
        async for events in read_events(reader, settings, decoder, refused):
            history.add(events)
    return history.batches


def in_order(batches: Sequence[EventBatch]) -> Iterator[EventBatch]:
    """Batches as batches of `BLOCK` events in the order of (time, id), an event that is in several of them once."""
    if not batches:
        return
    together = EventBatch.concat(batches)
    names = together.hashes("id")
    _, first = np.unique(names, return_index=True)
    order = first[np.lexsort((names[first], together.times[first]))]
    for at in range(0, len(order), BLOCK):
        yield together.take(order[at : at + BLOCK])


class History:
    """The events that share a key with given ones, also where a key is filled in by its owner.

    `learn` of all events and `want` those given, in any order; then `close`, and `add` all events again. Keys are known
    by their 64-bit hashes, by kind: two that share one only add events that change nothing.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue, self.batches = catalogue, list[EventBatch]()
        self.latest = MISSING
        self._wanted: dict[str, set[int]] = {kind.name: set() for kind in catalogue.kinds}
        self._owners: dict[str, dict[int, set[int]]] = {}  # kind -> key -> whoever is said to own it
        self._selected: Mapping[str, NDArray[np.int64]] = {}

    def want(self, given: EventBatch, beyond_ms: int = 0) -> None:
        """The past of these is wanted, and what comes up to `beyond_ms` after the last, for rules that judge later."""
        self.latest = max(self.latest, int(given.times.max()) + beyond_ms)
        for kind, wanted in self._wanted.items():
            wanted |= _keys(given, kind)
        self.learn(given)

    def learn(self, events: EventBatch) -> None:
        """Take in who owns which key; where events contradict each other, all of them: the engine decides."""
        for kind in self.catalogue.kinds:
            if kind.belongs_to is None or not events.has(kind.name) or not events.has(kind.belongs_to):
                continue
            keys, owners = events.hashes(kind.name), events.hashes(kind.belongs_to)
            teaches = np.array([t.name in kind.learnt_from for t in self.catalogue.types])[events.types]
            rows = np.flatnonzero((keys != 0) & (owners != 0) & teaches)
            if len(rows) == 0:
                continue
            known = self._owners.setdefault(kind.name, {})
            for key, owner in zip(keys[rows].tolist(), owners[rows].tolist(), strict=True):
                known.setdefault(key, set()).add(owner)

    def close(self) -> None:
        """All owners are known: say which keys the events to be added have."""
        chain = [kind for kind in self.catalogue.kinds if kind.belongs_to is not None]
        wanted = self._wanted
        for _ in chain:  # an owner may have an owner
            for kind in chain:
                owners = self._owners.get(kind.name, {})
                wanted[str(kind.belongs_to)].update(*(owners[key] for key in wanted[kind.name] if key in owners))
        selected = {name: set(keys) for name, keys in wanted.items()}
        for _ in chain:  # events of a key come to its owner too
            for kind in chain:
                of = selected[str(kind.belongs_to)]
                selected[kind.name] |= {k for k, said in self._owners.get(kind.name, {}).items() if said & of}
        self._selected = {name: np.fromiter(keys, np.int64, len(keys)) for name, keys in selected.items()}

    def add(self, events: EventBatch) -> None:
        """Keep those that share a key and come in time, and changes of lists, which belong to no key."""
        shares = broadcast_rows(events)
        for name, selected in self._selected.items():
            if len(selected) and events.has(name):
                shares |= np.isin(events.hashes(name), selected)
        rows = np.flatnonzero(shares & (events.times <= self.latest))
        if len(rows):
            self.batches.append(events.take(rows))


def _keys(batch: EventBatch, kind: str) -> set[int]:
    """The hashes of the keys of a kind; a missing one's is 0."""
    return set(batch.hashes(kind).tolist()) - {0} if batch.has(kind) else set()


async def refused_for_their_time(reader: Reader, settings: Settings, *reasons: str) -> dict[tuple[str, int], set[int]]:
    """The offsets of records that are events, but were refused as `late` or `future`; by topic and partition."""
    found: dict[tuple[str, int], set[int]] = {}
    async for rejects in read_rejects(reader, settings, Choice(reasons=frozenset(reasons))):
        for rejected in rejects:
            found.setdefault((rejected.topic, rejected.partition), set()).add(rejected.offset)
    return found


async def read_events(
    reader: Reader,
    settings: Settings,
    decoder: Decoder,
    refused: Mapping[tuple[str, int], set[int]],
    saw: Callable[[str, EventBatch, int], None] | None = None,
) -> AsyncIterator[EventBatch]:
    """All events of the house topics and of what was mended, as workers accepted them or refused them as late.

    `refused` are offsets to leave out. `saw` is told of each batch: its origin, and when the broker got its last, ms.
    """
    topics = [topic for topic in settings.origin_topics if topic != settings.canary_topic]
    async for records in reader.read(await reader.spans(topics)):
        if not records:
            continue
        topic, partition = records[0].topic, records[0].partition
        without = refused.get((topic, partition), ())
        kept = [record for record in records if record.offset not in without]
        batch, _, _ = decoder.decode(
            [record.value for record in kept],
            lambda i, kept=kept, at=f"{topic}/{partition}": f"{at}/{kept[i].offset}",  # type: ignore[misc]
        )
        if len(batch):
            if saw is not None:
                saw(f"{topic}/{partition}", batch, kept[-1].timestamp)
            yield batch
