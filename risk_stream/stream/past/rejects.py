"""What was refused: read from `risk.rejects`, chosen, and sent once more, each record once, to `risk.mended`.

A refused record's name is its place, `topic/partition/offset`. A record that is sent again has that name as its key in
`risk.mended`, so that topic is the ledger of what was sent: a second run finds the names there and sends nothing.
"""

from __future__ import annotations

import base64
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiokafka.errors import KafkaError

from risk_stream.catalogue import Catalogue, Decoder
from risk_stream.kafka import BrokerError, Producer, Reader
from risk_stream.settings import Settings
from risk_stream.stream.past.mending import Mend, mended

__all__ = [
    "LATE",
    "Choice",
    "Mended",
    "Rejected",
    "Replayed",
    "mend_all",
    "names_in",
    "read_rejects",
    "rejected_of",
    "replay",
    "send_all",
]

#: The reason of a record that came later than a late event may.
LATE = "late"

#: Sends that wait for the broker at once.
WINDOW = 2_000


class _Stored(msgspec.Struct):
    """A record of `risk.rejects`."""

    topic: str
    partition: int
    offset: int
    time: int
    reason: str
    message: str
    bytes: int = 0
    value: str | None = None
    value_base64: str | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """A refused record: its place, the broker's time of it (ms), why it was refused, and what is kept of it."""

    topic: str
    partition: int
    offset: int
    time: int
    reason: str
    message: str
    size: int  # bytes it had
    value: bytes  # the first of them, mostly all

    @property
    def id(self) -> str:
        """Its name: the place it came from."""
        return f"{self.topic}/{self.partition}/{self.offset}"

    @property
    def whole(self) -> bool:
        """Whether all of it is kept."""
        return len(self.value) >= self.size


@dataclass(frozen=True, slots=True)
class Choice:
    """Which refused records: by reasons and topics (empty: any), broker time (ms, before `until`), name, and a text."""

    reasons: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()
    since: int | None = None
    until: int | None = None
    text: str = ""
    id: str = ""

    def fits(self, rejected: Rejected) -> bool:
        """Whether a record is chosen."""
        return (
            (not self.reasons or rejected.reason in self.reasons)
            and (not self.topics or rejected.topic in self.topics)
            and (self.since is None or rejected.time >= self.since)
            and (self.until is None or rejected.time < self.until)
            and (not self.id or rejected.id == self.id)
            and (not self.text or self._says(rejected))
        )

    def _says(self, rejected: Rejected) -> bool:
        wanted = self.text.casefold()
        return wanted in rejected.message.casefold() or wanted in rejected.value.decode(errors="replace").casefold()


_STORED = msgspec.json.Decoder(_Stored)


def rejected_of(value: bytes | None) -> Rejected | None:
    """A record of `risk.rejects` as it was written; None for one that is not ours."""
    try:
        one = _STORED.decode(value or b"")
        kept = base64.b64decode(one.value_base64 or "") if one.value is None else one.value.encode()
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError):
        return None
    return Rejected(one.topic, one.partition, one.offset, one.time, one.reason, one.message, one.bytes, kept)


async def read_rejects(reader: Reader, settings: Settings, choice: Choice) -> AsyncIterator[list[Rejected]]:
    """The chosen records of `risk.rejects`, in batches; one that was refused twice, as after a restart, once."""
    seen: set[str] = set()
    async for records in reader.read(await reader.spans([settings.rejects_topic])):
        found = []
        for record in records:
            rejected = rejected_of(record.value)
            if rejected is not None and rejected.id not in seen and choice.fits(rejected):
                seen.add(rejected.id)
                found.append(rejected)
        if found:
            yield found


async def names_in(reader: Reader, topic: str) -> set[str]:
    """The keys of all records of a topic."""
    found = set()
    async for records in reader.read(await reader.spans([topic])):
        found |= {record.key.decode(errors="replace") for record in records if record.key}
    return found


