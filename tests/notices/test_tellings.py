"""What is remembered of notices: what is still to be sent, what was given up, which thread tells of a case."""

from __future__ import annotations

import pytest

from risk_stream.notices import Notice
from risk_stream.notices.notice import Again, Outcome, Part, Record
from risk_stream.notices.told import MOST_DEAD, Tellings


def planned(id: str, step: str = "new", thread: str = "case:c1", **more: object) -> Notice:
    return Notice(id=id, receiver="wang", thread=thread, step=step, count=1, **more)  # type: ignore[arg-type]


def after(*records: Record) -> Tellings:
    told = Tellings()
    for record in records:
        told.take(record)
    return told


def test_a_notice_waits_until_it_is_known_what_became_of_it() -> None:
    """Said twice it waits once; an outcome of what nobody planned is passed over."""
    told = after(planned("n1"), planned("n1"), planned("n2"), Outcome(id="n1", became="sent", at=1))
    assert list(told.waiting) == ["n2"]
    told.take(Outcome(id="nobody's", became="dead", at=2))
    assert (list(told.waiting), told.dead) == (["n2"], {})


def test_a_dead_notice_is_sent_once_more_where_somebody_asks_for_it() -> None:
    """And no other: one that was sent, or is not known, stays as it is."""
    told = after(planned("n1"), Outcome(id="n1", became="dead", at=1, why="refused"))
    assert [outcome.why for _, outcome in told.dead.values()] == ["refused"]
    assert told.take(Again(id="other", by="li", at=2)) is None
    again = told.take(Again(id="n1", by="li", at=2))
    assert again is not None
    assert (again.id, list(told.waiting), told.dead) == ("n1", ["n1"], {})
    told.take(Outcome(id="n1", became="sent", at=3))
    assert told.take(Again(id="n1", by="li", at=4)) is None


def test_of_dead_notices_the_latest_are_remembered() -> None:
    told = Tellings()
    for number in range(MOST_DEAD + 2):
        told.take(planned(f"n{number}"))
        told.take(Outcome(id=f"n{number}", became="dead", at=number))
    assert len(told.dead) == MOST_DEAD
    assert next(iter(told.dead)) == "n2"


def test_a_test_notice_is_told_of_nothing() -> None:
    told = after(planned("n1", "test", "test:1"))
    assert (list(told.waiting), told.threads) == (["n1"], {})


@pytest.mark.parametrize(("step", "left", "over"), [("over", 3, True), ("withdrawn", 0, True), ("withdrawn", 1, False)])
def test_a_thread_is_over_when_it_was_said_to_be_or_all_was_taken_back(step: str, left: int, over: bool) -> None:
    found = after(planned("n1"), planned("n2", step, open=left)).told("wang", "case:c1")
    assert found is not None
    assert found.over == over


def test_a_level_that_was_reached_stays_until_the_case_is_new_again() -> None:
    told = after(planned("n1", level=0), planned("n2", "again", level=2), planned("n3", "more", level=1))
    assert told.threads["wang", "case:c1"].level == 2
    told.take(planned("n4", level=0))
    assert told.threads["wang", "case:c1"].level == 0


def test_each_case_of_a_digest_is_told_of_by_a_thread_of_its_own_from_then_on() -> None:
    """Those that it takes back are over."""
    parts = [Part("c1", 4, "high", 1), Part("c2", 1, "low", 0)]
    told = after(planned("n1", "several", "digest", cases=parts, ended=["c3"], at=9))
    assert told.covering == {("wang", "c1"): "case:c1", ("wang", "c2"): "case:c2"}
    one = told.threads["wang", "case:c1"]
    assert (one.number, one.alerts, one.severity, one.level, one.at, one.over) == (1, 4, "high", 1, 9, False)
    assert told.threads["wang", "case:c3"].over


def test_a_case_at_rest_is_told_of_by_no_storm_any_more() -> None:
    """What comes of it next is new; a case that is not known changes nothing."""
    told = after(planned("n1", "storm", "rule:r", cases=[Part("c1", 1, "high", 0), Part("c2", 1, "high", 0)]))
    told.forget_case("wang", "c1")
    told.forget_case("wang", "c1")
    told.forget_case("li", "c2")
    assert told.threads["wang", "rule:r"].cases == {"c2"}
    assert told.covering == {("wang", "c2"): "rule:r"}
