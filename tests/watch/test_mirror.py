"""A real Alertmanager shows what is open in the log of lives, and is told by nothing but that log."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from risk_stream.alerts import Act, Silence
from risk_stream.catalogue import load_catalogue
from risk_stream.cli import run
from risk_stream.kafka import create_topics, wanted_topics
from risk_stream.settings import Settings
from risk_stream.stream.letters.messages import alert_to
from risk_stream.stream.past import send_all
from risk_stream.watch import Mirror
from tests.alerts.made import alert
from tests.desk.running import running, running_desk
from tests.live.house import eventually
from tests.live.servers import Alertmanager, Kafka, MissingServerError

pytestmark = [pytest.mark.live, pytest.mark.timeout(150)]

CONFIG = (Path(__file__).parents[2] / "docker/alertmanager/alertmanager.yml").read_text()


@pytest.fixture(scope="module")
def alertmanager() -> Iterator[Alertmanager]:
    try:
        server = Alertmanager(CONFIG)
    except MissingServerError as exc:
        pytest.skip(str(exc))
    with server:
        yield server


@contextmanager
def mirror(settings: Settings, alertmanager: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`risk-stream mirror`."""
    given = {"BROKER": settings.broker, "PREFIX": settings.prefix, "GROUP": settings.group, "HOUSE_TOPICS": "{}"}
    given |= {"ALERTMANAGER": alertmanager, "MIRROR_PORT": "0", "CONSOLE_URL": "https://risk.example.com"}
    environment = {**os.environ, **{f"RISK_STREAM_{name}": value for name, value in given.items()}}
    with log.open("ab") as out:
        one = subprocess.Popen([sys.executable, "-m", "risk_stream", "mirror"], env=environment, stdout=out, stderr=out)
        try:
            yield one
        finally:
            one.kill()
            one.wait(10)


def act(settings: Settings, id: str, kind: Any, **more: Any) -> None:
    said = Act(id=id, act=kind, by="wang", at=0, **more)
    asyncio.run(send_all(settings.broker, [(settings.actions_topic, None, msgspec.json.encode(said), 0)]))


def active(server: Alertmanager, *, state: str = "active") -> dict[str, dict[str, Any]]:
    """The alerts about customers that it shows in a state, by id."""
    return {a["labels"]["alert"]: a for a in server.asked("alerts") if a["status"]["state"] == state}


def test_an_alertmanager_receives_groups_silences_and_resolves(
    kafka: Kafka, alertmanager: Alertmanager, tmp_path: Path
) -> None:
    """Also through a mirror that is killed, and an Alertmanager that lost all it knew."""
    settings = Settings(broker=kafka.address, prefix="mirror.", group="mirror", house_topics={}, partitions=2)
    create_topics(settings.broker, wanted_topics(settings, load_catalogue()))
    made = [alert("r", str(i), keys={"customer": f"C{i % 2}"}) for i in range(4)]
    log, heard = tmp_path / "mirror.log", list[str]()
    with running_desk(settings), mirror(settings, f"http://127.0.0.1:1,{alertmanager.url}", log) as first:
        said = [(m.topic, m.key, m.value, m.partition) for m in (alert_to(settings.alerts_topic, a, 2) for a in made)]
        asyncio.run(send_all(settings.broker, said))
        assert eventually(lambda: len(active(alertmanager)) == 4), log.read_text()
        shown = active(alertmanager)[made[0].id]
        assert shown["generatorURL"] == f"https://risk.example.com/alerts/{made[0].id}"
        assert [r["name"] for r in shown["receivers"]] == ["nobody"]
        groups = alertmanager.asked("alerts/groups?receiver=nobody")
        assert sorted(len(group["alerts"]) for group in groups) == [2, 2]  # by case

        hour = int(time.time() * 1000) + 3_600_000
        act(
            settings,
            "quiet-1",
            "silence",
            silence=Silence(id="", by="", reason="one customer", begins=0, ends=hour, keys={"customer": "C0"}),
        )
        assert eventually(lambda: set(active(alertmanager, state="suppressed")) == {made[0].id, made[2].id})
        act(settings, "close-1", "close", alerts=[made[1].id], disposition="false_alarm")
        assert eventually(lambda: set(active(alertmanager)) == {made[3].id})

        first.kill()
        first.wait(10)
        act(settings, "loud-1", "unsilence", subject="quiet-1")
        told = settings.model_copy(update={"alertmanager": alertmanager.url})
        with running(lambda: Mirror(told, heard.append, again=1.0)):
            assert eventually(lambda: not active(alertmanager, state="suppressed")), heard
            alertmanager.kill()
            alertmanager.folder.joinpath("data").rename(alertmanager.folder / "lost")
            alertmanager.start()
            assert eventually(lambda: set(active(alertmanager)) == {made[i].id for i in (0, 2, 3)}), heard


def test_a_mirror_without_an_alertmanager_says_what_to_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["mirror", "--broker", "127.0.0.1:1"]) == 1
    assert "No Alertmanager to tell: set RISK_STREAM_ALERTMANAGER" in capsys.readouterr().err
