"""Decisions asked by HTTP at 500 a second of one worker while 5,000 trades a second flow: how long, how sure.

And at lower rates, which say what an answer takes where the cores have time for it.

A table decides by the names on a list of 20,000, by a scorecard and by features of three keys.

Applications visit the hops of their loan, customer, device and id number; trades those of their account. A third
origin brings applications of a partner 200 ms behind. A request counts from the moment at which it was due to be sent,
whether or not a connection was free.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import psutil
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from bench.live import CORE, Worker, cpu_seconds, environment_of, fill, pin, scrape, servers, worker
from bench.report import table
from risk_stream.catalogue import load_catalogue
from risk_stream.embedded import free_port
from risk_stream.settings import Settings, load_settings
from risk_stream.stream.letters.sections import read_letter

__all__ = ["ACCOUNTS", "LISTED", "PARTNER", "RATE", "TRADES", "fake_name", "make_application", "run", "write_rules"]

RATE, TRADES, PARTNER = 500, 5_000, 50  # a second
BEHIND_MS = 200  # of the partner's applications
PARTITIONS, CONNECTIONS = 1, 512
LOWER = ((RATE, 0), (100, 1_000))  # further rows: requests and trades a second
PEOPLE, ACCOUNTS, RULES, LISTED = 20_000, 30_000, 200, 20_000
TICK = 0.01
QUIET_RECORDS = 100  # that a worker at rest has not committed yet: all hops tell each other how far they are

_SYLLABLES = [first + vowel for first in "bcdfghjklmnprstvwxyz" for vowel in ("a", "e", "i", "ong", "un")]

#: The hops that an application visits, in their order.
HOPS = ("loan", "customer", "device", "id_number")

_FEATURES = """\
  applied_1h: {count: application, by: customer, window: 1h}
  asked_1d: {sum: amount, of: application, by: customer, window: 1d}
  most_30d: {max: amount, of: application, by: customer, window: 30d}
  lenders_30d: {distinct: lender, of: application, by: id_number, window: 30d}
  ids_asked_1d: {sum: amount, of: application, by: id_number, window: 1d}
  people_1h: {distinct: customer, of: application, by: device, window: 1h}
  device_1d: {count: application, by: device, window: 1d}
"""

_TRADING = """\
stage: trading
features:
  trades_1m: {count: trade, by: account, window: 1m}
  traded_1h: {sum: amount, of: trade, by: account, window: 1h}
  largest_1d: {max: amount, of: trade, by: account, window: 1d}
rules:
"""

_CARD = """\
scorecard: consumer
features:
  share: amount / declared_income
  applied_1d: {count: application, by: customer, window: 1d}
  people_1d: {distinct: customer, of: application, by: device, window: 1d}
pdo: 20
base_score: 600
base_odds: 50
intercept: -3.2
characteristics:
  share:
    beta: -1.1
    bins: [{below: 1, woe: 0.9}, {from: 1, below: 4, woe: 0.2}, {from: 4, woe: -0.9}]
    missing: {woe: -0.4}
    words: much is asked for beside the income
  applied_1d:
    beta: -0.8
    bins: [{below: 2, woe: 0.4}, {from: 2, below: 4, woe: 0.0}, {from: 4, woe: -0.7}]
    words: several applications within a day
  people_1d:
    beta: -0.9
    bins: [{below: 3, woe: 0.3}, {from: 3, woe: -0.8}]
    words: several people share the device
  term_months:
    beta: -0.5
    bins: [{below: 12, woe: 0.3}, {from: 12, woe: -0.2}]
    missing: {woe: 0}
    words: a long term
"""

_TABLE = """\
table: consumer-loans
owner: credit
on: application
features:
  points: scorecard("consumer")
  lenders_30d: {distinct: lender, of: application, by: id_number, window: 30d}
score: points
rows:
  - when: resembles(applicant, "sanctions") >= 0.93
    verdict: refer
    reason: "{applicant} resembles a name on the list of sanctions"
  - when: fired("lending-001") or lenders_30d >= 6
    verdict: decline
    reason: "{customer} asked {lenders_30d} lenders"
  - when: points < 590
    verdict: refer
    reason: "{points} points"
  - when: points >= 590
    verdict: approve
    limit: min(amount, 12 * declared_income)
    rate: {from: 0.06, to: 0.12}
    reason: "{points} points"
  - when: otherwise
    verdict: refer
    reason: the points are not known
"""


def _rule(name: str, on: str, when: str) -> str:
    return f"""\
  - id: {name}
    on: {on}
    when: {when}
    severity: low
    score: 1
    action: review
    owner: desk
    summary: "{{amount}}"
    why: "Bench."
