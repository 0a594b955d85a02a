"""The verdict on officers' acts: a log that one desk wrote is good, and each fault that is planted is found."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from bench.chaos.house import Read
from bench.chaos.people import judge_lives
from risk_stream.alerts import Act, Cause, Desk
from tests.alerts.made import alert

ALERTS, ACTIONS, LIFE = "h.alerts", "h.actions", "h.life"


class House:
    """Topics as lists, and a Redis as it should be."""

    def __init__(self) -> None:
        self.settings = SimpleNamespace(alerts_topic=ALERTS, actions_topic=ACTIONS, life_topic=LIFE, desk_days=90)
        self.topics: dict[str, list[Read]] = {ALERTS: [], ACTIONS: [], LIFE: []}
        self.sent: dict[str, Act] = {}
        desk = Desk()
        for event in range(6):
            made = alert("r", str(event))
            self._decide(desk, ALERTS, made.to_json(), desk.hear(made, Cause(ALERTS, 0, event), event))
            act = Act(id=f"a{event}", act="acknowledge", by="wang", at=0, alerts=[made.id])
            self.sent[act.id] = act
            for copy in range(2):  # the second changes nothing
                said = desk.act(act, Cause(ACTIONS, 0, 2 * event + copy), event)
                self._decide(desk, ACTIONS, msgspec.json.encode(act), said)
        self.standings: dict[str, dict[str, str | None]] = {
            life.alert: {"status": life.standing, "assignee": life.assignee, "disposition": ""}
            for life in desk.memory.lives.values()
        }

    def _decide(self, desk: Desk, topic: str, value: bytes, entry: bytes | None) -> None:
        for name, record in ((topic, value), (LIFE, entry)):
            if record is not None:
                self.topics[name].append(Read(0, len(self.topics[name]), 0, record))

    def read(self, topic: str) -> list[Read]:
        return self.topics[topic]

    def redis_standings(self) -> dict[str, dict[str, str | None]]:
        return self.standings


def judged(house: House) -> list[tuple[str, tuple[str, str]]]:
    officers: Any = SimpleNamespace(sent=house.sent)
    found, _ = judge_lives(house, officers)  # type: ignore[arg-type]
    return [(difference.how, difference.key) for difference in found]


def test_what_one_desk_wrote_is_good() -> None:
    assert judged(House()) == []


@pytest.mark.parametrize("fault", ["lost", "chain", "other", "unread", "redis"])
def test_each_fault_is_found(fault: str) -> None:
    """An act that no entry has, an entry that is not as it was, one that no desk would write, an input, Redis."""
    house = House()
    life = house.topics[LIFE]
    if fault == "lost":
        house.sent["another"] = house.sent["a1"]
        wanted = ("lost", ("act", "another"))
    elif fault == "chain":
        life[3] = life[3]._replace(value=life[3].value.replace(b"wang", b"li"))
        wanted = ("changed", ("the chain of lives", "entry 4 is not as it was when entry 5 was written"))
    elif fault == "other":
        life[-1] = life[-1]._replace(value=life[-1].value.replace(b"wang", b"li"))
        wanted = ("changed", ("entry", "12"))
    elif fault == "unread":
        house.topics[ALERTS].append(Read(1, 0, 0, alert("r", "unread").to_json()))
        wanted = ("lost", ("input", str((ALERTS, 1, 0))))
    else:
        next(iter(house.standings.values()))["status"] = "open"
        wanted = ("changed in redis", ("standing", next(iter(house.standings))))
    assert wanted in judged(house)
