"""What `console` measures on: a house of many alerts on real Kafka, its people, and a desk that goes on writing."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from aiokafka import AIOKafkaProducer

from bench.live import environment_of, scrape
from risk_stream.access import make_token, store_token
from risk_stream.alerts import DISPOSITIONS, SEVERITIES, Act, Case, Cause, Desk, Entry, Life
from risk_stream.catalogue import load_catalogue
from risk_stream.embedded import free_port
from risk_stream.engine import Alert
from risk_stream.kafka import create_topics, wanted_topics
from risk_stream.settings import Settings, load_settings

__all__ = ["ENTITIES", "RULES", "SCOPES", "STAGES", "Busy", "Served", "console"]

ENTITIES = ("SEC-SH", "SEC-SZ", "LEND-BJ", "LEND-GZ")
STAGES = ("pre_loan", "mid_loan", "post_loan", "trading")
RULES = tuple(f"rule-{number:03}" for number in range(436))
DAY_MS = 86_400_000

#: Who looks on, and the entities they see; None: all.
SCOPES: dict[str, tuple[str, ...] | None] = {
    "anna": None,
    "wang": ("SEC-SH",),
    "li": ("SEC-SZ",),
    "chen": ("SEC-SH", "SEC-SZ", "LEND-BJ"),
    "zhao": ("LEND-BJ", "LEND-GZ"),
}
_SENTENCES = (
    "{n} transfers out of account {account} within 10 minutes, {amount:,.2f} in all",
    "{customer} pays {amount:,.2f} away from new device D{n:06}, {n} minutes after the password was changed",
    "{customer} applied to {n} lenders in 30 days",
    "客户 {customer} 在 {n} 天内向账户 {account} 转入 {amount:,.2f}",
)


@dataclass(slots=True)
class Served:
    """A console that runs: its process, where it is, and each person's token."""

    settings: Settings
    process: subprocess.Popen[bytes]
    tokens: dict[str, str]
    seconds: float  # from its start until it answered

    @property
    def address(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.settings.console_port}"

    def figures(self) -> dict[str, float]:
        """What it says of itself."""
        return scrape(self.settings.console_metrics_port)


@contextmanager
def console(broker: str, redis: str, alerts: int, not_closed: int) -> Iterator[Served]:
    """The console of a house with so many alerts, of which some are not closed."""
    with TemporaryDirectory() as place:
        folder = Path(place)
        people = "".join(
            f"  {name}: {{roles: [officer, admin], entities: {'all' if seen is None else json.dumps(seen)}}}\n"
            for name, seen in SCOPES.items()
        )
        (folder / "access.yaml").write_text(f"local: [officer]\npeople:\n{people}")
        settings = load_settings(
            broker=broker,
            redis=redis,
            people=folder,
            prefix="console.",
            group="console",
            house_topics={},
            partitions=2,
            console_port=free_port(),
            console_metrics_port=free_port(),
            log_level="warning",
        )
        create_topics(broker, wanted_topics(settings, load_catalogue()))
        asyncio.run(_fill(settings, alerts, not_closed))
        tokens = {}
        for name in SCOPES:
            tokens[name], token = make_token(name, now=int(time.time() * 1000), expires=None)
            store_token(folder, token)
        with (folder / "log").open("wb") as out:
            began = time.monotonic()
            command = [sys.executable, "-m", "risk_stream", "console"]
            process = subprocess.Popen(command, env=environment_of(settings), stdout=out, stderr=out)
            try:
                _wait(settings, process, folder / "log")
                yield Served(settings, process, tokens, time.monotonic() - began)
            finally:
                process.terminate()
                process.wait(30)


