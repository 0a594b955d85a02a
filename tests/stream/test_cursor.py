"""Each record of a partition is taken once, in order, and none is stepped over unseen."""

from __future__ import annotations

from risk_stream.stream.cursor import Cursor, Step
from tests.stream.conftest import FakeRecord


def records(*offsets: int) -> list[FakeRecord]:
    return [FakeRecord(o, b"") for o in offsets]


def at(offset: int, generation: int = 1) -> Cursor:
    """A cursor that stands at an offset."""
    cursor = Cursor()
    assert cursor.place(offset - 1, generation) is Step.TAKE
    cursor.take(records(offset - 1))
    return cursor


def test_the_first_run_is_taken_wherever_it_begins() -> None:
    """The group's committed offset decides."""
    assert Cursor().place(17, 1) is Step.TAKE


def test_the_next_run_is_taken() -> None:
    """No gap."""
    cursor = at(10)
    assert cursor.place(10, 1) is Step.TAKE
    assert [r.offset for r in cursor.take(records(10, 11))] == [10, 11]
    assert cursor.next == 12


def test_what_was_taken_before_is_left_out() -> None:
    """A rebalance gave the partition back, and it is read again from the committed offset."""
    cursor = at(10)
    assert cursor.place(7, 2) is Step.TAKE
    assert [r.offset for r in cursor.take(records(7, 8, 9, 10, 11))] == [10, 11]
    assert cursor.take(records(8, 9)) == []
    assert cursor.next == 12


def test_a_gap_is_asked_for_once_and_then_believed() -> None:
    """Compaction leaves true gaps; Faust can drop a run at a rebalance."""
    cursor = at(10)
    assert cursor.place(15, 1) is Step.SEEK
    assert cursor.place(15, 1) is Step.TAKE
    assert [r.offset for r in cursor.take(records(15))] == [15]


def test_a_lost_run_comes_again() -> None:
    """After the seek the missing records are there."""
    cursor = at(10)
    assert cursor.place(15, 1) is Step.SEEK
    assert cursor.place(10, 1) is Step.TAKE
    assert [r.offset for r in cursor.take(records(10, 12, 15))] == [10, 12, 15]


def test_gaps_inside_a_run_are_true_ones() -> None:
    """A compacted topic."""
    cursor = at(10)
    assert [r.offset for r in cursor.take(records(10, 40, 99))] == [10, 40, 99]
    assert cursor.place(100, 1) is Step.TAKE


def test_a_partition_another_worker_had_is_begun_anew() -> None:
    """What this worker built of it misses what the other applied."""
    cursor = at(10)
    assert cursor.place(30, 2) is Step.ANEW
    assert [r.offset for r in cursor.take(records(30))] == [30]
    assert cursor.place(31, 2) is Step.TAKE


def test_a_record_that_was_taken_unread_is_left_out_when_it_is_read() -> None:
    """Its sender knows what stands there."""
    cursor = at(10)
    assert cursor.take_own(10, 1)
    assert cursor.next == 11
    assert cursor.place(10, 1) is Step.TAKE
    assert [r.offset for r in cursor.take(records(10, 11))] == [11]


def test_only_the_next_record_is_taken_unread() -> None:
    """One behind it would leave out what another has written between; one before it was taken already."""
    cursor = at(10)
    assert not cursor.take_own(11, 1)
    assert not cursor.take_own(9, 1)
    assert not cursor.take_own(-1, 1)
    assert cursor.next == 10


def test_nothing_is_taken_unread_in_a_generation_that_is_not_read_yet() -> None:
    """Another worker may have been here meanwhile."""
    cursor = at(10)
    assert not cursor.take_own(10, 2)
    assert not Cursor().take_own(0, 1)
