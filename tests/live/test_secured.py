"""A worker and the commands on a Kafka and a Redis that ask for TLS and a password."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator

import orjson
import pytest
import redis

from risk_stream.catalogue import load_catalogue
from risk_stream.kafka import BrokerError, create_topics, topics, wanted_topics
from risk_stream.settings import Settings, redis_options
from risk_stream.stream.past import send_all
from tests.live.house import House, Worker, eventually, transfer
from tests.live.secured import PASSWORD, USER, Certificates, SecuredKafka, SecuredRedis
from tests.live.servers import MissingServerError

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates.make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def secured(certificates: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house on both servers; the password lies in a file."""
    folder = tmp_path_factory.mktemp("secured")
    (folder / "password").write_text(f"{PASSWORD}\n")
    with contextlib.ExitStack() as servers:
        try:
            kafka = servers.enter_context(SecuredKafka(certificates))
            server = servers.enter_context(SecuredRedis(certificates))
        except MissingServerError as exc:
            if os.environ.get("CI"):
                pytest.fail(str(exc))
            pytest.skip(str(exc))
        house = House("secured", kafka.address, server.url, folder)
        house.environment |= {
            "PARTITIONS": 1,
            "KAFKA_SECURITY": "sasl_ssl",
            "KAFKA_CA": certificates.ca,
            "KAFKA_USER": USER,
            "KAFKA_PASSWORD_FILE": folder / "password",
            "REDIS_CA": certificates.ca,
            "REDIS_PASSWORD_FILE": folder / "password",
        }
        yield house


def settings_of(house: House, **more: object) -> Settings:
    """Its settings, as a process with this environment has them."""
    changed = {f"RISK_STREAM_{name}": str(value) for name, value in {**house.environment, **more}.items()}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in changed.items():
            patch.setenv(name, value)
        return Settings()


def test_a_worker_runs_where_both_ask_for_a_password_over_tls(secured: House) -> None:
    """From a transfer to its alert, by the clients of all three libraries; no password is printed by anything."""
    settings = settings_of(secured)
    create_topics(settings.broker, wanted_topics(settings, load_catalogue()))
    secured.redis = redis.Redis.from_url(settings.redis, **redis_options(settings.redis), decode_responses=True)
    worker = Worker(secured).start()
    try:
        worker.ready()
        sent = [(f"{secured.name}.trades", b"A1", orjson.dumps(transfer("t", "A1", 9999)), 0)]
        asyncio.run(send_all(settings.broker, sent))
        assert eventually(lambda: "t" in secured.said("large")), worker.log
        environment = {**os.environ, **{f"RISK_STREAM_{n}": str(v) for n, v in secured.environment.items()}}
        doctor = [sys.executable, "-m", "risk_stream", "doctor", "--format", "json"]
        told = subprocess.run(doctor, env=environment, capture_output=True, text=True, timeout=60)
        states = {one["what"]: one["state"] for one in json.loads(told.stdout)["findings"]}
        assert (states["broker"], states["topics"], states["Redis"]) == ("ok", "ok", "ok"), told.stdout
        said = (worker.log, told.stdout, told.stderr, repr(settings))
    finally:
        worker.stop()
    assert not any(PASSWORD in text for text in said)


@pytest.mark.parametrize(
    ("change", "value", "said"),
    [
        ("KAFKA_PASSWORD", "another", "does it know worker by SCRAM-SHA-512 and this password?"),
        ("KAFKA_SECURITY", "plaintext", "speaks no Kafka (where it wants TLS: RISK_STREAM_KAFKA_SECURITY)"),
        ("KAFKA_CA", None, "its certificate is not trusted"),
    ],
)
def test_who_cannot_prove_it_is_told_so(
    secured: House, change: str, value: str | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong password, no TLS, or a certificate of somebody unknown: one sentence, and it does not hang."""
    given = {**secured.environment, change: value}
    if change == "KAFKA_PASSWORD":
        del given["KAFKA_PASSWORD_FILE"]
    if value is None:
        del given[change]
    for name, setting in given.items():
        monkeypatch.setenv(f"RISK_STREAM_{name}", str(setting))
    monkeypatch.setattr(topics, "PATIENCE_MS", 1000)
    settings = Settings()
    with pytest.raises(BrokerError) as error:
        topics.partition_counts(settings.broker)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
