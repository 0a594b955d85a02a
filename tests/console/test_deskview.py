"""What the console remembers of the desk beside alerts."""

from __future__ import annotations

import pytest

from risk_stream.access import EVERYWHERE, Scope
from risk_stream.alerts import Act, Cause, Desk, Silence, read_entry
from risk_stream.console import deskview
from risk_stream.console.deskview import DeskView
from tests.alerts.made import alert


def told(*steps: object) -> DeskView:
    """The view after alerts and acts, each a second after the other."""
    desk, view = Desk(), DeskView()
    for offset, step in enumerate(steps):
        cause, now = Cause("t", 0, offset), 1_000 * (offset + 1)
        record = desk.act(step, cause, now) if isinstance(step, Act) else desk.hear(step, cause, now)  # type: ignore[arg-type]
        assert record is not None
        view.take(read_entry(record), offset * 2)
    return view


def test_a_life_knows_where_in_the_log_its_changes_stand() -> None:
    """And only its own."""
    one, other = alert("r", "1"), alert("r", "2")
    view = told(one, other, Act(id="a", act="acknowledge", by="li", at=0, alerts=[one.id]))
    assert view.trail(one.id) == (0, 4)
    assert view.trail(other.id) == (2,)
    assert view.trail("nobody") == ()


def test_cases_stand_with_the_one_that_changed_last_first_and_only_where_they_may_be_seen() -> None:
    """A case of another entity is not there."""
    view = told(alert("r", "1"), alert("r", "2"))
    assert [case.key for case in view.seen_cases(EVERYWHERE)] == ["C2", "C1"]
    assert view.seen_cases(Scope(frozenset({"SEC-SZ"}))) == []
    (case, _) = view.seen_cases(EVERYWHERE)
    assert (view.seen_case(case.id, EVERYWHERE), view.seen_case(case.id, Scope(frozenset({"SEC-SZ"})))) == (case, None)


def test_a_silence_is_active_from_its_beginning_to_its_end() -> None:
    """And one that was ended is not."""
    silence = Silence(id="", by="", reason="a test", begins=0, ends=60_000, rules=["r"])
    asked = Act(id="s", act="silence", by="li", at=0, silence=silence)
    assert [one.by for one in told(asked).active(30_000, EVERYWHERE)] == ["li"]
    assert told(asked).active(60_000, EVERYWHERE) == []
    assert told(asked, Act(id="u", act="unsilence", by="li", at=0, subject="s")).active(30_000, EVERYWHERE) == []


def test_a_silence_of_another_entity_is_not_there() -> None:
    """Neither in the list nor in a number; one of every entity is everybody's."""
    shanghai, shenzhen = Scope(frozenset({"SEC-SH"})), Scope(frozenset({"SEC-SZ"}))
    for entities, seen in ((["SEC-SH"], [1, 0]), ([], [1, 1])):
        silence = Silence(id="", by="", reason="a test", begins=0, ends=60_000, rules=["r"], entities=entities)
        view = told(Act(id="s", act="silence", by="li", at=0, silence=silence))
        assert [len(view.active(30_000, scope)) for scope in (shanghai, shenzhen)] == seen
        assert [len(view.seen_silences(scope)) for scope in (shanghai, shenzhen)] == seen


def test_cases_that_are_over_are_forgotten_the_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that go on stay, however many there are."""
    monkeypatch.setattr(deskview, "CASES", 3)
    alerts = [alert("r", str(number)) for number in range(6)]
    closing = [
        Act(id=f"a{number}", act="close", by="li", at=0, alerts=[alerts[number].id], disposition="known")
        for number in (1, 0, 3)
    ]
    view = told(*alerts, *closing)
    assert [case.key for case in view.seen_cases(EVERYWHERE)] == ["C5", "C4", "C2"]
    assert [case.key for case in view.seen_cases(EVERYWHERE, over=False)] == ["C5", "C4", "C2"]
    assert [case.key for case in told(*alerts[:3], closing[0]).seen_cases(EVERYWHERE)] == ["C1", "C2", "C0"]
    assert [case.key for case in told(*alerts[:3], closing[0]).seen_cases(EVERYWHERE, over=False)] == ["C2", "C0"]