"""


def write_rules(folder: Path) -> Path:
    """Half of the rules for applications, half for trades, the table that decides; -> a file without event types."""
    (folder / "rules").mkdir()
    rng = random.Random(3)
    names = ["applied_1h", "asked_1d", "most_30d", "lenders_30d", "ids_asked_1d", "people_1h", "device_1d"]
    lending = ["stage: pre_loan", "features:", _FEATURES.rstrip(), "rules:"]
    for r in range(RULES // 2):
        a, b = rng.sample(names, 2)
        band = f"{90_000 + 10 * r} < amount <= {90_010 + 10 * r}"  # so that one event of a hundred fires one of them
        when = f"{band} and {a} >= {rng.choice((1, 2, 3))} and ({b} > 2 or term_months > 6)"
        lending.append(_rule(f"lending-{r:03d}", "application", when).rstrip())
    (folder / "rules" / "lending.yaml").write_text("\n".join(lending) + "\n")
    (folder / "rules" / "card.yaml").write_text(_CARD)
    (folder / "rules" / "table.yaml").write_text(_TABLE)
    trading = [_TRADING.rstrip()]
    for r in range(RULES // 2):
        band = f"{90_000 + 10 * r} < amount <= {90_010 + 10 * r}"
        when = f"{band} and trades_1m >= 1 and (traded_1h > 5 or largest_1d > 100)"
        trading.append(_rule(f"trading-{r:03d}", "trade", when).rstrip())
    (folder / "rules" / "trading.yaml").write_text("\n".join(trading) + "\n")
    events = folder / "events.yaml"
    events.write_text("types: []\n")
    return events


def fake_name(rng: random.Random) -> str:
    """Two parts of two or three syllables each, of some hundred syllables."""
    return " ".join("".join(rng.choices(_SYLLABLES, k=rng.choice((2, 3)))).capitalize() for _ in range(2))


def fill_list(settings: Settings) -> None:
    """Put the names on the list of sanctions."""
    rng, now = random.Random(11), int(time.time() * 1000) - 3_600_000
    entries = (
        {"id": f"N{i}", "type": "list_entry", "time": now + i, "list_name": "sanctions", "member": fake_name(rng)}
        for i in range(LISTED)
    )
    fill(settings.broker, settings.house_topics["reference"], map(orjson.dumps, entries), PARTITIONS)


def make_application(i: int, rng: random.Random) -> dict[str, Any]:
    """The fields of an application: what is asked by somebody of `PEOPLE`."""
    person = rng.randrange(PEOPLE)
    return {
        "loan": f"L{i}",
        "customer": f"C{person}",
        "applicant": fake_name(rng),
        "id_number": f"I{person}",
        "device": f"D{person // 2}",
        "product": "consumer",
        "amount": rng.randrange(1_000, 100_000),
        "term_months": rng.choice((3, 6, 12, 24)),
        "declared_income": rng.randrange(2_000, 40_000),
        "lender": f"K{rng.randrange(9)}",
    }


# What flows beside, in a process of its own


_TRADE = (
    b'{"id":"T%s-%d","type":"trade","time":%d,"account":"A%d","instrument":"I%d","quantity":10,"price":7.5,"amount":%d}'
)


async def _flow(settings: Settings, seconds: float, trades: int, name: str) -> None:
    """Trades, and the partner's applications 200 ms behind them; each flow has a name of its own."""
    rng, producer = random.Random(5), AIOKafkaProducer(bootstrap_servers=settings.broker, linger_ms=0, acks=1)
    await producer.start()
    sent, partner, began = 0, 0, time.time()
    while (now := time.time()) < began + seconds:
        ms = int(now * 1000)
        for i in range(sent, sent := int((now - began) * trades)):
            values = name.encode(), i, ms, rng.randrange(ACCOUNTS), rng.randrange(500), rng.randrange(100_000)
            await producer.send(settings.house_topics["trades"], _TRADE % values, partition=0)
        for i in range(partner, partner := int((now - began) * PARTNER)):
            said = {"id": f"P{name}-{i}", "type": "application", "time": ms - BEHIND_MS, **make_application(i, rng)}
            await producer.send(settings.house_topics["loans"], orjson.dumps(said), partition=0)
        await asyncio.sleep(max(0.0, TICK - (time.time() - now)))
    await producer.stop()


# Who asks


@dataclass(slots=True)
class Asked:
    """What became of the requests: when each was due, how long its answer took (ms), and the answer.

    Those of the first `warm` seconds are not counted: the broker's code is compiled meanwhile, which takes a core.
    """

    warm: float
    due: dict[str, float] = field(default_factory=dict)
    took: dict[str, float] = field(default_factory=dict)
    answers: dict[str, bytes] = field(default_factory=dict)
    failed: Counter[int] = field(default_factory=Counter)


