"""The post on real Kafka with a desk, a mail server and a web hook: whatever dies, nothing is lost or told twice."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from risk_stream.alerts import Act
from risk_stream.calendars import shipped
from risk_stream.catalogue import load_catalogue
from risk_stream.cli import run
from risk_stream.engine import alert_id
from risk_stream.kafka import create_topics, read_lives, wanted_topics
from risk_stream.notices import Outcome, Record
from risk_stream.post import HouseSource, PostOffice, make_keys, open_text, read_tellings
from risk_stream.post.telling import follower_of
from risk_stream.settings import Settings
from risk_stream.stream.letters.messages import alert_to
from risk_stream.stream.past import send_all
from tests.alerts.made import alert
from tests.desk.running import running, running_desk
from tests.live.house import wait_until
from tests.live.servers import Kafka
from tests.notices.servers import mail_server, web_hook

pytestmark = [pytest.mark.live, pytest.mark.timeout(150)]

LEVELS = "levels: [[officer]]\nstorm: {cases: 1000, at_once: 1000}\n"


def house(kafka: Kafka, name: str, people: Path, receivers: str, desk: str = LEVELS) -> Settings:
    """Topics of its own, and a folder."""
    (people / "receivers.yaml").write_text("receivers:\n" + receivers)
    (people / "desk.yaml").write_text(desk)
    (people / "access.yaml").write_text("local: [officer, admin]\n")
    made = Settings(
        broker=kafka.address,
        prefix=f"office.{name}.",
        group=f"office.{name}",
        house_topics={},
        partitions=2,
        people=people,
        notices_port=0,
        console_url="https://risk.example.com",
    )
    create_topics(made.broker, wanted_topics(made, load_catalogue()))
    return made


def to(name: str, url: str, more: str = "") -> str:
    return f"  {name}: {{url: '{url}', role: officer{more}}}\n"


@contextmanager
def post(settings: Settings) -> Iterator[list[str]]:
    """In a thread; -> what it told."""
    heard = list[str]()
    assert settings.people is not None
    source = HouseSource(settings.people, shipped())
    with running(lambda: PostOffice(settings, source, load_catalogue(), heard.append)):
        yield heard


@contextmanager
def process(settings: Settings, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`risk-stream notices run`."""
    given = {
        "NOTICES_PORT": "0",
        "BROKER": settings.broker,
        "PREFIX": settings.prefix,
        "GROUP": settings.group,
        "HOUSE_TOPICS": "{}",
        "PEOPLE": str(settings.people),
    }
    environment = {**os.environ, **{f"RISK_STREAM_{name}": value for name, value in given.items()}}
    command = [sys.executable, "-m", "risk_stream", "notices", "run"]
    with log.open("wb") as out:
        one = subprocess.Popen(command, env=environment, stdout=out, stderr=out)
        try:
            yield one
        finally:
            one.kill()
            one.wait(10)


def raise_alerts(settings: Settings, *names: str, **more: object) -> None:
    """Each of a rule and customer of its own."""
    made = [alert(f"r{name}", name, **({"keys": {"customer": f"C{name}"}} | more)) for name in names]
    messages = [alert_to(settings.alerts_topic, one, 2) for one in made]
    asyncio.run(send_all(settings.broker, [(m.topic, m.key, m.value, m.partition) for m in messages]))


async def outcomes(settings: Settings) -> list[Outcome]:
    """Those that are stored, in their order."""
    records = list[Record]()
    follower = follower_of(settings, records.append)
    try:
        await follower.start()
    finally:
        await follower.stop()
    return [one for one in records if isinstance(one, Outcome)]


def test_people_are_told_and_no_personal_data_leaves(kafka: Kafka, tmp_path: Path) -> None:
    """By mail and web hook: the masked sentence, where to look, and the id; sealed where there is a key."""
    private, public = make_keys()
    secret = "Zhang Wei"
    with mail_server() as mail, mail_server() as sealed, web_hook() as hook:
        receivers = to("wang", mail.url) + to("hook", hook.url, ", language: zh")
        receivers += to("li", sealed.url, f", key: '{public}', personal_data: true")
        settings = house(kafka, "told", tmp_path, receivers)
        with running_desk(settings), post(settings):
            raise_alerts(settings, "1", summary=f"C1 sounds like {secret}", features={"name": secret})
            plain, chinese, box = mail.wait(1)[0], hook.wait(1)[0], sealed.wait(1)[0]
            acts: list[bytes] = []

            def shown() -> bool:
                acts.clear()
                asyncio.run(read_lives(settings, acts.append))
                return any(b'"reveal"' in act for act in acts)

            wait_until(shown)
    assert plain.title == "HIGH r1"
    assert "C1 sounds like ***" in plain.text
    assert "https://risk.example.com/cases/c1" in plain.text
    assert f"notice {plain.id}" in plain.text
    assert (chinese.title, f"通知编号 {chinese.id}" in chinese.text) == ("【高】r1", True)
    assert secret not in plain.text + chinese.text + box.text
    title, text = open_text(box.text, private)
    assert (title, secret in text) == ("HIGH r1", True)


