"""Which releases have worked in a house, and in which formats they write: `risk.formats`, a record of each release.

Every worker says so before it reads or writes anything else. Whoever begins looks first: where a later release writes
what this one cannot read, it is refused before it has changed anything. A house without the topic, or with nothing in
it, is one of releases from before it: all that they wrote is of formats that every release since reads.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from aiokafka.errors import KafkaError

from risk_stream import __version__
from risk_stream.catalogue.formats import FORMATS
from risk_stream.kafka.producer import Producer
from risk_stream.kafka.reader import Reader
from risk_stream.kafka.topics import BrokerError
from risk_stream.settings import Settings

__all__ = ["check_release", "enter_house", "is_said", "refuse_later", "release_record"]


def release_record() -> bytes:
    """What this release says of itself; its key is the release."""
    return orjson.dumps({"release": __version__, "formats": {one.name: one.newest for one in FORMATS}})


def refuse_later(records: Iterable[bytes | None]) -> None:
    """Raise `LaterFormatError` where one of the records names a format that this release cannot read."""
    known = {one.name: one for one in FORMATS}
    for said in filter(None, map(_read, records)):
        for name, version in said["formats"].items():
            if name in known:
                known[name].check(int(version), str(said["release"]))


def is_said(records: Iterable[bytes | None]) -> bool:
    """Whether the records have what this release says of itself."""
    return release_record() in set(records)


def _read(record: bytes | None) -> dict[str, Any] | None:
    """A record as it was written; None for what is none."""
    try:
        said = orjson.loads(record or b"")
        return said if isinstance(said["formats"], dict) and said["release"] else None
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None


async def check_release(settings: Settings) -> None:
    """Return where this release reads all that is written in the house.

    Raises:
        LaterFormatError: a later release writes what this one cannot read.
        BrokerError: Kafka does not answer.
    """
    refuse_later(await _records(settings))


async def enter_house(settings: Settings) -> None:
    """As `check_release`; then say what this release writes, if it was not said."""
    records = await _records(settings)
    refuse_later(records)
    if is_said(records):
        return
    producer = Producer(settings.broker, client_id="risk-stream-release")
    try:
        await producer.start()
        await (await producer.send(settings.formats_topic, release_record(), key=__version__.encode(), partition=0))
    except (KafkaError, OSError, TimeoutError) as exc:
        raise BrokerError(
            f"the broker at {settings.broker} did not take a record for {settings.formats_topic} ({exc!r})"
        ) from exc
    finally:
        await producer.stop()


async def _records(settings: Settings) -> list[bytes | None]:
    async with Reader(settings.broker) as reader:
        if not await reader.has(settings.formats_topic):
            return []
        spans = await reader.spans([settings.formats_topic])
        return [record.value async for records in reader.read(spans) for record in records]
