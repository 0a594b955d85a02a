"""Fixtures for all tests: servers once for the whole run, houses on them, and one that a module may hurt."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from tests.live.house import House, Worker
from tests.live.lent import Lender, Lent, borrow
from tests.live.servers import Kafka, MissingServerError, Prometheus, RedisServer

__all__ = [
    "house",
    "kafka",
    "mortal_kafka",
    "mortal_redis",
    "new_house",
    "prometheus",
    "pytest_configure_node",
    "pytest_unconfigure",
    "redis_server",
    "worker",
]

_LENDER = pytest.StashKey[Lender]()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """Each process of a run of several is told where to ask for servers."""
    config: pytest.Config = node.config  # type: ignore[attr-defined]
    if _LENDER not in config.stash:
        config.stash[_LENDER] = Lender()
    node.workerinput["lender"] = config.stash[_LENDER].place  # type: ignore[attr-defined]


def pytest_unconfigure(config: pytest.Config) -> None:
    """What was lent goes when every process has ended."""
    if (lender := config.stash.get(_LENDER, None)) is not None:
        lender.close()


def _missing(exc: MissingServerError) -> None:
    if os.environ.get("CI") or os.environ.get("RISK_STREAM_REQUIRE_LIVE"):
        pytest.fail(str(exc))
    pytest.skip(str(exc))


def _started(make: Callable[[], Kafka | RedisServer]) -> Iterator[Kafka | RedisServer]:
    try:
        server = make()
    except MissingServerError as exc:
        _missing(exc)
    with server:
        yield server


def _shared(
    request: pytest.FixtureRequest, name: str, make: Callable[[], Kafka | RedisServer]
) -> Iterator[Kafka | RedisServer | Lent]:
    """The server of the whole run, whichever process of it this is."""
    given = getattr(request.config, "workerinput", {})
    place = given.get("lender")
    if place is None:
        yield from _started(make)
        return
    try:
        lent = borrow(place, name, int(given["workerid"].removeprefix("gw")))
    except MissingServerError as exc:
        _missing(exc)
    yield lent


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest) -> Iterator[Kafka]:
    """The run's Kafka. Tests of several processes use it at once: it must not be stopped."""
    yield from _shared(request, "kafka", Kafka)  # type: ignore[misc]


@pytest.fixture(scope="session")
def redis_server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    """The run's Redis, which must not be stopped either."""
    yield from _shared(request, "redis", RedisServer)  # type: ignore[misc]


@pytest.fixture(scope="module")
def mortal_kafka() -> Iterator[Kafka]:
    """A Kafka that a test may kill, if it starts it again."""
    yield from _started(Kafka)  # type: ignore[misc]


@pytest.fixture(scope="module")
def mortal_redis() -> Iterator[RedisServer]:
    """A Redis of that kind."""
    yield from _started(RedisServer)  # type: ignore[misc]


@pytest.fixture(scope="session")
def new_house(
    kafka: Kafka, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], House]:
    """Make a house with topics of its own; no two tests of the suite use one name."""

    def make(name: str) -> House:
        house = House(name, kafka.address, redis_server.url, tmp_path_factory.mktemp(name))
        house.create_topics()
        return house

    return make


@pytest.fixture(scope="module")
def house(mortal_kafka: Kafka, mortal_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> House:
    """The house of test_worker, whose servers come and go; its tests tell their events apart by id."""
    house = House("shared", mortal_kafka.address, mortal_redis.url, tmp_path_factory.mktemp("shared"))
    house.create_topics()
    return house


@pytest.fixture(scope="module")
def worker(house: House) -> Iterator[Worker]:
    """Its worker, reading."""
    worker = Worker(house).start()
    try:
        yield worker.ready()
    finally:
        worker.stop()


@pytest.fixture(scope="module")
def prometheus(worker: Worker) -> Iterator[Prometheus]:
    """A Prometheus that scrapes the worker."""
    yield from _started(lambda: Prometheus(f"127.0.0.1:{worker.metrics_port}"))  # type: ignore[arg-type,misc]
