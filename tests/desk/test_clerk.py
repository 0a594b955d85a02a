"""Desks on real Kafka: whatever dies, each act is decided once and the log is one chain; and its commands."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from weakref import ref

import msgspec
import pytest
import redis

from risk_stream.alerts import MOST_ACT_BYTES, MOST_AT_ONCE, Act, Desk, Policy, broken, read_entry
from risk_stream.catalogue import load_catalogue
from risk_stream.cli import run
from risk_stream.desk import clerk
from risk_stream.desk.log import LifeLog
from risk_stream.embedded import free_port
from risk_stream.engine import Alert
from risk_stream.kafka import Reader, create_topics, read_lives, wanted_topics
from risk_stream.settings import Settings
from risk_stream.sinks import AlertSink
from risk_stream.stream.letters.messages import alert_to
from risk_stream.stream.past import send_all
from tests.alerts.made import alert
from tests.desk.running import running_desk
from tests.live.house import eventually, wait_until
from tests.live.servers import Kafka, RedisServer

pytestmark = [pytest.mark.live, pytest.mark.timeout(150)]

ALERTS = 300
NEITHER = "risk-stream: Name the alerts to close, or a case with --case: one of both.\n"
EVERYTHING = "risk-stream: it would match alerts of every rule, entity and subject: name rules, entities or keys.\n"


def house(kafka: Kafka, name: str) -> Settings:
    """Topics of its own."""
    made = Settings(broker=kafka.address, prefix=f"clerk.{name}.", group=f"clerk.{name}", house_topics={}, partitions=2)
    create_topics(made.broker, wanted_topics(made, load_catalogue()))
    return made


@contextmanager
def process(settings: Settings, log: Path, metrics_port: int) -> Iterator[subprocess.Popen[bytes]]:
    """`risk-stream desk`."""
    given = {
        "DESK_PORT": str(metrics_port),
        "BROKER": settings.broker,
        "PREFIX": settings.prefix,
        "GROUP": settings.group,
        "HOUSE_TOPICS": "{}",
    }
    environment = {**os.environ, **{f"RISK_STREAM_{name}": value for name, value in given.items()}}
    with log.open("wb") as out:
        one = subprocess.Popen([sys.executable, "-m", "risk_stream", "desk"], env=environment, stdout=out, stderr=out)
        try:
            yield one
        finally:
            one.kill()
            one.wait(10)


def store(url: str, prefix: str, one: Alert) -> None:
    """An alert, as a worker stores it."""

    async def written() -> None:
        sink = AlertSink(url, prefix=prefix)
        await sink.write([one])
        await sink.close()

    asyncio.run(written())


def standing_in(url: str, id: str) -> list[str | None]:
    """Where people are with an alert, as Redis shows it."""
    with redis.Redis.from_url(url, decode_responses=True) as client:
        return list(client.hmget(f"worked:alert:{id}", "status", "assignee", "disposition"))


def said_at(port: int, name: str) -> float:
    """The sum of a desk's gauge: acts that came before their alerts are refused, so some of these stay open."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    metric = f"risk_stream_desk_{name}"
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{metric}{{", f"{metric} ")))


def records_of(settings: Settings) -> list[bytes]:
    records: list[bytes] = []
    asyncio.run(read_lives(settings, records.append))
    return records


def send(settings: Settings, first: int, last: int) -> None:
    """Alerts, and of each an acknowledgement, which is sent twice as somebody would who had no answer."""
    made = [alert("r", str(i), keys={"customer": f"C{i % 7}"}) for i in range(first, last)]
    acts = [Act(id=f"a{one.event}", act="acknowledge", by="wang", at=0, alerts=[one.id]) for one in made]
    asyncio.run(
        send_all(
            settings.broker,
            [(m.topic, m.key, m.value, m.partition) for m in (alert_to(settings.alerts_topic, one, 2) for one in made)],
        )
    )
    said = [(settings.actions_topic, None, msgspec.json.encode(act), 0) for act in acts]
    asyncio.run(send_all(settings.broker, [*said, *said]))


def last_of(log: Path) -> str:
    """What a desk is, by what it said last."""
    said = [line for line in log.read_text().splitlines() if line.startswith(("active", "another desk is active"))]
    return "" if not said else "active" if said[-1].startswith("active") else "standing by"


def acts_of(settings: Settings) -> list[str]:
    """The acts that were decided."""
    return [entry.act.id for entry in map(read_entry, records_of(settings)) if entry.act is not None]


async def refused(settings: Settings) -> list[str]:
    """Why each record was refused, as the topic of rejects has it."""
    async with Reader(settings.broker) as reader:
        spans = await reader.spans([settings.rejects_topic])
        return [msgspec.json.decode(r.value)["message"] async for some in reader.read(spans) for r in some if r.value]


def test_a_desk_that_is_killed_is_followed_by_another_that_decides_each_act_once(kafka: Kafka, tmp_path: Path) -> None:
    """Acts come before and after their alerts; nothing is lost, nothing is decided twice."""
    settings = house(kafka, "desks")
    first, second = tmp_path / "first.log", tmp_path / "second.log"
    ports = {first: free_port(), second: free_port()}
    with process(settings, first, ports[first]) as one, process(settings, second, ports[second]) as other:
        wait_until(lambda: {last_of(first), last_of(second)} == {"active", "standing by"}, first, second)
        send(settings, 0, ALERTS // 2)
        active, heir = ((one, second), (other, first))[last_of(second) == "active"]
        active.kill()
        send(settings, ALERTS // 2, ALERTS)
        wait_until(lambda: last_of(heir) == "active", heir)
        wait_until(lambda: len(acts_of(settings)) >= ALERTS, heir)
        wait_until(lambda: said_at(ports[heir], "alerts") == ALERTS and said_at(ports[heir], "active") == 1, heir)
    records = records_of(settings)
    entries = [read_entry(record) for record in records]
    assert broken(records) is None
    acts = acts_of(settings)
    raised = [life.alert for entry in entries if entry.what == "alert" for life in entry.lives]
    assert (len(acts), len(set(acts))) == (ALERTS, ALERTS)
    assert (len(raised), len(set(raised))) == (ALERTS, ALERTS)


def test_what_no_entry_can_hold_is_refused_and_kept_and_the_desk_goes_on(kafka: Kafka) -> None:
    """An act larger than an entry, lists in lists without end, and many alerts with a comment of 4,000 characters."""
    settings = house(kafka, "large")
    many = [alert("r", str(i)) for i in range(MOST_AT_ONCE)]
    large = msgspec.json.encode(Act(id="large", act="comment", by="wang", at=0, comment="x" * MOST_ACT_BYTES))
    deep = b'{"id": "deep", "act": "comment", "by": "wang", "at": 0, "x": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"
    wide = Act(id="wide", act="acknowledge", by="wang", at=0, alerts=[one.id for one in many], comment="风" * 4_000)
    one = Act(id="one", act="acknowledge", by="wang", at=0, alerts=[many[-1].id])
    sent = [large, deep, msgspec.json.encode(wide), msgspec.json.encode(one)]
    with running_desk(settings) as told:
        said = [(m.topic, m.key, m.value, m.partition) for m in (alert_to(settings.alerts_topic, a, 2) for a in many)]
        asyncio.run(send_all(settings.broker, said))
        assert eventually(lambda: len(records_of(settings)) >= MOST_AT_ONCE), told
        asyncio.run(send_all(settings.broker, [(settings.actions_topic, None, value, 0) for value in sent]))
        assert eventually(lambda: acts_of(settings) == ["wide", "one"]), told
    entry = next(e for e in map(read_entry, records_of(settings)) if e.act is not None)
    taken = len(entry.lives)
    assert entry.rulings[-1].why == f"{taken} were taken, and {MOST_AT_ONCE - taken} are left: ask again"
    too_large, too_deep = asyncio.run(refused(settings))
    assert f"an act {MOST_ACT_BYTES:,} at most" in too_large
    assert "recursion" in too_deep


def test_of_a_turn_that_ended_the_desk_keeps_nothing(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each broker that goes away may end one: what a turn knew of alerts would stay with every one of them."""
    settings = house(kafka, "turns")
    desks, logs = list[ref[Desk]](), list[ref[LifeLog]]()

    def desk(policy: Policy) -> Desk:
        desks.append(ref(made := Desk(policy)))
        return made

    def log(settings: Settings) -> LifeLog:
        logs.append(ref(made := LifeLog(settings)))
        return made

    monkeypatch.setattr(logging.getLogger("risk_stream.kafka.turn"), "disabled", True)  # pytest keeps what it says
    monkeypatch.setattr(clerk, "Desk", desk)
    monkeypatch.setattr(clerk, "LifeLog", log)
    with running_desk(settings) as told:
        for turn in range(1, 4):
            wait_until(lambda turn=turn: sum(said.startswith("active") for said in told) == turn)
            send(settings, 10 * turn, 10 * turn + 10)
            if turn < 3:
                writer = logs[-1]()._fenced._producer  # type: ignore[union-attr]
                writer._loop.call_soon_threadsafe(writer._sender.sender_task.cancel)
                del writer
                send(settings, 100 * turn, 100 * turn + 10)
        gc.collect()
        assert [one() is not None for one in desks] == [False, False, True]
        assert [one() is not None for one in logs] == [False, False, True]


def test_alerts_are_worked_from_the_command_line(
    kafka: Kafka,
    redis_server: RedisServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Listed, shown, taken, closed, silenced; and a record that is no act is refused and kept."""
    settings = house(kafka, "worked")
    (tmp_path / "access.yaml").write_text("local: [officer, admin]\n")
    given = {"BROKER": settings.broker, "PREFIX": settings.prefix, "GROUP": settings.group, "HOUSE_TOPICS": "{}"}
    given |= {"PEOPLE": str(tmp_path), "REDIS": redis_server.url, "REDIS_PREFIX": "worked:"}
    for name, value in given.items():
        monkeypatch.setenv(f"RISK_STREAM_{name}", value)

    def ask(*command: str, of: str = "alerts") -> tuple[int, str]:
        capsys.readouterr()
        code = run([of, *command])
        said = capsys.readouterr()
        return code, said.out + said.err

    shown = {"redis": redis_server.url, "redis_prefix": "worked:"}
    with running_desk(settings.model_copy(update=shown)):
        one = alert("r", "1", features={"amount": 12_500.0, "id_number": "110101199003070011"}, why="too much")
        one = msgspec.structs.replace(one, time=int(time.time() * 1000))
        message = alert_to(settings.alerts_topic, one, 2)
        asyncio.run(send_all(settings.broker, [(message.topic, message.key, message.value, message.partition)]))
        asyncio.run(send_all(settings.broker, [(settings.actions_topic, None, b'{"act": "shred"}', 0)]))
        end = time.monotonic() + 30
        while one.id not in ask("list")[1]:
            assert time.monotonic() < end
        assert ask("acknowledge", one.id) == (0, f"ok {one.id}\n")
        assert ask("close", one.id, "--as", "false")[0] == 1
        assert ask("close", one.id, "--as", "false_alarm", "--comment", "asked the branch")[0] == 0
        code, said = ask("acknowledge", one.id)
        assert (code, "closed as false alarm by local" in said) == (1, True)
        assert "false alarm" in ask("list", "--standing", "closed")[1]
        code, said = ask("show", one.id)
        assert (code, "are not in Redis: it is older" in said) == (0, True)
        store(redis_server.url, "worked:", one)
        wait_until(lambda: standing_in(redis_server.url, one.id) == ["closed", "local", "false_alarm"])
        code, said = ask("show", one.id)
        told = ["HIGH trading r", "12,500", "too much", "closed", "false alarm", "asked the branch", "refused"]
        assert [word for word in told if word not in said] == []
        assert "110101199003070011" not in said
        shown = json.loads(ask("show", one.id, "--format", "json")[1])
        assert [step["what"] for step in shown["history"]] == [
            *("raised", "acknowledge", "close", "close", "acknowledge")
        ]
        assert ask("show", "ffff")[0] == 1
        assert ask("reopen", one.id)[0] == 0
        assert ask("close", "--as", "known") == (1, NEITHER)
        assert ask("close", one.id, "--case", "c1", "--as", "known") == (1, NEITHER)
        assert ask("close", "--case", "c1", "--as", "known")[0] == 0
        assert ask("close", "--case", "c1", "--as", "known")[0] == 1
        assert ask("reopen", one.id)[0] == 0
        assert ask("close", one.id, "--as", "false_alarm")[0] == 0
        wait_until(lambda: standing_in(redis_server.url, one.id) == ["closed", "", "false_alarm"])
        code, said = ask("add", "--rule", "r", "--for", "2h", "--reason", "works at the branch", of="silences")
        silence = said.split()[1]
        assert (code, silence in ask("list", of="silences")[1]) == (0, True)
        assert ask("end", silence, of="silences")[0] == 0
        assert silence not in ask("list", of="silences")[1]
        assert silence in ask("list", "--all", of="silences")[1]
        assert ask("add", "--for", "2h", "--reason", "all", of="silences") == (1, EVERYTHING)
        assert ask("add", "--key", "customer", "--for", "2h", "--reason", "x", of="silences")[0] == 1
        with redis.Redis.from_url(redis_server.url) as client:  # lost, and filled again
            client.delete(*client.keys("worked:*"))
        assert "1 of them stand as people left them" in ask(of="rebuild")[1]
        assert standing_in(redis_server.url, one.id) == ["closed", "", "false_alarm"]
        assert ask("key", str(tmp_path / "audit.pem"), of="audit")[0] == 0
        monkeypatch.setenv("RISK_STREAM_AUDIT_KEY_FILE", str(tmp_path / "audit.pem"))
        assert ask("sign", of="audit")[0] == 1
        monkeypatch.setenv("RISK_STREAM_AUDIT_FOLDER", str(tmp_path))
        assert ask("sign", of="audit")[0] == 0
        assert ask("verify", of="audit")[0] == 0
        copy = tmp_path / "copy.jsonl"
        assert ask("export", str(copy), of="audit")[0] == 0
        code, said = ask("verify", "--from", str(copy), of="audit")
        assert (code, "is as 2 heads vouch for" in said) == (0, True)
        code, said = ask("verify")
        assert (code, "none changed, none left out" in said) == (0, True)
