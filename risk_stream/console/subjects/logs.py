"""A subject's events, read back from the house's logs: found by their times, bounded in records and in seconds.

An origin keeps its events nearly in the order of their times, so where a time lies in a partition is found by halving,
without reading what is before it. What is not read, or not there any more, is said in a sentence each.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from risk_stream.catalogue import Catalogue, Decoder, EventBatch
from risk_stream.kafka import Reader, Span
from risk_stream.settings import Settings

if TYPE_CHECKING:
    from aiokafka.structs import ConsumerRecord

__all__ = ["Bounds", "Found", "Gap", "Keys", "Window", "holds", "nearest", "read_subject", "rows_of"]

#: Kind of key -> the keys of a subject: an event that has one of them is the subject's.
Keys = Mapping[str, Collection[str]]

#: Records looked at to know the time at a place: their middle is right though some of them were refused for theirs.
PROBE = 24

#: A partition with fewer records is read whole: finding a place in it costs as much.
SMALL = 2_000

#: Bytes of a partition that one look asks for.
PROBE_BYTES = 32 << 10

#: Texts that JSON can write in one way alone: a record without them is not one with this key.
_PLAIN = re.compile(r"[A-Za-z0-9_.:-]+")


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much one reading may take: records, and seconds from its begin."""

    records: int = 200_000
    seconds: float = 8.0