class Connection:
    """One kept-alive connection, as plain as it can be: who measures must not take the time that is measured."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """(status, body) of one request."""
        head = f"{method} {path} HTTP/1.1\r\nHost: bench\r\nContent-Length: {len(body)}\r\n\r\n"
        self._writer.write(head.encode() + body)
        said = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        length = next(line for line in said.splitlines() if line.lower().startswith("content-length:"))
        return int(said.split(" ", 2)[1]), await self._reader.readexactly(int(length.partition(":")[2]))

    def close(self) -> None:
        """Close it."""
        self._writer.close()


async def _ask_all(port: int, warm: float, seconds: float, rate: int, name: str) -> Asked:
    rng, asked = random.Random(name), Asked(warm)
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(Connection(*await asyncio.open_connection("127.0.0.1", port)))

    async def ask(application: str, body: bytes, due: float) -> None:
        connection = await free.get()
        status, answer = await connection.ask("POST", "/v1/decisions", body)
        asked.took[application] = (time.perf_counter() - due) * 1000
        free.put_nowait(connection)
        if status == 200:
            asked.answers[application] = answer
        else:
            asked.failed[status] += 1

    began, tasks = time.perf_counter(), []
    offset = time.time() - began
    for i in range(int(rate * (warm + seconds))):
        due = began + i / rate
        if (early := due - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        application = f"A{name}-{i}"
        asked.due[application] = due + offset
        body = orjson.dumps({"application": application, **make_application(i, rng)})
        tasks.append(asyncio.create_task(ask(application, body, due)))
    await asyncio.gather(*tasks)
    for application, answer in asked.answers.items():
        connection = await free.get()
        again = await connection.ask("GET", f"/v1/decisions/{application}")
        free.put_nowait(connection)
        if again != (200, answer):
            asked.failed[-1] += 1
    while not free.empty():
        free.get_nowait().close()
    return asked


async def _ready(port: int) -> None:
    for _ in range(300):
        try:
            connection = Connection(*await asyncio.open_connection("127.0.0.1", port))
            status, _ = await connection.ask("GET", "/healthz")
            connection.close()
            if status == 200:
                return
        except OSError:
            pass
        await asyncio.sleep(0.1)
    raise SystemExit("the server of decisions did not get ready")


async def _listed(port: int) -> None:
    """Return when the worker has nothing to catch up with: the list is known at every hop."""
    for _ in range(600):
        if scrape(port)["risk_stream_consumer_lag_records"] < QUIET_RECORDS:
            return
        await asyncio.sleep(0.1)
    raise SystemExit("the worker did not catch up with the list of names")


# Where the time goes


async def _stations(settings: Settings) -> dict[str, dict[str, int]]:
    """Topic -> application -> when its record there was made by who sent it, ms."""
    catalogue = load_catalogue()
    topics = [settings.requests_topic, *(settings.hop_topic(kind) for kind in HOPS), settings.decisions_topic]
    found: dict[str, dict[str, int]] = {topic: {} for topic in topics}
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.broker, auto_offset_reset="earliest")
    await consumer.start()
    for topic in topics:
        tps = [TopicPartition(topic, p) for p in range(PARTITIONS)]
        consumer.assign(tps)
        await consumer.seek_to_beginning(*tps)
        ends = await consumer.end_offsets(tps)
        for tp in tps:
            while await consumer.position(tp) < ends[tp]:
                for records in (await consumer.getmany(tp, timeout_ms=1000)).values():
                    for record in records:
                        for name in _names(catalogue, record.value, is_json=".hop." not in topic):
                            found[topic].setdefault(name, record.timestamp)
    await consumer.stop()
    return found


def _names(catalogue: Any, value: bytes, *, is_json: bool) -> Iterator[str]:
    if is_json:
        yield orjson.loads(value)["id"]
    elif value[:1] != b"{":
        batch = read_letter(catalogue, value).batch
        yield from (name for name in batch.table.column("id").to_pylist() if name[:1] == "A")


def _legs(stations: dict[str, dict[str, int]], asked: Asked) -> list[tuple[str, float, float]]:
    """(from where to where, median and 99th percentile of the time between, ms), for the counted requests."""
    names = [name for name in _counted(asked) if all(name in found for found in stations.values())]
    if not names:
        return []
    ends = [(topic, np.array([found[name] for name in names], np.float64)) for topic, found in stations.items()]
    came = np.array([asked.due[name] * 1000 for name in names])
    took = np.array([asked.took[name] for name in names])
    ends = [("asked", came), *ends, ("answered", came + took)]
    legs = []
    for (a, start), (b, end) in pairwise(ends):
        p50, p99 = np.percentile(end - start, [50, 99])
        legs.append((f"{a} to {b}", float(p50), float(p99)))
    return legs


def _counted(asked: Asked) -> list[str]:
    first = min(asked.due.values()) + asked.warm
    return [name for name, due in asked.due.items() if due >= first and name in asked.answers]


def _core(pid: int) -> np.ndarray:
    """(seconds that a process ran, seconds that the worker's core was busy)."""
    busy = psutil.cpu_times(percpu=True)[-1 if (os.cpu_count() or 1) <= CORE else CORE]
    return np.array([cpu_seconds(pid), sum(busy) - busy.idle - busy.iowait])


async def _measure(running: Worker, warm: float, seconds: float, rate: int, trades: int) -> Asked:
    name = f"{rate}-{trades}"
    command = [sys.executable, "-m", "bench.decisions", str(warm + seconds + 2), str(trades), name]
    flow = subprocess.Popen(command, env=environment_of(running.settings))
    try:
        await asyncio.sleep(1.0)
        return await _ask_all(running.settings.decisions_port, warm, seconds, rate, name)
    finally:
        flow.wait(60)


@dataclass(frozen=True, slots=True)
class Row:
    """What one pair of rates gave; times in ms."""

    rate: int
    trades: int
    verdicts: Counter[str]
    times: tuple[float, ...]  # p50, p90, p99 and the longest
    ran: float  # shares of its core that the worker had, and that other programs had
    others: float
    asked: Asked

    @classmethod
    def of(cls, asked: Asked, rate: int, trades: int, ran: float, others: float) -> Row:
        """Of what was asked at these rates."""
        counted = _counted(asked)
        verdicts = Counter(orjson.loads(asked.answers[name])["verdict"] for name in counted)
        times = np.percentile([asked.took[name] for name in counted], [50, 90, 99, 100])
        return cls(rate, trades, verdicts, tuple(times.tolist()), ran, others, asked)

    @property
    def cells(self) -> tuple[str | float, ...]:
        """The row of the table."""
        said = ", ".join(f"{n:,} {verdict}" for verdict, n in sorted(self.verdicts.items()))
        return f"{self.rate}/s beside {self.trades:,}/s: {said}", *self.times, f"{self.ran:.2f}", f"{self.others:.2f}"

    def figures(self) -> dict[str, float]:
        """What the line of JSON says."""
        asked, (p50, _, p99, _) = self.asked, self.times
        on_time = [orjson.loads(asked.answers[name])["by"] == "engine" for name in _counted(asked)]
        return {
            "p50_ms": round(p50, 1),
            "p99_ms": round(p99, 1),
            "on_time_share": round(float(np.mean(on_time)), 5),
            "lost": len(asked.due) - len(asked.answers),
            "differing": asked.failed[-1],
            "others_share": round(self.others, 3),
        }


def _rows(running: Worker, child: int, quick: bool, rate: int) -> Iterator[Row]:
    """Each pair of rates, the one that counts first; the worker and the broker go on meanwhile."""
    lower = LOWER if rate == RATE else ()
    for i, (requests, trades) in enumerate([(rate, TRADES * rate // RATE), *lower]):
        warm = (12.0 if quick else 20.0) if i == 0 else 2.0
        seconds = (10.0 if i == 0 else 6.0) if quick else (60.0 if i == 0 else 30.0)
        began, before = time.perf_counter(), _core(child)
        asked = asyncio.run(_measure(running, warm, seconds, requests, trades))
        ran, busy = ((_core(child) - before) / (time.perf_counter() - began)).tolist()
        yield Row.of(asked, requests, trades, ran, max(0.0, busy - ran))


def run(quick: bool, rate: int = RATE) -> dict[str, float]:
    """A minute and two half ones, or ten seconds; with another `rate` the trades are fewer or more by as much."""
    more = {"clock": "live", "decisions_port": free_port()}
    with (
        servers() as (broker, redis),
        worker(broker, redis, "bench-decisions", PARTITIONS, fill_list, write_rules, more) as running,
    ):
        child = running.ready()
        pin(child)
        asyncio.run(_ready(running.settings.decisions_port))
        asyncio.run(_listed(running.port))
        rows = list(_rows(running, child, quick, rate))
        legs = _legs(asyncio.run(_stations(running.settings)), rows[0].asked)
    table(
        ("requests beside trades", "p50 ms", "p90 ms", "p99 ms", "max ms", "worker", "others"),
        [row.cells for row in rows],
    )
    table((f"where the time goes at {rate} requests/s", "p50 ms", "p99 ms"), legs)
    print("worker, others: the shares of its core that the worker had, and that other programs had\n")
    lower = {
        f"{which}_ms_{r.rate}_{r.trades}": r.figures()[f"{which}_ms"] for r in rows[1:] for which in ("p50", "p99")
    }
    return rows[0].figures() | lower


if __name__ == "__main__":
    asyncio.run(_flow(load_settings(), float(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
