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
        self.round_trips, self.too_many, self.trims = list[int](), 0, 0

    async def write(self, alerts: list[Alert]) -> Written:
        if self.away:
            self.away -= 1
            raise RedisConnectionError("refused")
        self.round_trips.append(len(alerts))
        before = len(self.kept)
        self.kept |= {a.id: a for a in alerts}
        new = len(self.kept) - before
        return Written(new, len(alerts) - new)

    async def trim(self) -> int:
        self.trims += 1
        gone = min(self.too_many, 500)
        self.too_many -= gone
        return gone


def record(offset: int, **fields: Any) -> FakeRecord:
    given = dict.fromkeys(Alert.__struct_fields__, "x")
    given |= {"score": 1.0, "time": 5, "keys": {}, "features": {}, "inexact": [], "warming": [], "id": f"i{offset}"}
    given |= {"revision": offset, "status": "raised", "was": None, "event_time": None, "at_most": None, **fields}
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


def test_suppressed_alerts_are_counted_by_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """Among the new ones."""
    sink = Sink()

    async def suppresses(alerts: list[Alert]) -> Written:
        return Written(new=len(alerts), suppressed=tuple(alert.rule for alert in alerts[1:]))

    monkeypatch.setattr(sink, "write", suppresses)
    _, metrics = write(sink, record(1), record(2, rule="many"), record(3, rule="many"), record(4, rule="few"))
    assert metrics.get("risk_stream_alerts_stored_total") == 4
    assert metrics.get("risk_stream_alerts_suppressed_total", "many") == 2
    assert metrics.get("risk_stream_alerts_suppressed_total", "few") == 1


def test_it_waits_for_redis_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    """Five failures: two lines, one counter, nothing lost."""
    sink = Sink(away=5)
    _, metrics = write(sink, record(1))
    assert set(sink.kept) == {"i1"}
    assert metrics.get("risk_stream_redis_failures_total") == 5
    said = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert len(said) == 2
    assert said[0] == "Redis at redis://there does not take alerts (refused): they wait in Kafka, judging goes on"
    assert said[1] == "Redis at redis://there answers again: what waited in Kafka is stored now"


def test_much_is_asked_in_round_trips_and_only_the_one_that_failed_again() -> None:
    """A Redis that is slow or fails now and then gets on; what a batch may hold does not decide it."""
    sink = Sink()
    real, failures = sink.write, iter([False, True, False, True, True, False])

    async def fails_now_and_then(alerts: list[Alert]) -> Written:
        if next(failures):
            raise TimeoutError
        return await real(alerts)

    sink.write = fails_now_and_then  # type: ignore[method-assign]
    _, metrics = write(sink, *(record(n) for n in range(1200)))
    assert sink.round_trips == [500, 500, 200]
    assert metrics.get("risk_stream_alerts_stored_total") == 1200
    assert metrics.get("risk_stream_redis_failures_total") == 3


def test_what_is_too_much_is_removed_however_much_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Now and then, and then until nothing is left to remove: Redis is bounded at any rate of alerts."""
    monkeypatch.setattr(module, "TRIM_EVERY", 0.0)
    sink = Sink()
    sink.too_many = 1700
    write(sink, record(1))
    assert (sink.too_many, sink.trims) == (0, 5)


def test_what_is_no_alert_is_handed_back() -> None:
    """With the reason; the others are stored."""
    sink = Sink()
    wrong, _ = write(sink, FakeRecord(0, b"junk"), FakeRecord(1, None), FakeRecord(2, b"{}"), record(3))
    assert [r.offset for r, _ in wrong] == [0, 1, 2]
    assert all(why for _, why in wrong)
    assert set(sink.kept) == {"i3"}