@dataclass(frozen=True, slots=True)
class Window:
    """The time that is asked for, ms before and after `about`; None: the newest event there is."""

    about: int | None
    before_ms: int
    after_ms: int = 0


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that cannot be told: `says` in a sentence, `what` it is as a word, for pages in another language.

    `older`: the logs have let it go; `records` of `of` were looked at, or are shown, or were within `seconds`.
    """

    what: Literal["older", "newest", "nearest", "shown", "seconds"]
    says: str
    records: int = 0
    of: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Found:
    """Events of a subject from `start` to `end`, ms, in the order of the logs, and what cannot be told of it."""

    events: tuple[EventBatch, ...]
    about: int
    start: int
    end: int
    gaps: tuple[Gap, ...]
    read: int  # records that were looked at
    front: int = 0  # the latest time of those that were looked at for theirs, ms: how far the house is

    def rows(self) -> list[dict[str, object]]:
        """The events as dicts of their fields, in the order of (time, id); one that came twice once."""
        found: dict[str, dict[str, object]] = {}
        for batch in self.events:
            for row in range(len(batch)):
                event = batch.row(row)
                found[str(event["id"])] = {**event, "type": batch.text("type", row)}
        return sorted(found.values(), key=lambda event: (event["time"], event["id"]))


def read_subject(
    settings: Settings,
    catalogue: Catalogue,
    keys: Keys,
    window: Window | None = None,
    *,
    topics: Collection[str] | None = None,
    bounds: Bounds | None = None,
) -> Found:
    """The events with one of these keys; blocks, and is to be called in a thread. Without a window: all there are.

    `topics` are those to look in, all origins if left out.

    Raises:
        BrokerError: Kafka does not answer, or a topic is not there.
    """
    asked = [topic for topic in settings.origin_topics if topics is None or topic in topics]
    reading = _Reading(settings, catalogue, keys, bounds or Bounds())
    return asyncio.run(reading.run(asked, window))


class _Reading:
    """One reading of some topics."""

    def __init__(self, settings: Settings, catalogue: Catalogue, keys: Keys, bounds: Bounds) -> None:
        self.settings, self.keys, self.bounds = settings, keys, bounds
        self.decoder = Decoder(catalogue)
        self.late_ms = round(settings.lateness_seconds * 1000)
        self._until = time.monotonic() + bounds.seconds
        self._holds = holds(keys)
        self.gaps: list[Gap] = []
        self.front = 0

    async def run(self, topics: Sequence[str], window: Window | None) -> Found:
        async with Reader(self.settings.broker) as reader:
            spans = [span for span in await reader.spans(topics) if len(span) > 0]
            if window is None or not spans:
                about = start = end = 0
            else:
                spans, about, start, end = await self._in(spans, window)
            spans = self._bounded(spans, newest=window is None or not window.after_ms)
            events, read = await self._read(reader, spans)
        if window is not None:
            events = [batch.take(np.flatnonzero((batch.times >= start) & (batch.times <= end))) for batch in events]
        elif events:
            start = min(int(batch.times.min()) for batch in events)
            about = end = max(int(batch.times.max()) for batch in events)
        return Found(
            tuple(batch for batch in events if len(batch)), about, start, end, tuple(self.gaps), read, self.front
        )

    async def _in(self, spans: Sequence[Span], window: Window) -> tuple[list[Span], int, int, int]:
        """The parts of spans in which the window lies, and the time it is about, begins and ends at, ms."""
        async with Reader(self.settings.broker, fetch_bytes=PROBE_BYTES) as probe:
            firsts = await self._times(probe, spans, [span.start for span in spans])
            about = window.about
            if about is None:
                lasts = await self._times(probe, spans, [max(span.start, span.end - PROBE) for span in spans])
                about = max((at for at in lasts if at is not None), default=0)
            start, end = about - window.before_ms, about + window.after_ms
            begins = await self._places(probe, spans, start - self.late_ms)
            ends = [span.end for span in spans]
            if window.about is not None:
                rest = [replace(span, start=begin) for span, begin in zip(spans, begins, strict=True)]
                ends = await self._places(probe, rest, end + 2 * self.late_ms + 1, after=True)
        cut = [at for span, at in zip(spans, firsts, strict=True) if span.start > 0 and at is not None and at > start]
        if cut:
            self.gaps.append(Gap("older", "what is older than the logs keep is not here"))
        parts = [replace(s, start=b, end=e) for s, b, e in zip(spans, begins, ends, strict=True)]
        mended = self.settings.mended_topic  # its events come long after their times: it is in no order
        parts = [all_of if part.topic == mended else part for part, all_of in zip(parts, spans, strict=True)]
        return parts, about, start, end

    async def _places(self, probe: Reader, spans: Sequence[Span], time_ms: int, *, after: bool = False) -> list[int]:
        """An offset of each span before which all events are of before a time, or after which all are of after it."""
        low, high = [span.start for span in spans], [span.end for span in spans]
        while wide := [i for i in range(len(spans)) if high[i] - low[i] > SMALL]:
            middles = [(low[i] + high[i]) // 2 for i in wide]
            times = await self._times(probe, [spans[i] for i in wide], middles)
            for i, middle, at in zip(wide, middles, times, strict=True):
                if at is None or at >= time_ms:
                    high[i] = middle
                else:
                    low[i] = middle
        return high if after else low

    async def _times(self, probe: Reader, spans: Sequence[Span], offsets: Sequence[int]) -> list[int | None]:
        """The time of the events at an offset of each span, ms; None where no event is."""
        asked = [replace(s, start=at, end=min(s.end, at + PROBE)) for s, at in zip(spans, offsets, strict=True)]
        seen: dict[tuple[str, int], list[int]] = {}
        async for records in probe.read(asked):
            for record, batch in ((r, self._decoded([r])) for r in records):
                seen.setdefault((record.topic, record.partition), []).extend(batch.times.tolist())
        times = [sorted(seen.get((span.topic, span.partition), ())) for span in spans]
        return [one[len(one) // 2] if one else None for one in times]

    def _bounded(self, spans: Sequence[Span], *, newest: bool) -> list[Span]:
        """As many of the records as may be read, of each span in proportion: its newest, or those in its middle."""
        total, most = sum(map(len, spans)), self.bounds.records
        if total <= most:
            return list(spans)
        which: Literal["newest", "nearest"] = "newest" if newest else "nearest"
        says = f"of {total:,} records of that time the {most:,} {which} were looked at"
        self.gaps.append(Gap(which, says, most, total))
        kept = []
        for span in spans:
            size = len(span) * most // total
            begin = span.end - size if newest else span.start + (len(span) - size) // 2
            kept.append(replace(span, start=begin, end=begin + size))
        return kept

    async def _read(self, reader: Reader, spans: Sequence[Span]) -> tuple[list[EventBatch], int]:
        found, read, total = list[EventBatch](), 0, sum(map(len, spans))
        async for records in reader.read(spans):
            read += len(records)
            self._decoded(records[-PROBE:])
            wanted = [record for record in records if self._holds(record.value)]
            if wanted:
                batch = self._decoded(wanted)
                rows = rows_of(batch, self.keys)
                if len(rows):
                    found.append(batch.take(rows))
            if time.monotonic() > self._until and read < total:
                seconds = self.bounds.seconds
                says = f"only {read:,} of {total:,} records were looked at within {seconds:g} s"
                self.gaps.append(Gap("seconds", says, read, total, seconds))
                break
        return found, read

    def _decoded(self, records: Sequence[ConsumerRecord]) -> EventBatch:
        def place(i: int) -> str:
            return f"{records[i].topic}/{records[i].partition}/{records[i].offset}"

        batch, _, _ = self.decoder.decode([record.value for record in records], place)
        self.front = max(self.front, int(batch.times.max(initial=0)))
        return batch


def holds(keys: Keys) -> Callable[[bytes | None], bool]:
    """Whether a record may be an event with one of these keys, by its bytes alone: most are not, and not decoded."""
    texts = {key for some in keys.values() for key in some}
    if not texts:
        return lambda _: False
    if not all(_PLAIN.fullmatch(text) for text in texts):
        return lambda value: value is not None
    pattern = re.compile(b"|".join(b'"' + re.escape(text.encode()) + b'"' for text in sorted(texts)))
    return lambda value: value is not None and pattern.search(value) is not None


def rows_of(batch: EventBatch, keys: Keys) -> list[int]:
    """The places in a batch of the events that have one of these keys."""
    found: set[int] = set()
    for kind, some in keys.items():
        if batch.has(kind) and some:
            found.update(row for row, text in enumerate(batch.texts(kind, range(len(batch)))) if text in some)
    return sorted(found)


def nearest(rows: Iterable[dict[str, object]], about: int, most: int) -> tuple[list[dict[str, object]], int]:
    """Those of the events that are nearest to a time, in their order, not more than `most`; and how many there were."""
    every = list(rows)
    order = sorted(range(len(every)), key=lambda i: (abs(int(str(every[i]["time"])) - about), -i))
    return [every[i] for i in sorted(order[:most])], len(every)
