"""An alert that nobody acknowledges goes to the next level of people by itself, once for each level."""

from __future__ import annotations

import pytest

from risk_stream.alerts import Policy, Silence, read_entry
from tests.alerts.test_desk import MINUTE, NOON, Office

POLICY = Policy(escalate_ms={"high": 10 * MINUTE, "critical": 5 * MINUTE}, levels=3)


@pytest.fixture
def office() -> Office:
    return Office(POLICY)


def level(office: Office, id: str) -> int:
    return office.desk.memory.lives[id].level


def test_it_goes_one_level_higher_each_time_and_no_further_than_the_last(office: Office) -> None:
    """As an entry of the log that time brought."""
    life = office.hear("r", "1")
    assert life is not None
    levels = []
    for _ in range(5):
        office.pass_time(9 * MINUTE + 59_999)
        before = level(office, life.id)
        office.pass_time(1)
        levels.append((before, level(office, life.id)))
    assert levels == [(0, 1), (1, 2), (2, 2), (2, 2), (2, 2)]
    assert [read_entry(record).what for record in office.log] == ["alert", "time", "time"]


@pytest.mark.parametrize("act", ["acknowledge", "close"])
def test_who_is_there_stops_it(office: Office, act: str) -> None:
    """And where it is reopened people have time again."""
    life = office.hear("r", "1")
    assert life is not None
    office.now += 9 * MINUTE
    office.act(act, life.id, **({"disposition": "known"} if act == "close" else {}))
    day = 1440 * MINUTE
    office.pass_time(day)
    assert level(office, life.id) == 0
    if act == "close":
        office.act("reopen", life.id)
        office.pass_time(9 * MINUTE)
        assert level(office, life.id) == 0
        office.pass_time(day)
        assert level(office, life.id) == 1


def test_of_what_sleeps_or_is_silenced_nobody_is_told(office: Office) -> None:
    """Until it wakes, or the silence is over."""
    first, second = office.hear("r", "1"), office.hear("s", "2")
    assert first is not None
    assert second is not None
    office.act("snooze", first.id, until=NOON + 60 * MINUTE)
    rules = Silence(id="", by="", reason="x", begins=NOON, ends=NOON + 30 * MINUTE, rules=["s"])
    office.act("silence", silence=rules)
    for _ in range(29):
        office.pass_time(MINUTE)
    assert (level(office, first.id), level(office, second.id)) == (0, 0)
    office.pass_time(2 * MINUTE)
    assert level(office, second.id) == 0  # those of its level hear of it only now
    office.pass_time(9 * MINUTE)
    assert level(office, second.id) == 1
    office.pass_time(20 * MINUTE)
    assert (level(office, first.id), office.desk.memory.lives[first.id].asleep_until) == (0, None)
    office.pass_time(11 * MINUTE)
    assert level(office, first.id) == 1


def test_who_ends_a_silence_before_its_time_has_people_told_from_then_on(office: Office) -> None:
    """They have the minutes that they would have had."""
    life = office.hear("r", "1")
    assert life is not None
    rules = Silence(id="", by="", reason="x", begins=NOON, ends=NOON + 600 * MINUTE, rules=["r"])
    office.act("silence", silence=rules)
    for _ in range(40):
        office.pass_time(MINUTE)
    [silence] = office.desk.memory.silences
    office.act("unsilence", subject=silence)
    for _ in range(9):
        office.pass_time(MINUTE)
    assert level(office, life.id) == 0
    for _ in range(2):
        office.pass_time(MINUTE)
    assert level(office, life.id) == 1


def test_a_severity_that_is_not_named_waits_for_ever(office: Office) -> None:
    """And one that rises has the time of the higher one."""
    life = office.hear("r", "1", severity="low")
    assert life is not None
    office.pass_time(6 * MINUTE)
    assert level(office, life.id) == 0
    office.hear("r", "1", revision=2, status="changed", severity="critical")
    office.pass_time(1)
    assert level(office, life.id) == 1


def test_what_waits_takes_no_more_room_than_there_are_alerts() -> None:
    """However often lives change."""
    office = Office(POLICY)
    life = office.hear("r", "1")
    assert life is not None
    for revision in range(2, 4_000):
        office.hear("r", "1", revision=revision, status="changed")
    assert office.desk._escalations is not None
    assert len(office.desk._escalations._heap) < 1_100
