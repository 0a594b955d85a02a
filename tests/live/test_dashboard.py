"""Each panel of each dashboard shows something when a live Prometheus scrapes a live worker that has work to do."""

from __future__ import annotations

import asyncio
import json
import math
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from risk_stream.alerts import Act
from risk_stream.calendars import shipped
from risk_stream.catalogue import load_catalogue
from risk_stream.console import CONSOLE_METRICS, Console
from risk_stream.desk import DESK_METRICS, DeskClerk
from risk_stream.embedded import free_port
from risk_stream.lending import one_date
from risk_stream.lending.ledger import close, figures
from risk_stream.lending.ledger.gauges import as_metrics
from risk_stream.post import NOTICE_METRICS, HouseSource, PostOffice
from risk_stream.sinks import Metrics
from risk_stream.stream.past import send_all
from risk_stream.watch import CANARY_METRICS, MIRROR_METRICS, Canary, Mirror
from tests.dashboards.queries import DASHBOARDS, RATIOS, ROOT, Query, load, queries
from tests.desk.running import running
from tests.lending.ledger.said import book_of, loan, paid
from tests.live.clerk import Clerk
from tests.live.house import House, Worker, eventually, transfer
from tests.live.servers import Alertmanager, Prometheus
from tests.profiles.house import POLICY

pytestmark = [pytest.mark.live, pytest.mark.timeout(200)]

ROUNDS = 4

#: Those around the workers, and what each says.
AROUND = {
    "desk": DESK_METRICS,
    "console": CONSOLE_METRICS,
    "notices": NOTICE_METRICS,
    "mirror": MIRROR_METRICS,
    "canary": CANARY_METRICS,
}

#: What decides applications in this house.
TABLE = """
table: policy
owner: desk
on: application
rows:
  - {when: amount > 4000, verdict: refer, reason: "{amount} is for a person to decide"}
  - {when: otherwise, verdict: decline, reason: "{amount} is too little"}
"""

#: A model of this house: whatever it scores is over its threshold, and is told how it turned out.
MODEL = """
model: sizes
stage: trading
on: transfer
by: account
owner: desk
inputs: {size: amount}
pipeline: [GaussianScorer]
labels: {bad: [fraud], good: [good], within: 1d}
warm_up: 0
threshold: 0
"""

#: The rule of each stage of lending in this house, beside those of trading: its id, and the type of event it fires on.
STAGES = {
    "pre_loan": ("asked", "application"),
    "mid_loan": ("margin-call", "collateral_valuation"),
    "post_loan": ("paid", "repayment"),
}

#: Events that a panel counts, with what they cannot be without; each has a loan and a customer.
TOLD: dict[str, dict[str, Any]] = {
    "application": {"amount": 5000},
    "bureau_report": {"score": 600},
    "decision": {"verdict": "refer"},
    "drawdown": {"amount": 5000},
    "collateral_valuation": {"collateral_value": 9000},
    "financial_report": {},
    "margin_status": {"account": "M1", "margin_band": "call"},
    "instalment_due": {"amount": 500},
    "repayment": {"amount": 500},
    "statement": {"balance": 500},
}


def samples(prometheus: Prometheus, expression: str) -> list[float]:
    """The values a query gives now."""
    url = f"{prometheus.url}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        result: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    return [float(series["value"][1]) for series in result]


def rules_of(stage: str) -> str:
    """A rule file of a stage, with the rule that it has here."""
    name, kind = STAGES[stage]
    rule = {"id": name, "on": kind, "when": "seen > 0", "severity": "high", "summary": "{customer}"}
    features = {"seen": {"count": kind, "by": "customer", "window": "1d"}}
    return json.dumps({"stage": stage, "owner": "desk", "features": features, "rules": [rule]})  # JSON is YAML


def tell(house: House, number: int) -> None:
    """Events of all stages, which are judged, decided and alerted, and one that is refused."""
    accounts = [f"A8{number}{i:04}" for i in range(5)]
    house.send([transfer(f"dash-{a}-{i}", a, 9500, device=a) for a in accounts for i in range(3)])
    told = {"type": "outcome", "account": accounts[0], "time": int(time.time() * 1000)}
    labels = enumerate(("fraud", "good"))
    of = [
        {"id": f"dash-said-{number}-{i}", "of_event": f"dash-{accounts[0]}-{i}", "label": label} for i, label in labels
    ]
    house.send([{**told, **one} for one in of], "reference")
    house.send([b"no event"])
    now = int(time.time() * 1000)
    who = {"time": now, "loan": f"L{number}", "customer": f"C{number}", "entity": "Alpha"}
    house.send([{"id": f"dash-{t}-{number}", "type": t, **who, **more} for t, more in TOLD.items()], "loans")


