"""Notices on real Kafka, a desk, mail servers and web hooks: how soon, and what of failures, kill -9 and a storm."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from aiokafka import AIOKafkaProducer

from bench.report import table
from risk_stream.alerts import Act
from risk_stream.catalogue import load_catalogue
from risk_stream.kafka import create_topics, wanted_topics
from risk_stream.notices import House, Receiver
from risk_stream.settings import Settings, load_settings
from risk_stream.stream.letters.messages import alert_to
from tests.alerts.made import alert
from tests.live.servers import Kafka
from tests.notices.servers import Arrival, Inbox, mail_server, web_hook
from tests.notices.told import Scene

__all__ = ["run"]

RATE = 20
RECEIVERS = 30  # a third of them fails
STORM = 10_000
#: How each failing receiver's server fails, and at which attempts: every one of so many.
FAULTS = (("before", 2), ("refuse", 2), ("during", 2), ("after", 2), ("hang", 4))
#: An answer that came so shortly before the sender was killed was not written down, s.
UNWRITTEN = 1.0


@dataclass(slots=True)
class Place:
    """A house of which the bench is the engine and the outer world."""

    settings: Settings
    sent: dict[str, float]  # rule -> when its alert was handed to Kafka

    async def raise_alerts(self, first: int, count: int, rule: str = "") -> None:
        """Each of a rule, a customer and (in turn) an entity of its own."""
        producer = AIOKafkaProducer(bootstrap_servers=self.settings.broker, linger_ms=0)
        await producer.start()
        began = time.perf_counter()
        for number in range(first, first + count):
            late = began + (number - first) / RATE - time.perf_counter()
            if late > 0:
                await asyncio.sleep(late)
            made = alert(rule or f"r{number}", str(number), keys={"customer": f"C{number}"})
            made = msgspec.structs.replace(made, entity=f"E{number % RECEIVERS}")
            message = alert_to(self.settings.alerts_topic, made, 1)
            self.sent[made.rule] = time.time()
            await producer.send(message.topic, message.value, key=message.key, partition=message.partition)
        await producer.stop()

    async def close(self, ids: Sequence[str]) -> None:
        """Have a person close alerts, 500 at a time."""
        producer = AIOKafkaProducer(bootstrap_servers=self.settings.broker)
        await producer.start()
        for at in range(0, len(ids), 500):
            some = list(ids[at : at + 500])
            act = Act(id=secrets.token_hex(8), act="close", by="li", at=0, alerts=some, disposition="known")
            await producer.send_and_wait(self.settings.actions_topic, msgspec.json.encode(act), partition=0)
        await producer.stop()


@contextlib.contextmanager
def _process(settings: Settings, folder: Path, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """One of our commands, as a process of its own."""
    given = {
        "BROKER": settings.broker,
        "PREFIX": settings.prefix,
        "GROUP": settings.group,
        "HOUSE_TOPICS": "{}",
        "PEOPLE": str(settings.people),
        "DESK_PORT": "0",
        "NOTICES_PORT": "0",
    }
    environment = {**os.environ, **{f"RISK_STREAM_{name}": value for name, value in given.items()}}
    with (folder / f"{command[0]}.log").open("ab") as out:
        argv = [sys.executable, "-m", "risk_stream", *command]
        one = subprocess.Popen(argv, env=environment, stdout=out, stderr=out)
        try:
            yield one
        finally:
            one.kill()
            one.wait(10)


def _until(holds: Callable[[], bool], seconds: float, folder: Path) -> None:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError("\n".join(log.read_text()[-2000:] for log in folder.glob("*.log")))
        time.sleep(0.1)


def _failing(stack: ExitStack, number: int) -> Inbox:
    kind, every = FAULTS[number % len(FAULTS)]
    inbox = stack.enter_context(mail_server() if number % 2 else web_hook())
    inbox.fault = lambda attempt: kind if attempt % every == 1 else "take"
    return inbox


def _receivers(inboxes: Sequence[Inbox]) -> str:
    lines = [
        f"  to{number}: {{url: '{inbox.url}', role: officer, entities: [E{number}]}}"
        for number, inbox in enumerate(inboxes)
    ]
    return "receivers:\n" + "\n".join(lines) + "\n"


def _repeats(inboxes: Sequence[Inbox], killed: float) -> tuple[int, int]:
    """(notices taken again though their sender had an answer, taken again because it had none)."""
    doubled = resent = 0
    for inbox in {id(one): one for one in inboxes}.values():
        first: dict[str, Arrival] = {}
        for one in inbox.arrivals:
            before = first.get(one.id)
            if before is not None:
                known = before.answered and not killed - UNWRITTEN < before.at < killed
                doubled, resent = doubled + known, resent + (not known)
            first[one.id] = one
    return doubled, resent


def _count(inboxes: Sequence[Inbox], rules: set[str]) -> int:
    """Of how many of these alerts a notice was taken."""
    return len(_arrived(inboxes).keys() & rules)


def _arrived(inboxes: Sequence[Inbox]) -> dict[str, float]:
    """When each rule was named first, in a notice of its own or among others."""
    found: dict[str, float] = {}
    for inbox in {id(one): one for one in inboxes}.values():
        for one in list(inbox.arrivals):
            for rule in re.findall(r"\br\d+\b", f"{one.title} {one.text}"):
                found[rule] = min(found.get(rule, one.at), one.at)
    return found


def _days_worst(customers: int) -> int:
    """Messages to a person of a storm that goes on for six hours and then ends, by the planner alone."""
    house = House({"wang": Receiver("wang")}, (("wang",),))
    scene = Scene(house)
    for number in range(STORM):
        scene.hear("r", str(number), keys={"customer": f"C{number % customers}"})
        if number % 100 == 99:
            scene.later(3.6)
            scene.plan()
    for _ in range(20):
        scene.later(10)
        scene.plan()
    return len(scene.log)


def _storm(place: Place, folder: Path, inbox: Inbox, customers: int) -> int:
    """Messages to a person of 10,000 alerts at once, closed after it: from the alerts on, through everything."""
    rule, before = f"storm{customers}", len(inbox.arrivals)
    ids = [alert(rule, str(number)).id for number in range(STORM)]

    async def all_at_once() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=place.settings.broker, linger_ms=5)
        await producer.start()
        for number in range(STORM):
            keys = {"customer": f"{rule}-{number % customers}"}
            made = msgspec.structs.replace(alert(rule, str(number), keys=keys), entity="E1")
            message = alert_to(place.settings.alerts_topic, made, 1)
            await producer.send(message.topic, message.value, partition=0)
        await producer.stop()

    asyncio.run(all_at_once())
    _until(lambda: any(rule in one.title for one in inbox.arrivals[before:]), 240, folder)
    end = time.monotonic() + 240
    while not any("over" in one.title and rule in one.title for one in inbox.arrivals[before:]):
        if time.monotonic() > end:
            raise TimeoutError((folder / "notices.log").read_text()[-2000:])
        asyncio.run(place.close(ids))  # those that the desk knows by now
        time.sleep(5)
    return sum(rule in one.title for one in inbox.arrivals[before:])


def run(quick: bool) -> dict[str, float]:
    """20 alerts/s to 30 receivers, a third of which fails; then kill -9 of the sender; then storms."""
    count = 300 if quick else 1_200
    with Kafka(peak=True) as kafka, tempfile.TemporaryDirectory() as made, ExitStack() as stack:
        folder = Path(made)
        mail, hook = stack.enter_context(mail_server()), stack.enter_context(web_hook())
        inboxes = [
            _failing(stack, number // 3) if number % 3 == 0 else (mail, hook)[number % 2] for number in range(RECEIVERS)
        ]
        good = [mail, hook]
        (folder / "receivers.yaml").write_text(_receivers(inboxes))
        (folder / "desk.yaml").write_text("levels: [[officer]]\n")
        settings = load_settings(
            broker=kafka.address, prefix="bench.", group="bench", house_topics={}, partitions=1, people=folder
        )
        create_topics(settings.broker, wanted_topics(settings, load_catalogue()))
        place = Place(settings, {})
        stack.enter_context(_process(settings, folder, "desk"))
        sender = stack.enter_context(_process(settings, folder, "notices", "run"))
        log = folder / "notices.log"
        _until(lambda: "active:" in log.read_text(), 60, folder)
        asyncio.run(place.raise_alerts(1_000_000, 40, "warm"))
        asyncio.run(place.raise_alerts(0, count))
        rules = {f"r{number}" for number in range(count)}
        with contextlib.suppress(TimeoutError):
            _until(lambda: _count(inboxes, rules) == count, 120, folder)
        arrived = _arrived(good)
        waits = np.array([arrived[rule] - place.sent[rule] for rule in rules if rule in arrived])

        heir = stack.enter_context(_process(settings, folder, "notices", "run"))
        more = {f"r{number}" for number in range(count, count + 60)}
        asyncio.run(place.raise_alerts(count, 30))
        sender.kill()
        killed = time.time()
        asyncio.run(place.raise_alerts(count + 30, 30))
        with contextlib.suppress(TimeoutError):
            _until(lambda: _count(inboxes, rules | more) == count + 60, 120, folder)
        assert heir.poll() is None
        lost = count + 60 - _count(inboxes, rules | more)
        doubled, resent = _repeats(inboxes, killed)
        storms = [_storm(place, folder, hook, customers) for customers in (1, STORM)]
    worst = max([*storms, _days_worst(1), _days_worst(STORM)])
    p50, p99, most = np.percentile(waits, [50, 99, 100])
    table(
        (f"{RATE} alerts/s, alert to server", "p50 s", "p99 s", "max s"),
        [
            (
                f"{len(waits):,} notices to the {RECEIVERS * 2 // 3} receivers that do not fail",
                *(f"{x:.2f}" for x in (p50, p99, most)),
            )
        ],
    )
    table(
        ("alerts", "lost", "doubled", "again after a lost answer", "messages of a storm"),
        [(count + 60, lost, doubled, resent, worst)],
    )
    return {
        "seconds_p50": round(float(p50), 2),
        "seconds_p99": round(float(p99), 2),
        "lost": lost,
        "doubled": doubled,
        "resent_after_lost_answer": resent,
        "storm_messages": worst,
    }