@dataclass(slots=True)
class Mended:
    """What became of chosen records, before anything is sent."""

    chosen: int = 0
    done: int = 0  # were sent before
    foreign: int = 0  # no records of a house topic: messages between steps
    cut: int = 0  # longer than what is kept of a refused record
    late: int = 0  # only too late: they would be refused again
    left: int = 0  # beyond the limit
    accepted: list[tuple[int, Rejected, bytes]] = field(default_factory=list)  # event time, record, what is sent
    types: Counter[str] = field(default_factory=Counter)  # of the accepted
    refused: Counter[str] = field(default_factory=Counter)  # would be refused again, by reason
    first_refused: str = ""


def mend_all(
    rejects: Sequence[Rejected], into: Mended, decoder: Decoder, mends: Sequence[Mend], *, latest: int | None
) -> None:
    """Mend records and decode them with the catalogue; add to `into` what is an event and what is wrong with others.

    An event whose time is after `latest`, ms, is still ahead of its time.
    """
    values = [mended(r.value, reason=r.reason, topic=r.topic, id=r.id, mends=mends) for r in rejects]
    batch, rows, refused = decoder.decode(values, lambda i: rejects[i].id)
    for reject in refused:
        into.refused[reject.reason] += 1
        into.first_refused = into.first_refused or f"{rejects[reject.index].id}: {reject.message}"
    for at, code, row in zip(batch.times.tolist(), batch.types.tolist(), rows.tolist(), strict=True):
        if latest is not None and at > latest:
            into.refused["future"] += 1
            into.first_refused = into.first_refused or f"{rejects[row].id}: its time is still ahead"
            continue
        into.types[decoder.catalogue.types[code].name] += 1
        into.accepted.append((at, rejects[row], values[row]))


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay found, and how many records it sent."""

    found: Mended
    sent: int


async def replay(
    settings: Settings,
    catalogue: Catalogue,
    choice: Choice,
    mends: Sequence[Mend] = (),
    *,
    limit: int = 100_000,
    dry_run: bool = False,
) -> Replayed:
    """Send chosen records that are events now to `risk.mended`, in the order of their times, none a second time.

    What would be refused again stays where it is. At most `limit` records in one run; another run sends the next.

    Raises:
        BrokerError: Kafka does not answer or takes no record.
    """
    decoder, found = Decoder(catalogue), Mended()
    simulated = settings.clock == "simulated"
    latest = None if simulated else int((time.time() + settings.future_seconds) * 1000)
    events = set(settings.origin_topics)
    async with Reader(settings.broker) as reader:
        done = await names_in(reader, settings.mended_topic)
        async for rejects in read_rejects(reader, settings, choice):
            left: list[Rejected] = []
            found.chosen += len(rejects)
            for rejected in rejects:
                if rejected.topic not in events:
                    found.foreign += 1
                elif rejected.id in done:
                    found.done += 1
                elif not rejected.whole:
                    found.cut += 1
                elif rejected.reason == LATE:
                    found.late += 1
                elif len(found.accepted) + len(left) >= limit:
                    found.left += 1
                else:
                    left.append(rejected)
            mend_all(left, found, decoder, mends, latest=latest)
    found.accepted.sort(key=lambda item: (item[0], item[1].id))
    if dry_run or not found.accepted:
        return Replayed(found, 0)
    await send_all(
        settings.broker, ((settings.mended_topic, r.id.encode(), value, None) for _, r, value in found.accepted)
    )
    return Replayed(found, len(found.accepted))


async def send_all(broker: str, messages: Iterable[tuple[str, bytes | None, bytes, int | None]]) -> None:
    """Send (topic, key, value, partition or None) in their order; return when all are stored. Raises `BrokerError`.

    For commands, which send a little once: what kind of broker it is they do not say.
    """
    producer = Producer(broker, client_id="risk-stream-rejects", linger_ms=5, quiet=True)
    waiting: list[Awaitable[Any]] = []
    try:
        await producer.start()
        for topic, key, value, partition in messages:
            waiting.append(await producer.send(topic, value, key=key, partition=partition))
            if len(waiting) >= WINDOW:
                for sent in waiting:
                    await sent
                waiting.clear()
        for sent in waiting:
            await sent
    except (KafkaError, OSError, TimeoutError) as exc:
        raise BrokerError(f"the broker at {broker} did not take all records ({exc!r}): run it again") from exc
    finally:
        await producer.stop()