def margin_accounts(house: House) -> None:
    """One financed account that 135 per cent call, one that a title without a price leaves unknown."""
    now = {"time": int(time.time() * 1000), "entity": "Alpha"}
    held = {"type": "holding", "holding_kind": "financed", "held": 1000, "amount": 8000, **now}
    house.send(
        [
            {"id": "held-1", "account": "M1", "instrument": "T1", **held},
            {"id": "held-2", "account": "M2", "instrument": "T9", **held},
            *(
                {"id": f"stated-{a}", "type": "margin_account", "account": a, "margin_debt": 8000, **now}
                for a in ("M1", "M2")
            ),
        ],
        "reference",
    )


@contextmanager
def clerk_of(house: House) -> Iterator[int]:
    """The port at which an active clerk of margin accounts says its metrics."""
    clerk = Clerk(house)
    server = clerk.metrics.serve("127.0.0.1", port := free_port())
    try:
        assert eventually(lambda: clerk.active), clerk.heard
        yield port
    finally:
        server.shutdown()
        clerk.stop()


def closed_book() -> bytes:
    """What a closing says for Prometheus of a loan that is paid, one that never was, and a payment for none."""
    contracts = [loan(name, entity="Alpha", product="consumer") for name in ("L1", "L2")]
    payments = [paid(f"2026-{month:02}-15", name=name) for month in range(2, 7) for name in ("L1", "L9")]
    return as_metrics(figures(close(book_of(*contracts, *payments), one_date("2026-06-30")))).encode()


@contextmanager
def said(metrics: Metrics) -> Iterator[int]:
    """The port at which a process says its metrics."""
    server = metrics.serve("127.0.0.1", port := free_port())
    try:
        yield port
    finally:
        server.shutdown()


@contextmanager
def people_of(house: House, alertmanager: str, folder: Path) -> Iterator[list[int]]:
    """The ports of those around the workers, all at work: desk, console, notices, mirror and canary."""
    (folder / "receivers.yaml").write_text("receivers:\n  desk: {url: 'json://127.0.0.1:1/', role: officer}\n")
    (folder / "desk.yaml").write_text("levels: [[officer]]\n")
    (folder / "access.yaml").write_text("local: [officer, admin]\n")
    more = {"people": folder, "alertmanager": alertmanager, "console_port": free_port()}
    settings, catalogue, heard = house.settings.model_copy(update=more), load_catalogue(), list[str]()
    of = {name: Metrics(of=metrics) for name, metrics in AROUND.items()}
    source = HouseSource(folder, shipped())
    with ExitStack() as stack:
        for make in (
            lambda: DeskClerk(settings, heard.append, of["desk"]),
            lambda: Console(settings, heard.append, of["console"]),
            lambda: PostOffice(settings, source, catalogue, heard.append, of["notices"]),
            lambda: Mirror(settings, heard.append, of["mirror"]),
            lambda: Canary(settings, catalogue, heard.append, of["canary"]),
        ):
            stack.enter_context(running(make))
        ports = [stack.enter_context(said(metrics)) for metrics in of.values()]
        ready = ("desk_active", "console_ready", "notices_active", "mirror_active", "canary_sent_total")
        for name, metric in zip(of, ready, strict=True):
            assert eventually(lambda n=name, m=metric: of[n].get(f"risk_stream_{m}") > 0, within=60), (name, heard)
        yield [*ports, settings.console_port]


def close_two(house: House) -> None:
    """People close one alert as it should be, one as a false alarm."""
    ids = sorted(house.alerts())[:2]
    acts = [
        Act(id=f"close-{id}", act="close", by="wang", at=0, alerts=[id], disposition=disposition)
        for id, disposition in zip(ids, ("confirmed", "false_alarm"), strict=True)
    ]
    topic = house.settings.actions_topic
    asyncio.run(send_all(house.broker, [(topic, None, msgspec.json.encode(act), 0) for act in acts]))


