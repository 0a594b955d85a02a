"""Where the house's topics end and how far the workers are: the age of the newest record, what waits, the clock.

One look asks Kafka for the ends and the group's commits, and reads the last few records of each origin.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from risk_stream.catalogue import MISSING, Catalogue
from risk_stream.catalogue.explain import parse_time
from risk_stream.console.quality.filled import Filled
from risk_stream.kafka import BrokerError, ConsumerClient, partition_counts
from risk_stream.settings import Settings, kafka_options
from risk_stream.stream.intake.origins import Committed

__all__ = ["Flow", "Look", "looked"]

#: How long a look is good for, and how long the last records of all origins may take, s.
FRESH, PATIENCE = 10.0, 3.0
#: The last records of each partition of a house topic that are looked at.
SAMPLE = 200


@dataclass(frozen=True, slots=True)
class Look:
    """One look. Ages are for whoever shows it to reckon: `at` is when it was taken, ms."""

    at: int
    origins: list[dict[str, Any]]
    hops: list[dict[str, Any]]
    filled: Filled = field(repr=False)


class _Timed(msgspec.Struct):
    """What of a record says its time: ms, or a text."""

    time: int | str


class Flow:
    """`await look()`; the same for all who ask within FRESH."""

    def __init__(self, settings: Settings, catalogue: Catalogue) -> None:
        self._settings, self._catalogue = settings, catalogue
        self._last: tuple[float, Look] | None = None
        self._turn = asyncio.Lock()

    async def look(self) -> Look:
        """Raises `BrokerError` where Kafka does not answer."""
        async with self._turn:
            if self._last is None or time.monotonic() - self._last[0] > FRESH:
                try:
                    self._last = time.monotonic(), await self._look()
                except (KafkaError, OSError, TimeoutError) as exc:
                    raise BrokerError(
                        f"Kafka does not answer at {self._settings.broker} ({exc!r}): ask again when it does"
                    ) from exc
            return self._last[1]

    async def _look(self) -> Look:
        settings = self._settings
        counts = await asyncio.to_thread(partition_counts, settings.broker)
        house = [topic for topic in settings.origin_topics if topic in counts]
        hops = [settings.hop_topic(kind.name) for kind in self._catalogue.kinds]
        hops = [topic for topic in [*hops, settings.alerts_topic] if topic in counts]
        places = [TopicPartition(topic, p) for topic in [*house, *hops] for p in range(counts[topic])]
        filled = Filled(self._catalogue)
        async with _consumer(settings) as consumer:
            begins = await consumer.beginning_offsets(places)
            ends = await consumer.end_offsets(places)
            origins = [place for place in places if place.topic in house]
            came = await _sample(consumer, origins, begins, ends, filled)
            commits = await _commits(consumer, places)
        return Look(
            int(time.time() * 1000),
            [_origin(place, begins[place], ends[place], commits.get(place), came.get(place)) for place in origins],
            looked(settings, hops, begins, ends, commits),
            filled,
        )


@contextlib.asynccontextmanager
async def _consumer(settings: Settings) -> AsyncIterator[ConsumerClient]:
    consumer = ConsumerClient(
        **kafka_options(settings.broker),
        client_id="risk-stream-console",
        group_id=settings.group,  # whose commits are asked for; it joins nothing, as it subscribes to nothing
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=256 << 10,
        fetch_max_wait_ms=100,
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def _commits(consumer: ConsumerClient, places: Sequence[TopicPartition]) -> dict[TopicPartition, tuple[int, str]]:
    """(offset, text) of each partition that the workers' group has committed."""
    found = await consumer._coordinator.fetch_committed_offsets(places)  # noqa: SLF001 - the text is told nowhere else
    return {place: (said.offset, said.metadata) for place, said in found.items() if said.offset >= 0}


async def _sample(
    consumer: ConsumerClient,
    places: Sequence[TopicPartition],
    begins: dict[TopicPartition, int],
    ends: dict[TopicPartition, int],
    filled: Filled,
) -> dict[TopicPartition, tuple[int, int | None]]:
    """Read the last records of each; -> (when the broker got the newest, the newest event time among them), ms."""
    left = {place: ends[place] for place in places if ends[place] > begins[place]}
    came: dict[TopicPartition, tuple[int, int | None]] = {}
    if not left:
        return came
    consumer.assign(list(left))
    for place, end in left.items():
        consumer.seek(place, max(begins[place], end - SAMPLE))
    until = time.monotonic() + PATIENCE
    while left and time.monotonic() < until:
        for place, records in (await consumer.getmany(*left, timeout_ms=200)).items():
            filled.take(record.value or b"" for record in records)
            at, clock = came.get(place, (0, None))
            times = [said for record in records if (said := _event_time(record.value or b"")) is not None]
            clock = max(times if clock is None else [*times, clock], default=None)
            came[place] = max([at, *(record.timestamp for record in records)]), clock
        for place in [place for place, end in left.items() if await consumer.position(place) >= end]:
            del left[place]
            consumer.pause(place)
    return came


def _event_time(value: bytes) -> int | None:
    """The time that a record says; None where it says none that can be read at a glance."""
    try:
        time_ = msgspec.json.decode(value, type=_Timed).time
        return time_ if isinstance(time_, int) else parse_time(time_)
    except (msgspec.MsgspecError, ValueError):
        return None


def _origin(
    place: TopicPartition,
    begin: int,
    end: int,
    commit: tuple[int, str] | None,
    newest: tuple[int, int | None] | None,
) -> dict[str, Any]:
    """One partition of a house topic.

    `clock` is the highest event time of what was committed, ms; of the last records, where the broker keeps no text
    beside a commit.
    """
    came, clock = newest or (None, None)
    if commit is not None:
        with contextlib.suppress(ValueError):
            said = Committed.read(*commit)
            clock = clock if said is None or said.clock == MISSING else said.clock
    return {
        "topic": place.topic,
        "partition": place.partition,
        "records": end - begin,
        "came": came,
        "clock": clock,
        "lag": None if commit is None else max(0, end - max(commit[0], begin)),
    }


def looked(
    settings: Settings,
    topics: Sequence[str],
    begins: dict[TopicPartition, int],
    ends: dict[TopicPartition, int],
    commits: dict[TopicPartition, tuple[int, str]],
) -> list[dict[str, Any]]:
    """A row for each hop, in the order in which events visit them, and for the log of alerts: what waits there."""
    rows = []
    for topic in topics:
        places = [place for place in ends if place.topic == topic]
        waiting = [
            max(0, ends[place] - max(commits[place][0], begins[place])) if place in commits else None
            for place in places
        ]
        known = [lag for lag in waiting if lag is not None]
        name = "alerts" if topic == settings.alerts_topic else topic.removeprefix(settings.hop_topic(""))
        rows.append(
            {
                "hop": name,
                "topic": topic,
                "records": sum(ends[place] - begins[place] for place in places),
                "lag": sum(known) if known else None,
                "worst": max(known, default=None),
            }
        )
    return rows
