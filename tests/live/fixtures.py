"""Fixtures for all tests: the servers, once for the whole run, and a house with one worker that most share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from tests.live.house import House, Worker
from tests.live.servers import Kafka, MissingServerError, Prometheus, RedisServer

__all__ = ["house", "kafka", "new_house", "prometheus", "redis_server", "worker"]


def _started(make: Callable[[], Kafka | RedisServer]) -> Iterator[Kafka | RedisServer]:
    try:
        server = make()
    except MissingServerError as exc:
        if os.environ.get("CI") or os.environ.get("RISK_STREAM_REQUIRE_LIVE"):
            pytest.fail(str(exc))
        pytest.skip(str(exc))
    with server:
        yield server


@pytest.fixture(scope="session")
def kafka() -> Iterator[Kafka]:
    yield from _started(Kafka)  # type: ignore[misc]


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    yield from _started(RedisServer)  # type: ignore[misc]


@pytest.fixture(scope="session")
def new_house(
    kafka: Kafka, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], House]:
    """Make a house with topics of its own."""

    def make(name: str) -> House:
        house = House(name, kafka.address, redis_server.url, tmp_path_factory.mktemp(name))
        house.create_topics()
        return house

    return make


@pytest.fixture(scope="session")
def house(new_house: Callable[[str], House]) -> House:
    """The house most tests share; tests tell their events apart by id."""
    return new_house("shared")


@pytest.fixture(scope="session")
def worker(house: House) -> Iterator[Worker]:
    """Its worker, reading."""
    worker = Worker(house).start()
    try:
        yield worker.ready()
    finally:
        worker.stop()


@pytest.fixture(scope="session")
def prometheus(worker: Worker) -> Iterator[Prometheus]:
    """A Prometheus that scrapes the worker."""
    yield from _started(lambda: Prometheus(f"127.0.0.1:{worker.metrics_port}"))  # type: ignore[arg-type,misc]
