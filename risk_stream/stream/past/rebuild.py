"""Redis filled again from `risk.alerts`, `risk.life` and `risk.profiles`: all the logs have, by the same writing.

What is there is mended in place and never removed first, so a console sees no empty list meanwhile, and workers and
desk may go on writing: of each alert the highest revision and the last entry of its life stand, whoever writes them.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from aiokafka.errors import KafkaError
from redis.exceptions import RedisError

from risk_stream.alerts import read_entry
from risk_stream.engine import Alert
from risk_stream.kafka import BrokerError, Reader, Span, read_lives
from risk_stream.profiles import Record
from risk_stream.settings import Settings
from risk_stream.sinks import AlertSink, AlertStanding, Keep, ProfileSink, Written, away, standings_of
from risk_stream.stream.store import ROUND_TRIP

__all__ = ["RebuildError", "Rebuilt", "rebuild"]

#: Revisions written before what is too much is removed, so that Redis never holds far more than it may.
TRIM_AFTER = 20_000


class RebuildError(Exception):
    """Raised when Redis does not answer; the text is one sentence."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild did."""

    revisions: int  # records read that are alerts
    wrong: int  # records that are none
    written: Written
    alerts: int  # that are in Redis now
    strange: int  # in Redis before and not in the log
    removed: int  # of those
    cut: tuple[Span, ...]  # partitions whose first records are gone
    seconds: float
    profiles: int  # records of profiles that were missing or old in Redis
    contributions: int  # of alerts to profiles that were
    worked: int  # alerts of which people's standing was written


async def rebuild(
    settings: Settings, *, prune: bool = False, progress: Callable[[int, int], None] = lambda _done, _of: None
) -> Rebuilt:
    """Write all of `risk.alerts`, as it is now, into Redis. With `prune` also remove what the log does not have.

    Where profiles were published, these are written first, with their history, then what alerts contribute: workers say
    of each profile what is another now. A house that keeps none has none afterwards. Where the beginning of the log of
    alerts is gone nothing is removed: what Redis has and the log has not may be from there.
    `progress` hears how many records were read, of how many.

    Raises:
        BrokerError: Kafka does not answer, or the topic is not there.
        RebuildError: Redis does not answer.
    """
    began = time.monotonic()
    keep = Keep(settings.redis_alerts, settings.redis_days, settings.redis_stream)
    sink = AlertSink(settings.redis, prefix=settings.redis_prefix, keep=keep)
    profiles, published, done, worked = None, 0, 0, 0
    try:
        unseen = await sink.ids()  # before the log's end is asked: all of these were in the log by then
        async with Reader(settings.broker) as reader:
            spans = await reader.spans([settings.alerts_topic])
            topic = settings.profiles_topic
            if await reader.has(topic) and any(map(len, await reader.spans([topic]))):
                profiles = ProfileSink(settings.redis, prefix=settings.redis_prefix, spread=len(spans))
                published = await _published(reader, settings, profiles)
            writing = _Writing(sink, profiles)
            of = sum(map(len, spans))
            async for records in reader.read(spans):
                alerts = writing.decoded([record.value for record in records])
                unseen.difference_update(alert.id for alert in alerts)
                await writing.write(alerts)
                done += len(records)
                progress(done, of)
            await writing.trim()
            if await reader.has(settings.life_topic):
                worked = await _worked(settings, sink)
        cut = tuple(span for span in spans if span.start > 0)
        there = await sink.ids()
        unseen &= there
        removed = await sink.remove(sorted(unseen)) if prune and not cut else 0
    except (RedisError, OSError, TimeoutError) as exc:
        raise RebuildError(
            f"{away(settings.redis, exc)}; then run it again ({done:,} records were read, what is written stays)"
        ) from exc
    finally:
        await sink.close()
        if profiles is not None:
            await profiles.close()
    return Rebuilt(
        revisions=writing.revisions,
        wrong=writing.wrong,
        written=writing.written,
        alerts=len(there) - removed,
        strange=len(unseen),
        removed=removed,
        cut=cut,
        seconds=time.monotonic() - began,
        profiles=published,
        contributions=writing.contributions,
        worked=worked,
    )


async def _published(reader: Reader, settings: Settings, profiles: ProfileSink) -> int:
    """Write the profiles that the log has, and their history; how many records were missing or old."""
    decode, news = msgspec.json.Decoder(Record).decode, 0
    async for records in reader.read(await reader.spans([settings.profiles_topic])):
        heard = []
        for record in records:
            with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):  # none of ours
                heard.append(decode(record.value or b""))
        for at in range(0, len(heard), ROUND_TRIP):
            news += await profiles.heard(heard[at : at + ROUND_TRIP])
    return news


async def _worked(settings: Settings, sink: AlertSink) -> int:
    """Write where people are with the alerts that are there, as the log of lives has it; of how many."""
    last: dict[str, AlertStanding] = {}

    def take(record: bytes) -> None:
        nonlocal last
        with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):  # none of ours
            last |= standings_of(read_entry(record))

    try:
        await read_lives(settings, take)
    except KafkaError as exc:
        raise BrokerError(
            f"the broker at {settings.broker} stopped answering before all was read: run it again"
        ) from exc
    standings, many = list(last.values()), 0
    for at in range(0, len(standings), ROUND_TRIP):
        many += await sink.stand(standings[at : at + ROUND_TRIP], there_only=True)
    return many


class _Writing:
    """Alerts on their way into Redis, counted."""

    def __init__(self, sink: AlertSink, profiles: ProfileSink | None) -> None:
        self.sink, self.profiles = sink, profiles
        self.written, self.revisions, self.wrong, self.contributions = Written(), 0, 0, 0
        self._decode = msgspec.json.Decoder(Alert).decode
        self._untrimmed = 0

    def decoded(self, values: list[bytes | None]) -> list[Alert]:
        alerts = []
        for value in values:
            try:
                alerts.append(self._decode(value or b""))
            except (msgspec.MsgspecError, UnicodeDecodeError):
                self.wrong += 1
        self.revisions += len(alerts)
        return alerts

    async def write(self, alerts: list[Alert]) -> None:
        for at in range(0, len(alerts), ROUND_TRIP):
            part = alerts[at : at + ROUND_TRIP]
            self.written += await self.sink.write(part, mend=True)
            if self.profiles is not None:
                self.contributions += await self.profiles.take(part)
        self._untrimmed += len(alerts)
        if self._untrimmed >= TRIM_AFTER:
            await self.trim()

    async def trim(self) -> None:
        self._untrimmed = 0
        while await self.sink.trim():
            pass