def _wait(settings: Settings, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if scrape(settings.console_metrics_port).get("risk_stream_console_ready"):
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise SystemExit(f"the console did not start:\n{log.read_text()[-2000:]}")


async def _fill(settings: Settings, alerts: int, not_closed: int) -> None:
    """Write alerts of the last thirty days with what became of them; the newest are not closed."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.broker, linger_ms=20, max_batch_size=1 << 18, acks=1)
    await producer.start()
    chance, now = random.Random(5), int(time.time() * 1000)
    for number in range(alerts):
        at = now - (alerts - number) * 30 * DAY_MS // alerts
        alert, entry = _made(number, chance, at, number >= alerts - not_closed)
        await producer.send(settings.alerts_topic, alert.to_json(), partition=number % 2)
        await producer.send(settings.life_topic, entry.to_json(), partition=0)
    await producer.stop()


def _made(number: int, chance: random.Random, time_ms: int, is_open: bool) -> tuple[Alert, Entry]:
    customer, account = f"C{chance.randrange(100_000):06}", f"A{chance.randrange(300_000):06}"
    alert = _alert(f"{number:020x}", chance, time_ms, {"customer": customer, "account": account})
    case_id = f"c{10_000_000 + (number % 2_000 if is_open else number // 4)}"
    closed = None if is_open else time_ms + chance.randrange(DAY_MS // 4)
    life = _life(
        alert,
        case_id,
        assignee=chance.choice(("", *SCOPES)),
        disposition=None if is_open else chance.choice(DISPOSITIONS),
        closed=closed,
        changed=closed or time_ms,
    )
    case = _case(life, 5 if is_open else 0)
    entry = Entry(number=number + 1, before="", time=life.changed, what="alert", lives=[life], cases=[case])
    return alert, entry


def _alert(id: str, chance: random.Random, time_ms: int, keys: dict[str, str]) -> Alert:
    amount, n = chance.random() * 1e6, chance.randrange(3, 60)
    sentence = chance.choice(_SENTENCES).format(n=n, amount=amount, **keys)
    return Alert(
        id=id,
        revision=1,
        rule=chance.choice(RULES),
        rule_version="0" * 12,
        plan="0" * 12,
        hop="customer",
        stage=chance.choice(STAGES),
        severity=chance.choices(SEVERITIES, (1, 4, 8, 4, 1))[0],
        score=float(chance.randrange(100)),
        action="review",
        owner="desk",
        mode="live",
        entity=chance.choice(ENTITIES),
        channel="app",
        time=time_ms,
        type="transfer",
        event=id,
        keys=keys,
        features={"count_10m": n, "amount": amount},
        inexact=[],
        summary=sentence,
        why="",
    )


def _life(alert: Alert, case: str, **more: object) -> Life:
    return Life(
        id=alert.id,
        alert=alert.id,
        case=case,
        rule=alert.rule,
        stage=alert.stage,
        severity=alert.severity,
        owner=alert.owner,
        entity=alert.entity,
        time=alert.time,
        summary=alert.summary,
        keys=alert.keys,
        revision=alert.revision,
        standing="open" if more["closed"] is None else "closed",
        since=alert.time,
        **more,  # type: ignore[arg-type]
    )


def _case(life: Life, not_closed: int) -> Case:
    return Case(
        id=life.case,
        kind="customer",
        key=life.keys["customer"],
        entity=life.entity,
        severity=life.severity,
        alerts=5,
        open=not_closed,
        first=life.since,
        last=life.since,
        rules=[life.rule],
        summary=life.summary,
    )


class Busy:
    """A desk at which so much happens a second: alerts come, are taken, and are closed. `desk` has what is true."""

    def __init__(self, settings: Settings, rate: float) -> None:
        self.settings, self.rate, self.desk, self.done = settings, rate, Desk(), 0
        self._chance = random.Random(7)

    async def run(self) -> None:
        """Write until cancelled, at the rate, as far as the machine lets it; one that comes late goes at once."""
        producer = AIOKafkaProducer(bootstrap_servers=self.settings.broker, linger_ms=0, acks=1)
        await producer.start()
        began = time.monotonic()
        try:
            while True:
                await self._next(producer)
                self.done += 1
                await asyncio.sleep(max(0.0, began + self.done / self.rate - time.monotonic()))
        finally:
            await producer.stop()

    async def _next(self, producer: AIOKafkaProducer) -> None:
        turn, step = divmod(self.done, 3)
        id, now, cause = f"f{turn:019x}", int(time.time() * 1000), Cause("bench", 0, self.done)
        if step == 0:
            alert = _alert(id, self._chance, now, {"customer": f"N{turn:06}", "account": f"B{turn:06}"})
            await producer.send(self.settings.alerts_topic, alert.to_json(), partition=turn % 2)
            record = self.desk.hear(alert, cause, now)
        else:
            kind = "acknowledge" if step == 1 else "close"
            more = {} if step == 1 else {"disposition": "known"}
            record = self.desk.act(Act(id=f"{kind}{turn}", act=kind, by="li", at=now, alerts=[id], **more), cause, now)  # type: ignore[arg-type]
        assert record is not None
        await producer.send(self.settings.life_topic, record, partition=0)

    def versions(self, seen: tuple[str, ...] | None) -> dict[str, int]:
        """What is true of the alerts that some entities' people may see: id -> version."""
        lives = self.desk.memory.lives.values()
        return {life.id: life.version for life in lives if seen is None or life.entity in seen}
