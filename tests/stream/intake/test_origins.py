"""An origin's clock, what its commits say, and a change that holds from exactly one offset on."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from risk_stream.catalogue import MISSING
from risk_stream.catalogue.formats import LaterFormatError
from risk_stream.stream.intake.origins import Committed, Origin

TIMES = st.lists(st.integers(0, 60), max_size=30)


def origin(offset: int = 0, clock: int = MISSING, plan: str = "p", targets: tuple[str, ...] = ()) -> Origin:
    return Origin("t/0", 5, Committed(offset, clock, plan), lateness_ms=10, targets=targets)


def read(of: Origin, times: list[int]) -> list[bool]:
    """Admit events at the next offsets."""
    offsets = of.position + np.arange(len(times), dtype=np.int64)
    end = int(offsets[-1]) + 1 if len(times) else of.position
    return of.admit(offsets, np.array(times, np.int64), end).tolist()


@given(times=TIMES, cuts=st.lists(st.integers(0, 30), max_size=5), step=st.integers(1, 3))
@example(times=[0, 0, 1], cuts=[1, 2], step=2)
def test_lateness_and_clocks_do_not_depend_on_the_runs_they_come_in(
    times: list[int], cuts: list[int], step: int
) -> None:
    """Nor on where a new owner takes over: every commit says the clock as of its own offset."""
    clock, late, clocks = MISSING, [], [MISSING]
    for time in times:
        late.append(clock != MISSING and time < clock - 10)
        clock = max(clock, time)
        clocks.append(clock)
    bounds = sorted({0, len(times), *(cut for cut in cuts if cut <= len(times))})
    one, found = origin(), []
    for start, end in pairwise(bounds):
        offsets = step * np.arange(start, end, dtype=np.int64)
        found += one.admit(offsets, np.array(times[start:end], np.int64), int(offsets[-1]) + 1).tolist()
    assert found == late
    for i, expected in enumerate(clocks):
        offset = 0 if i == 0 else (i - 1) * step + 1
        assert one.clock_at(offset) == expected
        heir = Origin("t/0", 6, one.at(offset), lateness_ms=10)
        assert read(heir, times[i:]) == late[i:]


@given(times=TIMES, at=st.integers(0, 30), ahead=st.integers(0, 30))
def test_what_is_committed_needs_no_memory(times: list[int], at: int, ahead: int) -> None:
    """Only what came since the last accepted commit is remembered, and every later offset still has its clock."""
    one = origin()
    for time in times:
        read(one, [time])
    at = min(at, len(times))
    expected = [one.clock_at(offset) for offset in range(at, len(times) + 1)]
    one.accepted(one.at(at))
    assert [one.clock_at(offset) for offset in range(at, len(times) + 1)] == expected
    assert len(one._since) <= len(times) - at


def test_records_that_are_no_events_are_passed_over() -> None:
    """They move the position, not the clock."""
    one = origin(offset=4)
    one.admit(np.array([6], np.int64), np.array([50], np.int64), 9)
    assert (one.position, one.clock_at(6), one.clock_at(7), one.clock_at(9)) == (9, MISSING, 50, 50)


def test_a_front_is_announced_when_all_before_it_is_on_its_way() -> None:
    """Not while events that it would make too late are still in hand."""
    one = origin(clock=3)
    read(one, [20])
    assert one.front == 3
    one.handed_over()
    assert one.front == 20


def test_a_change_waits_for_every_receiver_and_for_the_end() -> None:
    """The end is asked after the barrier and nothing beyond it is read before the answer."""
    one = origin(targets=("a", "b"))
    one.greeted("a")
    with pytest.raises(AssertionError, match="after the barrier"):
        one.stop_at(2)
    one.greeted("b")
    one.stop_at(2)
    read(one, [1])
    assert not one.at_stop
    with pytest.raises(AssertionError, match="read beyond"):
        read(one, [2, 3])
    read(one, [4])
    assert one.propose(90, "q") == Committed(2, 90, "q")
    with pytest.raises(AssertionError):
        read(one, [5])
    assert (one.clock, one.plan) == (4, "p")
    one.settle(accepted=True)
    assert (one.clock, one.front, one.plan, one.stop) == (90, 90, "q", None)
    assert one.at(2) == Committed(2, 90, "q")
    assert read(one, [79, 80]) == [True, False]


def test_a_refused_change_changes_nothing() -> None:
    """Another worker has the partition; reading goes on until it is taken away."""
    one = origin()
    read(one, [7])
    one.stop_at(1)
    one.propose(50, "q")
    one.settle(accepted=False)
    assert (one.clock, one.plan, one.stop) == (7, "p", None)
    assert read(one, [8]) == [False]


def test_a_change_that_changes_nothing_is_not_committed() -> None:
    """A clock is never set back."""
    one = origin(clock=50)
    one.stop_at(0)
    assert one.propose(49) is None
    assert one.stop is None


@given(offset=st.integers(0, 2**62), clock=st.integers(-(2**63), 2**62), plan=st.none() | st.text())
def test_a_commit_is_read_back_as_it_was_said(offset: int, clock: int, plan: str | None) -> None:
    """Offset, clock and plan; an unknown clock too."""
    said = Committed(offset, clock, plan)
    assert Committed.read(offset, said.metadata()) == said


@pytest.mark.parametrize("text", ["", "clock=5", "{}", "[1]", '{"v":1}'])
def test_text_that_is_none_of_ours_is_no_commit(text: str) -> None:
    """An earlier release committed none."""
    assert Committed.read(3, text) is None


def test_a_later_format_is_refused() -> None:
    """A worker of a later release has been here: its clock would be lost."""
    with pytest.raises(LaterFormatError, match="which a later release wrote"):
        Committed.read(3, '{"v":2,"clock":1,"plan":"p"}')
