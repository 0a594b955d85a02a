"""What people agreed on, on real Kafka: causes, outcomes for models, and a change of the files while the desk runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from risk_stream.alerts import Act, Life, Memory, Policy
from risk_stream.catalogue import load_catalogue
from risk_stream.engine import Alert
from risk_stream.kafka import Reader, create_topics, read_lives, wanted_topics
from risk_stream.settings import Settings
from risk_stream.stream.letters.messages import alert_to
from risk_stream.stream.past import send_all
from tests.alerts.made import alert
from tests.desk.running import running_desk
from tests.live.servers import Kafka

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

WORKED = """
inhibits: [{cause: [takeover], effects: [burst], same: [customer]}]
outcomes: {fraud: {rules: [takeover]}}
"""


class House:
    """Topics, a folder `people`, and what the log says."""

    def __init__(self, kafka: Kafka, folder: Path, name: str, **more: Any) -> None:
        topics = {"reference": f"{name}.reference"}
        given = {"prefix": f"{name}.", "group": name, "house_topics": topics, "people": folder} | more
        self.settings = Settings(broker=kafka.address, partitions=2, **given)
        create_topics(kafka.address, wanted_topics(self.settings, load_catalogue()))

    def say(self, *alerts: Alert) -> None:
        messages = [alert_to(self.settings.alerts_topic, one, 2) for one in alerts]
        asyncio.run(send_all(self.settings.broker, [(m.topic, m.key, m.value, m.partition) for m in messages]))

    def act(self, id: str, kind: str, alert: str, **more: Any) -> None:
        act = Act(id=id, act=kind, by="wang", at=0, alerts=[alert], **more)  # type: ignore[arg-type]
        asyncio.run(send_all(self.settings.broker, [(self.settings.actions_topic, None, msgspec.json.encode(act), 0)]))

    def lives(self) -> dict[str, Life]:
        memory = Memory(Policy())
        asyncio.run(read_lives(self.settings, memory.take))
        return memory.lives

    def outcomes(self) -> list[dict[str, Any]]:
        async def read() -> list[dict[str, Any]]:
            async with Reader(self.settings.broker) as reader:
                spans = await reader.spans([self.settings.house_topics["reference"]])
                return [
                    msgspec.json.decode(record.value or b"")
                    async for records in reader.read(spans)
                    for record in records
                    if record.value
                ]

        return asyncio.run(read())


def wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 40
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


def one(rule: str, event: str) -> Alert:
    return alert(rule, event, keys={"customer": "C1", "account": "A7"})


def test_causes_hold_their_effects_and_models_hear_what_was_true(kafka: Kafka, tmp_path: Path) -> None:
    """The file is there while the desk runs, and counts a second later."""
    house = House(kafka, tmp_path, "agreed")
    cause, effect = one("takeover", "e1"), one("burst", "e2")
    with running_desk(house.settings):
        house.say(effect, cause)
        wait_until(lambda: len(house.lives()) == 2)
        (tmp_path / "alerts.yaml").write_text(WORKED)
        wait_until(lambda: house.lives()[effect.id].inhibited_by == cause.id)
        house.act("a1", "close", cause.id, disposition="confirmed")
        wait_until(lambda: house.lives()[effect.id].inhibited_by == "")
        wait_until(lambda: len(house.outcomes()) == 1)
    (said,) = house.outcomes()
    assert (said["type"], said["of_event"], said["label"]) == ("outcome", "e1", "fraud")
    assert (said["customer"], said["account"], said["id"]) == ("C1", "A7", f"outcome-{cause.id}-2")


def test_models_hear_nothing_where_time_is_simulated(kafka: Kafka, tmp_path: Path) -> None:
    """What people do now would be far ahead of the events."""
    (tmp_path / "alerts.yaml").write_text(WORKED)
    house = House(kafka, tmp_path, "pretended", clock="simulated")
    cause = one("takeover", "e1")
    with running_desk(house.settings):
        house.say(cause)
        wait_until(lambda: len(house.lives()) == 1)
        house.act("a1", "close", cause.id, disposition="confirmed")
        wait_until(lambda: house.lives()[cause.id].standing == "closed")
    assert house.outcomes() == []
