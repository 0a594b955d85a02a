"""How open alerts and silences look to an Alertmanager, and what it is told when."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from risk_stream.alerts import Act, Cause, Desk, Silence
from risk_stream.watch import Alertmanager, AlertmanagerError, Board, alert_of, labels_of, silence_of
from risk_stream.watch.board import silence_told
from risk_stream.watch.mirror import Told
from tests.alerts.made import alert

CONSOLE = "https://risk.example.com"


class House:
    """A desk, and the board that takes what it writes."""

    def __init__(self) -> None:
        self.desk, self.board, self.now = Desk(), Board(), 1_000

    def _take(self, record: bytes | None) -> None:
        assert record is not None
        self.board.take(record)

    def hear(self, *given: str, **more: Any) -> str:
        """An alert; its id."""
        self.now += 1
        said = alert(*given, **more)
        self._take(self.desk.hear(said, Cause("alerts", 0, self.now), self.now))
        return said.id

    def act(self, kind: Any, *alerts: str, **more: Any) -> None:
        self.now += 1
        act = Act(id=f"act-{self.now}", act=kind, by="wang", at=self.now, alerts=list(alerts), **more)
        self._take(self.desk.act(act, Cause("actions", 0, self.now), self.now))


class Heard(Alertmanager):
    """Takes what it is told, or is away."""

    def __init__(self) -> None:
        super().__init__("http://nowhere")
        self.away = False
        self.posts: list[list[dict[str, Any]]] = []
        self.there: list[str] = []  # the comments of its silences, which are their ids too

    async def post(self, alerts: list[dict[str, Any]]) -> None:
        if self.away:
            raise AlertmanagerError("away")
        self.posts.append(alerts)

    async def silences(self, house: str) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for comment in self.there:
            if (ours := silence_told(comment, house)) is not None:
                found.setdefault(ours, []).append(comment)
        return found

    async def silence(self, silence: dict[str, Any]) -> None:
        self.there.append(silence["comment"])

    async def unsilence(self, id: str) -> None:
        self.there.remove(id)


def tell(told: Told, to: Heard, now: int = 10_000) -> list[dict[str, Any]]:
    """What it is told in one go."""
    before = len(to.posts)
    asyncio.run(told.tell(to, now))
    return [one for post in to.posts[before:] for one in post]


def test_labels_stay_when_people_act_and_hold_no_sentence() -> None:
    """So an Alertmanager knows it as the same alert, and shows nobody what may be personal."""
    house = House()
    one = house.hear("r", "1", summary="Zhang San moved money")
    before = labels_of(house.board.open[one], "h")
    house.act("acknowledge", one)
    life = house.board.open[one]
    assert labels_of(life, "h") == before
    assert before == {
        "alertname": "r",
        "source": "risk-stream",
        "house": "h",
        "severity": "high",
        "stage": "trading",
        "entity": "SEC-SH",
        "rule": "r",
        "case": life.case,
        "alert": one,
        "key_customer": "C1",
    }
    told = alert_of(life, before, ends=99_000, console=CONSOLE)
    assert told["generatorURL"] == f"{CONSOLE}/alerts/{one}"
    assert told["annotations"]["summary"] == "r on customer C1: high, acknowledged by wang"
    assert (told["startsAt"], told["endsAt"]) == ("1970-01-01T00:00:01.001Z", "1970-01-01T00:01:39.000Z")
    assert "Zhang" not in str(told)


def test_a_closed_alert_is_told_as_resolved_and_a_new_severity_is_another_alert() -> None:
    house, to = House(), Heard()
    told = Told(house.board, "h", CONSOLE)
    one = house.hear("r", "1")
    assert [a["labels"]["severity"] for a in tell(told, to)] == ["high"]
    assert tell(told, to) == []
    house.hear("r", "1", revision=2, status="changed", severity="critical")
    ended, begun = tell(told, to)
    assert (ended["labels"]["severity"], ended["endsAt"]) == ("high", "1970-01-01T00:00:10.000Z")
    assert (begun["labels"]["severity"], begun["endsAt"]) == ("critical", "1970-01-01T00:04:10.000Z")
    house.act("close", one, disposition="false_alarm")
    (over,) = tell(told, to)
    assert over["labels"] == begun["labels"]
    assert over["endsAt"] == "1970-01-01T00:00:10.000Z"
    assert told.there == {}


def test_what_one_that_was_away_has_missed_is_told_when_it_is_back() -> None:
    house, to = House(), Heard()
    told = Told(house.board, "h", CONSOLE)
    one, other = house.hear("r", "1"), house.hear("r", "2")
    tell(told, to)
    to.away = True
    house.act("close", one, disposition="known")
    with pytest.raises(AlertmanagerError):
        tell(told, to)
    to.away = False
    assert [a["labels"]["alert"] for a in tell(told, to)] == [one]
    told.again()
    assert [a["labels"]["alert"] for a in tell(told, to)] == [other]


def test_of_too_many_the_most_severe_are_told_and_take_the_place_of_others() -> None:
    house, to = House(), Heard()
    told = Told(house.board, "h", CONSOLE, most=2)
    low = [house.hear("r", str(i), severity="low") for i in range(3)]
    tell(told, to)
    assert len(told.there) == 2
    assert told.crowded
    told.again()
    tell(told, to)
    assert not told.crowded
    worst = house.hear("r", "9", severity="critical")
    tell(told, to)
    assert told.crowded  # so all are ranked anew, and it has its place seconds later
    told.again()
    before = set(told.there)
    ended = {a["labels"]["alert"] for a in tell(told, to) if a["endsAt"] == "1970-01-01T00:00:10.000Z"}
    assert set(told.there) == {low[2], worst}
    assert ended == before - {low[2]}


def test_a_silence_is_made_once_and_ended_when_ours_ends() -> None:
    """However often it is there; one of another house, or made there by hand, is left alone."""
    house, to = House(), Heard()
    told = Told(house.board, "h", CONSOLE)
    others = ["by hand", "of another house [silence s1 of g]"]
    to.there += others
    silence = Silence(id="", by="", reason="known outage", begins=0, ends=3_600_000, rules=["r"])
    house.act("silence", silence=silence)
    (ours,) = house.board.silences
    told.again()
    tell(told, to)
    told.again()
    tell(told, to)
    assert to.there == [*others, f"known outage [silence {ours} of h]"]
    to.there.append(to.there[-1])
    house.act("unsilence", subject=ours)
    tell(told, to)
    assert to.there == others


def test_a_silence_that_is_not_taken_keeps_no_other_from_being_made() -> None:
    """What an Alertmanager refuses is tried again, behind none of the others."""

    class Particular(Heard):
        async def silence(self, silence: dict[str, Any]) -> None:
            if silence["createdBy"] == "li":
                raise AlertmanagerError("it does not take this one")
            await super().silence(silence)

    board, to = Board(), Particular()
    for id, by in (("s1", "li"), ("s2", "wang")):
        board.silences[id] = Silence(id=id, by=by, reason="why", begins=-(10**17), ends=3_600_000, rules=["r"])
    told = Told(board, "h", CONSOLE)
    told.again()
    for _ in range(2):
        with pytest.raises(AlertmanagerError, match="does not take"):
            tell(told, to)
        assert to.there == ["why [silence s2 of h]"]


def test_a_silence_matches_what_ours_matches_and_nothing_of_the_platform() -> None:
    silence = Silence(
        id="s1", by="li", reason="why", begins=0, ends=1, rules=["a-b", "c.d"], entities=["X"], keys={"customer": "C1"}
    )
    made = silence_of(silence, "h")
    assert {m["name"]: (m["value"], m["isRegex"]) for m in made["matchers"]} == {
        "source": ("risk-stream", False),
        "house": ("h", False),
        "rule": (r"a\-b|c\.d", True),
        "entity": ("X", False),
        "key_customer": ("C1", False),
    }
    assert (made["createdBy"], silence_told(made["comment"], "h")) == ("li", "s1")
    assert silence_told("made by hand", "h") is None