def test_a_sender_that_is_killed_is_followed_by_another(kafka: Kafka, tmp_path: Path) -> None:
    """None lost; none again once its outcome is stored, also where a busy machine had the turn change before."""
    with mail_server() as mail, web_hook() as hook:
        settings = house(kafka, "killed", tmp_path, to("wang", mail.url) + to("hook", hook.url))
        first, second = tmp_path / "first.log", tmp_path / "second.log"
        with running_desk(settings), process(settings, first) as one, process(settings, second) as other:
            logs = {one: first, other: second}
            wait_until(lambda: sum("active:" in log.read_text() for log in logs.values()) == 1, first, second)
            active = next(done for done, log in logs.items() if "active:" in log.read_text())
            raise_alerts(settings, *map(str, range(40)))
            mail.wait(15)
            active.kill()
            raise_alerts(settings, *map(str, range(40, 60)))
            mail.wait(60)
            hook.wait(60)
            wait_until(lambda: not asyncio.run(read_tellings(settings)).waiting, first, second)
            stored = asyncio.run(outcomes(settings))
    ends = {one.id: one.at for one in stored}
    assert len(ends) == len(stored) == 120
    for inbox in (mail, hook):
        assert len(inbox.counts) == 60
        last = {one.id: one.at for one in inbox.arrivals}
        assert [id for id, at in last.items() if at * 1000 > ends[id] + 1] == [], "told again after its outcome"


def test_a_receiver_that_fails_delays_nobody_else(
    kafka: Kafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tried again until it is taken; an answer that was lost is the one reason for two."""
    monkeypatch.setattr("risk_stream.post.queue.FIRST", 0.1)
    faults = {1: "before", 2: "refuse", 3: "during", 4: "after"}
    with mail_server() as good, web_hook() as bad, web_hook() as hung:
        bad.fault, hung.fault = lambda attempt: faults.get(attempt, "take"), lambda _: "hang"
        receivers = to("good", good.url) + to("bad", bad.url) + to("hung", hung.url)
        settings = house(kafka, "fails", tmp_path, receivers)
        with running_desk(settings), post(settings):
            raise_alerts(settings, *map(str, range(5)))
            good.wait(5, 10)
            bad.wait(5, 60)
            wait_until(lambda: hung.arrivals)
    assert set(good.counts.values()) == {1}
    lost = {one.id for one in bad.arrivals if not one.answered}
    assert {id for id, count in bad.counts.items() if count > 1} == lost
    assert len(hung.counts) == 1  # the others wait for it, in their order


def test_dead_letters_are_listed_and_sent_again(
    kafka: Kafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Under their own id."""
    monkeypatch.setattr("risk_stream.post.queue.FIRST", 0.1)
    with mail_server() as mail:
        mail.fault = lambda _: "refuse"
        settings = house(kafka, "dead", tmp_path, to("wang", mail.url))
        given = {"BROKER": settings.broker, "PREFIX": settings.prefix, "GROUP": settings.group, "HOUSE_TOPICS": "{}"}
        for name, value in (given | {"PEOPLE": str(tmp_path)}).items():
            monkeypatch.setenv(f"RISK_STREAM_{name}", value)
        with running_desk(settings), post(settings):
            raise_alerts(settings, "1")
            wait_until(lambda: asyncio.run(read_tellings(settings)).dead)
            dead = next(iter(asyncio.run(read_tellings(settings)).dead))
            assert run(["notices", "list"]) == 0
            said = capsys.readouterr().out
            assert dead in said
            assert "550 go away" in said
            mail.fault = lambda _: "take"
            assert run(["notices", "again", "nothing"]) == 1
            assert run(["notices", "again", dead]) == 0
            assert mail.wait(1)[0].id == dead
            wait_until(lambda: not asyncio.run(read_tellings(settings)).dead)
            assert run(["notices", "try", "wang"]) == 0
            assert run(["notices", "try", "wong"]) == 1
            assert 'did you mean "wang"?' in capsys.readouterr().err


def test_an_acknowledged_case_goes_no_further(kafka: Kafka, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """On-call gets one notice, not two; a change of the folder counts at once."""
    caplog.set_level("INFO", "risk_stream.post")
    with mail_server() as wang, mail_server() as head:
        receivers = to("wang", wang.url) + f"  head: {{url: '{head.url}'}}\n"
        settings = house(kafka, "levels", tmp_path, receivers, "levels: [[officer]]\n")
        with running_desk(settings), post(settings):
            raise_alerts(settings, "1")
            wang.wait(1)
            act = Act(id="a1", act="acknowledge", by="li", at=0, alerts=[alert_id("r1", "1")])
            asyncio.run(send_all(settings.broker, [(settings.actions_topic, None, msgspec.json.encode(act), 0)]))
            raise_alerts(settings, "2")
            wang.wait(2)
            (tmp_path / "desk.yaml").write_text("levels: [[officer], [head]]\n")
            escalated = Act(id="a2", act="escalate", by="li", at=0, alerts=[alert_id("r2", "2")])
            wait_until(lambda: "notices were changed" in caplog.text)
            asyncio.run(send_all(settings.broker, [(settings.actions_topic, None, msgspec.json.encode(escalated), 0)]))
            assert "r2" in head.wait(1)[0].title
    assert len(wang.arrivals) == 2
