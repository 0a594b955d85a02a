"""Redis filled again from `risk.alerts` is the Redis that a worker filled; what goes wrong is one sentence."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
import pytest
import redis
from aiokafka import AIOKafkaProducer
from kafka import KafkaAdminClient, TopicPartition

from risk_stream.embedded import free_port
from risk_stream.engine import Alert
from risk_stream.kafka import BrokerError, Reader, Topic, create_topics
from risk_stream.settings import Settings
from risk_stream.sinks import WITHDRAWN, AlertSink, Keep, Metrics, ProfileSink
from risk_stream.sinks.redis import SEVERITIES
from risk_stream.stream import store as store_module
from risk_stream.stream.past import RebuildError, rebuild
from risk_stream.stream.store import AlertStore
from tests.live.servers import Kafka, RedisServer
from tests.sinks.test_profiles import of
from tests.sinks.test_redis import alert
from tests.stream.test_keeper import Topic as ProfilesTopic
from tests.stream.test_keeper import Worker as KeepingWorker

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

NOW = 4_000_000_000_000  # far ahead: no alert is too old
MOST = 150


def history(seed: int, alerts: int = 400) -> list[Alert]:
    """Revisions of alerts in an order that chance makes, some of them twice."""
    chance = random.Random(seed)
    said = []
    for n in range(alerts):
        fixed = {"severity": SEVERITIES[n % 5], "time": NOW + n // 3, "id": f"{n:020x}"}
        said.append(alert(n, revision=n % 7, **fixed))
        for revision in chance.sample(range(10, 90), chance.choice([0, 0, 1, 3])):
            status = chance.choice(["changed", "changed", WITHDRAWN, "raised"])
            more = {"features": {"n": revision}, "was": {"n": 3}, **fixed}
            said.append(alert(n, revision=revision, status=status, **more))
    said += chance.choices(said, k=alerts // 2)
    chance.shuffle(said)
    return said


def house(kafka: Kafka, redis_server: RedisServer, name: str, **more: Any) -> Settings:
    """A house whose alerts topic is there and empty."""
    given = {"redis_alerts": MOST, "redis_stream": 50, "redis_prefix": f"{name}:", **more}
    settings = Settings(broker=kafka.address, redis=redis_server.url, prefix=f"rebuilt.{name}.", **given)
    create_topics(kafka.address, [Topic(settings.alerts_topic, 3, 1)])
    return settings


def send(settings: Settings, values: list[tuple[bytes, bytes]], topic: str = "") -> None:
    async def run() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=settings.broker)
        await producer.start()
        try:
            for sent in [await producer.send(topic or settings.alerts_topic, value, key=key) for key, value in values]:
                await sent
        finally:
            await producer.stop()

    asyncio.run(run())


def with_store(settings: Settings, work: Callable[[AlertStore, Reader], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        keep = Keep(settings.redis_alerts, settings.redis_days, settings.redis_stream)
        sink = AlertSink(settings.redis, prefix=settings.redis_prefix, keep=keep)
        try:
            async with Reader(settings.broker) as reader:
                await work(AlertStore(sink, Metrics()), reader)
        finally:
            await sink.close()

    asyncio.run(run())


def fill(settings: Settings, seed: int) -> None:
    """As workers do: runs of a partition as they come, some twice after a restart, trimmed on the way."""
    chance = random.Random(seed)

    async def work(store: AlertStore, reader: Reader) -> None:
        async for records in reader.read(await reader.spans([settings.alerts_topic])):
            at = 0
            while at < len(records):
                run = records[at : at + chance.randrange(1, 60)]
                await store.write(run)
                at += chance.choice([len(run), len(run), len(run) // 2])
        while await store.sink.trim():
            pass

    with_store(settings, work)


def kept(client: redis.Redis, prefix: str) -> dict[str, Any]:
    """All of it, key by key, without the stream, which is what was said when, and what time profiles have come to."""
    found: dict[str, Any] = {}
    for key in client.scan_iter(f"{prefix}*", count=1000):
        kind, name = client.type(key), key.removeprefix(prefix)
        if kind == "hash":
            found[name] = client.hgetall(key)
        elif kind == "zset":
            found[name] = client.zrange(key, 0, -1, withscores=True)
        else:
            assert (kind, name) in {("stream", "alerts:stream"), ("string", "profiles:clock")}
    return found


@pytest.fixture
def client(redis_server: RedisServer) -> redis.Redis:
    return redis.Redis.from_url(redis_server.url, decode_responses=True)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_rebuilt_redis_is_the_one_that_was_filled_live(
    kafka: Kafka, redis_server: RedisServer, client: redis.Redis, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Key by key: with duplicates, revisions in any order, withdrawals, and a bound that is reached on the way."""
    monkeypatch.setattr(store_module, "TRIM_EVERY", 0.0)
    live = house(kafka, redis_server, f"live{seed}")
    said = history(seed)
    send(live, [(a.id.encode(), a.to_json()) for a in said] + [(b"junk", b"no alert")])
    fill(live, seed)
    other = live.model_copy(update={"redis_prefix": f"anew{seed}:"})
    rebuilt = asyncio.run(rebuild(other))
    expected = kept(client, f"live{seed}:")
    assert kept(client, f"anew{seed}:") == expected
    assert len([key for key in expected if key.startswith("alert:")]) == MOST == rebuilt.alerts
    assert any(key.startswith("alerts:withdrawn") for key in expected)
    assert (rebuilt.revisions, rebuilt.wrong, rebuilt.strange, rebuilt.cut) == (len(said), 1, 0, ())
    last = {fields["id"]: fields["revision"] for _, fields in client.xrange(f"anew{seed}:alerts:stream")}
    assert (
        last.items()
        <= {f"{n:020x}": str(max(a.revision for a in said if a.event == f"e{n}")) for n in range(400)}.items()
    )


