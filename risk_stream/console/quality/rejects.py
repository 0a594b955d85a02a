"""What was refused: counted by hour, reason, topic and entity, the newest of them kept to be shown, masked."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from risk_stream.access import Masking, Scope, hide
from risk_stream.catalogue import MASK
from risk_stream.kafka import Reader, Span
from risk_stream.settings import Settings
from risk_stream.stream.past import Rejected, rejected_of

__all__ = ["HOUR_MS", "RejectBook", "RejectQuery"]

#: Records that are kept to be shown, bytes kept of each, hours that are counted, and how many of a partition are read.
KEPT, KEPT_BYTES, HOURS, MOST_READ = 20_000, 2_048, 14 * 24, 500_000
#: How long what was read is good for, s.
FRESH = 3.0
#: Entities that are counted by name; kinds of what was refused, by hour and in all, that are counted.
MOST_ENTITIES, MOST_COUNTS, MOST_KINDS = 200, 100_000, 10_000
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
#: A text in quotes inside a sentence about a record that is no object: it may be anything.
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")


class _Kind(NamedTuple):
    hour: int  # since 1970
    reason: str
    topic: str
    entity: str


@dataclass(frozen=True, slots=True)
class RejectQuery:
    """Which refused records: any of some reasons and topics, from one time (ms) to before another, holding a text."""

    reasons: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()
    since: int | None = None
    until: int | None = None
    text: str = ""

    def fits(self, row: Mapping[str, Any]) -> bool:
        """Whether a row is asked for; texts are looked for in what is shown, so that none finds what is masked."""
        return (
            (not self.reasons or row["reason"] in self.reasons)
            and (not self.topics or row["topic"] in self.topics)
            and (self.since is None or row["time"] >= self.since)
            and (self.until is None or row["time"] < self.until)
            and (not self.text or self.text.casefold() in f"{row['message']} {row['value']} {row['record']}".casefold())
        )


@dataclass(slots=True)
class RejectBook:
    """`await read()` brings it up to date; then ask."""

    settings: Settings
    masking: Masking
    since: int | None = None  # the broker's time of the first that was read, ms
    skipped: int = 0  # older ones that are in the log and were not read
    _rows: deque[tuple[str, dict[str, Any]]] = field(default_factory=lambda: deque(maxlen=KEPT))  # by entity, masked
    _seen: set[str] = field(default_factory=set)
    _counts: Counter[_Kind] = field(default_factory=Counter)
    _newest: dict[tuple[str, str, str], int] = field(default_factory=dict)  # (reason, topic, entity) -> ms
    _entities: set[str] = field(default_factory=set)
    _at: dict[int, int] = field(default_factory=dict)  # partition -> the next offset
    _read: float = 0.0
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def read(self) -> None:
        """Take in what was refused since. Raises `BrokerError`."""
        async with self._turn:
            if self._read and time.monotonic() - self._read < FRESH:
                return
            async with Reader(self.settings.broker) as reader:
                spans = [self._left(span) for span in await reader.spans([self.settings.rejects_topic])]
                async for records in reader.read(spans):
                    self.take(rejected_of(record.value) for record in records)
                    await asyncio.sleep(0)  # others have their turn
            self._at = {span.partition: span.end for span in spans}
            self._read = time.monotonic()

    def _left(self, span: Span) -> Span:
        begin = max(span.start, self._at.get(span.partition, 0))
        if span.end - begin > MOST_READ:
            self.skipped += span.end - MOST_READ - begin
            begin = span.end - MOST_READ
        return Span(span.topic, span.partition, min(begin, span.end), span.end)

    def take(self, found: Iterable[Rejected | None]) -> None:
        """Take records in; None is one that is not ours. What was refused twice, as after a restart, counts once."""
        for rejected in found:
            if rejected is None or rejected.id in self._seen:
                continue
            entity = self._entity(rejected)
            kind = _Kind(rejected.time // HOUR_MS, rejected.reason, rejected.topic, entity)
            self._counts[kind] += 1
            self.since = rejected.time if self.since is None else min(self.since, rejected.time)
            newest = (rejected.reason, rejected.topic, entity)
            if newest in self._newest or len(self._newest) < MOST_KINDS:
                self._newest[newest] = max(self._newest.get(newest, 0), rejected.time)
            if len(self._rows) == KEPT:
                self._seen.discard(self._rows[0][1]["record"])
            self._seen.add(rejected.id)
            self._rows.append((entity, self._shown(rejected)))
        self._forget()

    def by_reason(self, scope: Scope, now: int) -> list[dict[str, Any]]:
        """How much was refused for which reason from which topic: in a day, in a week, and when the newest was."""
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for (reason, topic, entity), newest in self._newest.items():
            if scope.sees(entity):
                row = found.setdefault((reason, topic), _nothing(reason, topic))
                row["newest"] = max(row["newest"], newest)
        for kind, n in self._counts.items():
            if scope.sees(kind.entity) and (kind.reason, kind.topic) in found:
                row, age = found[kind.reason, kind.topic], now // HOUR_MS - kind.hour
                row["day"] += n if age < 24 else 0
                row["week"] += n if age < 7 * 24 else 0
                row["all"] += n
        return sorted(found.values(), key=lambda row: (-row["day"], -row["week"], row["reason"], row["topic"]))

    def by_hour(self, scope: Scope, now: int, hours: int = 7 * 24) -> dict[str, Any]:
        """Counts of the last hours by reason: {x: [ms], reasons: {reason: [n]}}; the last hour is the one of now."""
        first = now // HOUR_MS - hours + 1
        reasons: dict[str, list[int]] = {}
        for kind, n in self._counts.items():
            if scope.sees(kind.entity) and 0 <= kind.hour - first < hours:
                reasons.setdefault(kind.reason, [0] * hours)[kind.hour - first] += n
        return {"x": [(first + i) * HOUR_MS for i in range(hours)], "reasons": dict(sorted(reasons.items()))}

    def rows(self, query: RejectQuery, scope: Scope, limit: int, offset: int) -> tuple[list[dict[str, Any]], int]:
        """(a page of those that fit, the newest first, how many fit) of those that are kept."""
        fit = list(self._fitting(query, scope))
        return fit[offset : offset + limit], len(fit)

    def _fitting(self, query: RejectQuery, scope: Scope) -> Iterator[dict[str, Any]]:
        for entity, row in reversed(self._rows):
            if scope.sees(entity) and query.fits(row):
                yield row

    def _shown(self, rejected: Rejected) -> dict[str, Any]:
        value = self.masking.record(rejected.value)
        return {
            "record": rejected.id,
            "time": rejected.time,
            "topic": rejected.topic,
            "reason": rejected.reason,
            "message": _without_data(rejected.message, rejected.value, value),
            "bytes": rejected.size,
            "value": value if _fits(value) else f"{rejected.size:,} bytes, more than are kept here",
        }

    def _entity(self, rejected: Rejected) -> str:
        said = _object(rejected.value).get("entity")
        if not isinstance(said, str):
            return ""
        if said in self._entities or len(self._entities) < MOST_ENTITIES:
            self._entities.add(said)
            return said
        return ""  # of no entity that is known here: only who sees all sees it

    def _forget(self) -> None:
        hours = HOURS
        while len(self._counts) > MOST_COUNTS:
            oldest = max(kind.hour for kind in self._counts) - hours
            self._counts = Counter({kind: n for kind, n in self._counts.items() if kind.hour > oldest})
            hours //= 2


def _nothing(reason: str, topic: str) -> dict[str, Any]:
    return {"reason": reason, "topic": topic, "day": 0, "week": 0, "all": 0, "newest": 0}


def _fits(value: dict[str, Any] | str) -> bool:
    """Whether a masked record is short enough to be kept."""
    return isinstance(value, str) or len(msgspec.json.encode(value)) <= KEPT_BYTES


def _object(value: bytes) -> dict[str, Any]:
    try:
        said = msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _without_data(message: str, value: bytes, masked: dict[str, Any] | str) -> str:
    """The sentence why, without the values that are masked in the record; of a record that is no object, no quotes."""
    if isinstance(masked, str):
        return _QUOTED.sub(MASK, message)
    said = _object(value)
    return hide(message, (text for name, one in said.items() if masked[name] == MASK for text in _texts(one)))


def _texts(value: object) -> Iterator[str]:
    """What a value may be called in a sentence, and whatever stands inside it."""
    if isinstance(value, dict):
        for inside in value.values():
            yield from _texts(inside)
    elif isinstance(value, list):
        for inside in value:
            yield from _texts(inside)
    elif value is not None and not isinstance(value, bool):
        yield str(value)
