"""A canary comes back through every partition of every hop while workers work, and only then."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from risk_stream.catalogue import load_catalogue
from risk_stream.catalogue.hashing import text_hash
from risk_stream.cli import run
from risk_stream.embedded import free_port
from risk_stream.settings import Settings
from risk_stream.sinks import Metrics
from risk_stream.watch import CANARY_METRICS, Canary
from risk_stream.watch.canary import names
from tests.desk.running import running
from tests.live.house import House, Worker, eventually

RULE = Path(__file__).parents[2] / "rules/portfolio/canary.yaml"


@pytest.mark.parametrize("partitions", [1, 4, 64])
def test_there_is_a_canary_for_each_partition(partitions: int) -> None:
    assert [text_hash(name) % partitions for name in names(partitions)] == list(range(partitions))


def test_what_is_no_canary_of_this_house_is_passed_over() -> None:
    canary = Canary(Settings(), load_catalogue(), print)
    for record in (b"", b"[]", b'{"keys": {"loan": "canary-0"}}', b'{"keys": {"loan": "L1"}, "time": 1}'):
        canary.heard(record, 1.0)
    assert canary.metrics.get("risk_stream_canary_back_total") == 0


def ages(metrics: Metrics) -> list[float]:
    """By partition."""
    return [
        sample.value
        for family in metrics.collect()
        if family.name == "risk_stream_canary_age_seconds"
        for sample in family.samples
    ]


@pytest.mark.live
@pytest.mark.timeout(150)
def test_a_canary_grows_old_while_no_worker_is_there(new_house: Callable[[str], House]) -> None:
    """Nobody is told of it: no alert, no count of events, no reject."""
    house = new_house("canary")
    (house.rules / "canary.yaml").write_text(RULE.read_text())
    metrics, heard = Metrics(of=CANARY_METRICS), list[str]()
    worker = Worker(house).start()
    try:
        worker.ready()
        with running(lambda: Canary(house.settings, load_catalogue(), heard.append, metrics)):
            assert eventually(lambda: metrics.get("risk_stream_canary_back_total") >= 8), (heard, worker.log)
            assert len(ages(metrics)) == 2
            assert max(ages(metrics)) < 5
            assert worker.metric("risk_stream_shadow_alerts_total", rule="canary") >= 8
            assert worker.metric("risk_stream_events_total") == 0
            assert worker.metric("risk_stream_stage_events_total") == 0
            assert worker.metric("risk_stream_rejects_total") == 0
            assert house.alerts() == {}
            worker.stop()
            assert eventually(lambda: min(ages(metrics)) > 6), ages(metrics)
            worker = Worker(house).start()
            assert eventually(lambda: max(ages(metrics)) < 5, within=60), (heard, worker.log)
            assert house.read("rejects") == []
    finally:
        worker.stop()


def test_where_time_is_simulated_none_is_sent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would be refused as late, or far ahead."""
    monkeypatch.setenv("RISK_STREAM_CLOCK", "simulated")
    monkeypatch.setattr("risk_stream.cli.canary.must_answer", lambda _: None)
    monkeypatch.setattr("risk_stream.cli.canary.until_told", lambda _: None)
    assert run(["canary", "--metrics-port", str(free_port())]) == 0
    assert "no canary is sent" in capsys.readouterr().err