def look(port: int) -> None:
    """Have the console answer."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/alerts", timeout=10) as answer:
        assert answer.status == 200


@contextmanager
def served(page: bytes) -> Iterator[int]:
    """A port at which a page is, as node_exporter has those of its textfile collector."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: object) -> None:
            """Nobody needs to know of each scrape."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def ask(port: int, number: int) -> dict[str, Any]:
    """A server's answer to an application."""
    asked = {"application": f"ask-{number}", "loan": f"K{number}", "customer": "C1", "amount": 5000}
    url = f"http://127.0.0.1:{port}/v1/decisions"
    with urllib.request.urlopen(url, data=json.dumps(asked).encode(), timeout=10) as answer:
        said: dict[str, Any] = json.load(answer)
    return said


def answers(port: int) -> bool:
    """Whether a server has read back what was answered before."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.fixture(scope="module")
def scraped(new_house: Callable[[str], House], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that has seen a worker judge, alert, answer and refuse, over several scrapes."""
    house = new_house("dashboards")
    for stage in STAGES:
        (house.rules / f"{stage}.yaml").write_text(rules_of(stage))
    (house.rules / "policy.yaml").write_text(TABLE)
    (house.rules / "model.yaml").write_text(MODEL)
    (house.rules / "profile.yaml").write_text(POLICY)
    (house.rules / "canary.yaml").write_text((ROOT / "rules/portfolio/canary.yaml").read_text())
    port = free_port()
    worker = Worker(house, DECISIONS_PORT=port).start()
    try:
        with ExitStack() as stack:
            book = stack.enter_context(served(closed_book()))
            worker.ready()
            margin_accounts(house)
            clerk_port = stack.enter_context(clerk_of(house))
            alertmanager = stack.enter_context(
                Alertmanager((ROOT / "docker/alertmanager/alertmanager.yml").read_text())
            )
            folder = tmp_path_factory.mktemp("people")
            *around, console = stack.enter_context(people_of(house, alertmanager.url, folder))
            targets = [f"127.0.0.1:{one}" for one in (worker.metrics_port, port, book, clerk_port, *around)]
            prometheus = stack.enter_context(Prometheus(*targets, rules=RATIOS))
            assert eventually(lambda: answers(port)), worker.log
            for number in range(ROUNDS):
                tell(house, number)
                tick = {"id": f"tick-{number}", "type": "price", "time": int(time.time() * 1000)}
                house.send([{**tick, "instrument": "T1", "price": 10.8 + number}])
                assert ask(port, number)["verdict"] == "refer", worker.log
                wanted = {
                    "large": f"dash-A8{number}0004-2",
                    **{rule: f"dash-{kind}-{number}" for rule, kind in STAGES.values()},
                }
                for rule, event in wanted.items():
                    assert eventually(lambda rule=rule, event=event: event in house.said(rule)), (rule, worker.log)
                look(console)
                for metric, least in (("rejects", number), ("decisions", 2 * number + 1)):
                    name = f"risk_stream_{metric}_total"
                    assert eventually(lambda n=name, m=least: sum(samples(prometheus, n)) > m), (name, worker.log)
            closed = 'sum(risk_stream_desk_dispositions{disposition=~"confirmed|false_alarm"})'
            close_two(house)
            assert eventually(lambda: sum(samples(prometheus, closed)) == 2), worker.log
            yield prometheus
    finally:
        worker.stop()


@pytest.mark.parametrize("query", queries(), ids=str)
def test_a_panel_shows_finite_numbers(scraped: Prometheus, query: Query) -> None:
    """Neither empty nor NaN: an empty panel looks like a calm day."""
    found: list[float] = eventually(lambda: samples(scraped, query.concrete()), within=10)
    assert found, query.concrete()
    assert all(math.isfinite(value) for value in found), (query.concrete(), found)


def test_prometheus_understands_what_is_marked(scraped: Prometheus) -> None:
    """A mark is rare, so its query may give nothing; one that is wrong is refused."""
    marks = [mark for path in DASHBOARDS.glob("*.json") for mark in load(path)["annotations"]["list"] if "expr" in mark]
    assert marks
    for expression in {mark["expr"] for mark in marks}:
        samples(scraped, expression)
