"""A canary comes back through every partition of every hop while workers work, and only then."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
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
from tests.live.servers import Alertmanager, MissingServerError, Prometheus

ROOT = Path(__file__).parents[2]
RULE, DOCKER = ROOT / "rules/portfolio/canary.yaml", ROOT / "docker"


@pytest.mark.parametrize("partitions", [1, 4, 64])
def test_there_is_a_canary_for_each_partition(partitions: int) -> None:
    assert [text_hash(name) % partitions for name in names(partitions)] == list(range(partitions))


def test_what_is_no_canary_of_this_house_is_passed_over() -> None:
    canary = Canary(Settings(), load_catalogue(), print)
    for record in (b"", b"[]", b'{"keys": {"loan": "canary-0"}}', b'{"keys": {"loan": "L1"}, "time": 1}'):
        canary.heard(record, 1.0)
    assert canary.metrics.get("risk_stream_canary_back_total") == 0


def test_what_does_not_come_back_is_said_once_and_so_is_its_return() -> None:
    """With what it may be: a plan without the canary's rule answers none, ever."""
    heard = list[str]()
    canary = Canary(Settings(), load_catalogue(), heard.append)
    canary.begin(2, 1_000.0)
    for now in (1_030.0, 1_070.0, 1_080.0):
        canary.look(now)
    (said,) = heard
    assert said.startswith("for 60 s no canary came back through partition 0, 1: is a worker running")
    assert "rules/portfolio/canary.yaml" in said
    for name in names(2):
        canary.heard(json.dumps({"keys": {"loan": name}, "time": 1_085_000}).encode(), 1_086.0)
    canary.look(1_087.0)
    assert heard[1:] == ["canaries come back through every partition"]


def ages(metrics: Metrics) -> list[float]:
    """By partition."""
    return [
        sample.value
        for family in metrics.collect()
        if family.name == "risk_stream_canary_age_seconds"
        for sample in family.samples
    ]


class Hooks:
    """Who is told by an Alertmanager: the names of alerts that fire, in order, by the path of the hook."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    @contextmanager
    def listening(self) -> Iterator[str]:
        """The address at which it listens."""
        told = self.told

        class Hook(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                told.extend(
                    (self.path, one["labels"]["alertname"]) for one in said["alerts"] if one["status"] == "firing"
                )
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nobody needs to know of each."""

        with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{server.server_port}"
            server.shutdown()


def sooner(text: str) -> str:
    """Rules or routes as they are shipped, that wait seconds where they would wait minutes."""
    text = re.sub(r"(age_seconds\)+) ([<>]) 60", r"\1 \2 10", text)
    return re.sub(r"(for|group_wait|group_interval|repeat_interval): \d+[smh]", r"\1: 1s", text)


@contextmanager
def watched(port: int, hooks: str, folder: Path) -> Iterator[None]:
    """A Prometheus that scrapes a port, by the shipped rules, and an Alertmanager with the shipped routes."""
    rules = folder / "rules.yml"
    rules.write_text(sooner((DOCKER / "prometheus/rules.yml").read_text()))
    routes = sooner((DOCKER / "alertmanager/alertmanager.yml").read_text())
    for receiver in ("operators", "dead-mans-switch"):
        routes = routes.replace(f"http://{receiver}.invalid/", f"{hooks}/{receiver}")
    try:
        alertmanager = Alertmanager(routes)
        prometheus = Prometheus(f"127.0.0.1:{port}", rules=[rules], alertmanager=f"127.0.0.1:{alertmanager.port}")
    except MissingServerError as exc:
        pytest.skip(str(exc))
    with alertmanager, prometheus:
        yield


@pytest.mark.live
@pytest.mark.timeout(150)
def test_when_the_worker_stops_the_switch_is_not_fed_and_operators_are_told(
    new_house: Callable[[str], House], tmp_path: Path
) -> None:
    """Nobody is told of a canary itself: no alert, no count of events, no reject."""
    house = new_house("canary")
    (house.rules / "canary.yaml").write_text(RULE.read_text())
    metrics, heard, hooks = Metrics(of=CANARY_METRICS), list[str](), Hooks()
    switch, operators = "/dead-mans-switch", "/operators"
    server = metrics.serve("127.0.0.1", port := free_port())
    worker = Worker(house).start()
    try:
        worker.ready()
        with (
            hooks.listening() as url,
            running(lambda: Canary(house.settings, load_catalogue(), heard.append, metrics)),
            watched(port, url, tmp_path),
        ):

            def told(*wanted: tuple[str, str], since: int = 0) -> bool:
                return eventually(lambda: set(wanted) <= set(hooks.told[since:]), within=60)

            assert eventually(lambda: metrics.get("risk_stream_canary_back_total") >= 8), (heard, worker.log)
            assert len(ages(metrics)) == 2
            assert told((switch, "RiskStreamCanaryComesBack")), Counter(hooks.told)
            assert worker.metric("risk_stream_shadow_alerts_total", rule="canary") >= 8
            for name in ("events", "stage_events", "rejects", "alerts"):
                assert worker.metric(f"risk_stream_{name}_total") == 0
            assert house.alerts() == {}
            before = len(hooks.told)
            worker.stop()
            assert told((operators, "RiskStreamCanaryStale"), since=before), Counter(hooks.told)
            # What fed the switch a moment ago may still be on its way; then the watchdog alone does.
            fed = [(switch, "RiskStreamWatchdog")] * 2
            assert eventually(lambda: [one for one in hooks.told if one[0] == switch][-2:] == fed), Counter(hooks.told)
            assert house.read("rejects") == []
    finally:
        server.shutdown()
        worker.stop()


def test_where_time_is_simulated_none_is_sent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would be refused as late, or far ahead."""
    monkeypatch.setenv("RISK_STREAM_CLOCK", "simulated")
    monkeypatch.setattr("risk_stream.cli.canary.enter", lambda _: None)
    monkeypatch.setattr("risk_stream.cli.canary.until_told", lambda *_: None)
    assert run(["canary", "--metrics-port", str(free_port())]) == 0
    assert "no canary is sent" in capsys.readouterr().err
