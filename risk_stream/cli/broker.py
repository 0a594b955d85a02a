"""What a broker says of itself: its version, its limits, its topics; an embedded one may not say all of it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from risk_stream.cli.output import CommandError

if TYPE_CHECKING:
    from risk_stream.settings import Settings

__all__ = ["BrokerView", "enter", "life_records", "look_at", "must_answer", "unreachable"]

#: How long a broker may take to answer, ms.
PATIENCE_MS = 5_000


@dataclass(slots=True)
class BrokerView:
    """A broker as a client sees it; `error` says in one sentence why it sees nothing."""

    error: str = ""
    version: str = ""
    brokers: int = 0
    min_session_seconds: float | None = None
    transactions: bool = False
    topics: dict[str, int] = field(default_factory=dict)  # name -> partitions


def unreachable(address: str) -> str:
    """Why nobody answers at any of the addresses, in one sentence; empty where somebody does."""
    from risk_stream.settings import unreachable as reasons_of

    reasons = reasons_of(address, PATIENCE_MS / 1000)
    return f"Kafka does not answer at {'; '.join(reasons)}" if reasons else ""


def must_answer(address: str) -> None:
    """Raises CommandError at once where nobody listens, instead of after a client's patience."""
    if nobody := unreachable(address):
        raise CommandError(f"{nobody}: start it (docker compose up kafka), or set RISK_STREAM_BROKER.")


def enter(settings: Settings) -> None:
    """What each command begins with that reads or writes what the house keeps.

    Raises:
        CommandError: nobody listens there.
        LaterFormatError: a later release works in this house, and writes what this one cannot read.
    """
    from risk_stream.kafka.releases import check_release

    must_answer(settings.broker)
    asyncio.run(check_release(settings))


def life_records(settings: Settings) -> list[bytes]:
    """The records of the log of lives."""
    from risk_stream.kafka import read_lives

    enter(settings)
    records: list[bytes] = []
    asyncio.run(read_lives(settings, records.append))
    return records


@contextlib.contextmanager
def _admin(address: str) -> Iterator[Any]:
    """kafka-python's admin client, quiet about its retries.

    Raises:
        ConnectionError: nobody answers there; the text is one sentence.
    """
    from kafka import KafkaAdminClient
    from kafka.errors import KafkaError

    from risk_stream.settings import doubt, kafka_options

    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    if nobody := unreachable(address):
        raise ConnectionError(nobody)
    try:
        client = KafkaAdminClient(
            **kafka_options(address), request_timeout_ms=PATIENCE_MS, bootstrap_timeout_ms=PATIENCE_MS
        )
    except (KafkaError, OSError, ValueError) as error:
        raise ConnectionError(f"{address} answers, but not to us ({type(error).__name__}): {doubt(address)}") from error
    with contextlib.closing(client):
        yield client


def look_at(address: str) -> BrokerView:
    """Everything the broker says; never raises."""
    from kafka.errors import KafkaError

    view = BrokerView()
    try:
        with _admin(address) as client:
            cluster = client.describe_cluster()
            view.brokers = len(cluster["brokers"])
            view.topics = {t["name"]: len(t["partitions"]) for t in client.describe_topics()}
            first = cluster["brokers"][0]["broker_id"]
            view.version = "speaks Kafka's protocol"
            with contextlib.suppress(KafkaError, KeyError, TypeError, ValueError):
                view.version = f"Kafka {client.get_broker_version_data(first).broker_version_str} or newer"
            with contextlib.suppress(KafkaError, KeyError, TypeError, ValueError):
                _limits(client, first, view)
    except ConnectionError as error:
        view.error = str(error)
    except KafkaError as error:
        view.error = f"Kafka at {address} answers, but not to this: {type(error).__name__}"
    return view


def _limits(client: Any, broker: int, view: BrokerView) -> None:
    from kafka.admin import ConfigResource, ConfigResourceType

    asked = [ConfigResource(ConfigResourceType.BROKER, str(broker))]
    found = client.describe_configs(asked, config_filter="all")["broker"][str(broker)]
    view.min_session_seconds = int(found["group.min.session.timeout.ms"]["value"]) / 1000
    view.transactions = "transaction.state.log.replication.factor" in found