def test_a_redis_that_was_damaged_is_mended_while_it_is_read(
    kafka: Kafka, redis_server: RedisServer, client: redis.Redis
) -> None:
    """Nothing goes before it comes back; what people made of an alert stays; strangers stay until asked otherwise."""
    settings = house(kafka, redis_server, "mended")
    send(settings, [(a.id.encode(), a.to_json()) for a in history(3, 60)])
    first = asyncio.run(rebuild(settings))
    before = kept(client, "mended:")
    standing = client.zrange("mended:alerts:status:open", 0, -1)
    client.hset(f"mended:alert:{standing[0]}", "summary", "spoilt")
    client.delete(f"mended:alert:{standing[1]}", "mended:alerts:severity:high")
    entries = client.xlen("mended:alerts:stream")
    again = asyncio.run(rebuild(settings))
    assert kept(client, "mended:") == before
    assert (again.written.new + again.written.revised + again.written.withdrawn) >= 1
    assert client.xlen("mended:alerts:stream") <= entries + 4  # only the alert that was gone is said again
    assert again.alerts == first.alerts

    with_store(settings, lambda store, _: _write(store, alert(1, id="stranger", time=NOW)))
    assert (left := asyncio.run(rebuild(settings))).strange == 1
    assert left.removed == 0
    assert asyncio.run(rebuild(settings, prune=True)).removed == 1
    assert kept(client, "mended:") == before


async def _write(store: AlertStore, given: Alert) -> None:
    await store.sink.write([given])


def test_a_log_that_was_cut_is_told_and_nothing_is_removed_for_it(
    kafka: Kafka, redis_server: RedisServer, client: redis.Redis
) -> None:
    """What Redis has from before the log's beginning stays."""
    settings = house(kafka, redis_server, "cut")
    send(settings, [(a.id.encode(), a.to_json()) for a in history(4, 60)])
    whole = asyncio.run(rebuild(settings))
    admin = KafkaAdminClient(bootstrap_servers=kafka.address)
    try:
        admin.delete_records({TopicPartition(settings.alerts_topic, p): -1 for p in range(3)})
    finally:
        admin.close()
    send(settings, [(b"new", alert(99, id="new", time=NOW).to_json())])
    rebuilt = asyncio.run(rebuild(settings, prune=True))
    assert rebuilt.revisions == 1
    assert rebuilt.cut
    assert (rebuilt.alerts, rebuilt.strange, rebuilt.removed) == (whole.alerts + 1, whole.alerts, 0)


def test_what_is_away_is_one_sentence(kafka: Kafka, redis_server: RedisServer) -> None:
    """Redis, the broker, the topic."""
    settings = house(kafka, redis_server, "away")
    with pytest.raises(RebuildError, match=r"Redis at redis://127.0.0.1:\d+/0 does not answer .* run it again"):
        asyncio.run(rebuild(settings.model_copy(update={"redis": f"redis://user:word@127.0.0.1:{free_port()}/0"})))
    with pytest.raises(BrokerError, match=r"does not answer at .*: start it, or set RISK_STREAM_BROKER"):
        asyncio.run(rebuild(settings.model_copy(update={"broker": f"127.0.0.1:{free_port()}"})))
    with pytest.raises(BrokerError, match=r"there is no topic nowhere\.alerts"):
        asyncio.run(rebuild(settings.model_copy(update={"prefix": "nowhere."})))


def test_profiles_come_back_with_their_history_and_are_not_said_again(
    kafka: Kafka, client: redis.Redis, redis_server: RedisServer
) -> None:
    """From an empty Redis: what was published, and what alerts contribute; a keeper then finds nothing to say."""
    settings = house(kafka, redis_server, "rebuild-profiles")
    create_topics(kafka.address, [Topic(settings.profiles_topic, 2, 1)])
    alerts = [of(n, f"C{n % 3}", "G1") for n in range(9)]
    send(settings, [(one.id.encode(), one.to_json()) for one in alerts])
    topic = ProfilesTopic()

    async def keep() -> dict[str, list[str]]:
        sink = ProfileSink(settings.redis, prefix=settings.redis_prefix, spread=3)
        try:
            worker = KeepingWorker(sink, topic)
            for one in alerts:
                await worker.take(one)
            await worker.keeper.settle()
            return {
                subject: [past.changed[0] for past in await sink.history(subject)]
                for subject in ("customer:C1", "group:G1")
            }
        finally:
            await sink.close()

    before = asyncio.run(keep())
    said = len(topic.records)
    to_topic = [(f"{one.kind}:{one.key}".encode(), msgspec.json.encode(one)) for one in topic.records]
    send(settings, to_topic, settings.profiles_topic)
    for key in client.scan_iter("rebuild-profiles:*"):
        client.delete(key)
    rebuilt = asyncio.run(rebuild(settings))
    assert (rebuilt.profiles, rebuilt.contributions) == (said, 9)
    alerts.clear()
    assert asyncio.run(keep()) == before
    assert len(topic.records) == said
    again = asyncio.run(rebuild(settings))
    assert (again.profiles, again.contributions) == (0, 0)
