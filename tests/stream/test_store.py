"""Alerts wait while Redis is away, and arrive when it is back."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from risk_stream.engine import Alert
from risk_stream.sinks import Metrics, Written
from risk_stream.stream import store as module
from risk_stream.stream.store import AlertStore
from tests.stream.conftest import FakeRecord


class Sink:
    """A Redis that is away for some writes."""

    url = "redis://there"

    def __init__(self, away: int = 0) -> None:
        self.away, self.kept = away, dict[str, Alert]()

    async def write(self, alerts: list[Alert]) -> Written:
        if self.away:
            self.away -= 1
            raise RedisConnectionError("refused")
        before = len(self.kept)
        self.kept |= {a.id: a for a in alerts}
        new = len(self.kept) - before
        return Written(new, len(alerts) - new)

    async def trim(self) -> int:
        return 0


def record(offset: int, **fields: Any) -> FakeRecord:
    given = dict.fromkeys(Alert.__struct_fields__, "x")
    given |= {"score": 1.0, "time": 5, "keys": {}, "features": {}, "inexact": [], "id": f"i{offset}", **fields}
    return FakeRecord(offset, Alert(**given).to_json())


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_WAIT", 0.001)


def write(sink: Sink, *records: FakeRecord) -> tuple[list[Any], Metrics]:
    metrics = Metrics()
    wrong = asyncio.run(AlertStore(sink, metrics).write(records))  # type: ignore[arg-type]
    return wrong, metrics


def test_alerts_are_stored_and_counted() -> None:
    """New ones, and those that were there."""
    sink = Sink()
    _, metrics = write(sink, record(1), record(2), record(1))
    assert set(sink.kept) == {"i1", "i2"}
    assert metrics.get("risk_stream_alerts_stored_total") == 2
    assert metrics.get("risk_stream_alerts_repeated_total") == 1
    assert metrics.get("risk_stream_redis_up") == 1


def test_it_waits_for_redis_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    """Five failures: two lines, one counter, nothing lost."""
    sink = Sink(away=5)
    _, metrics = write(sink, record(1))
    assert set(sink.kept) == {"i1"}
    assert metrics.get("risk_stream_redis_failures_total") == 5
    said = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert len(said) == 2
    assert said[0] == "Redis at redis://there does not take alerts (refused): they wait in Kafka, judging goes on"
    assert said[1].startswith("Redis at redis://there answers again")


def test_what_is_no_alert_is_handed_back() -> None:
    """With the reason; the others are stored."""
    sink = Sink()
    wrong, _ = write(sink, FakeRecord(0, b"junk"), FakeRecord(1, None), FakeRecord(2, b"{}"), record(3))
    assert [r.offset for r, _ in wrong] == [0, 1, 2]
    assert all(why for _, why in wrong)
    assert set(sink.kept) == {"i3"}
