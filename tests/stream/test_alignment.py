"""Partitions are read evenly by event time: the one furthest behind first, and none waits for what may never come."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pytest import approx  # noqa: PT013  reads as the number it stands for

from risk_stream.stream import alignment
from risk_stream.stream.alignment import EVERYTHING, HOLD, Patience, Progress, Underway, evenly, horizon, within


def progress(tail: int, *, waits: bool = True, more: bool = True, patience: Patience | None = None) -> Progress:
    return Progress(tail, waits, more, patience or Patience())


def test_all_is_taken_where_the_broker_has_no_more() -> None:
    """At the end of the logs nothing is held back."""
    assert horizon([progress(5, more=False), progress(9, more=False), progress(3, waits=False, more=False)], 0.0) == (
        EVERYTHING,
        None,
    )


def test_others_go_no_further_than_the_last_of_one_of_which_there_is_more() -> None:
    """What it brings next may belong before theirs."""
    assert horizon([progress(5), progress(9, more=False), progress(7)], 0.0) == (5, None)


def test_one_of_which_there_is_more_and_nothing_here_is_waited_for() -> None:
    """For a moment: a partition that the broker does not give holds up nobody."""
    slow = Patience()
    assert horizon([progress(9), progress(4, waits=False, patience=slow)], 10.0) == (4, approx(alignment.PATIENCE))
    half = alignment.PATIENCE / 2
    assert horizon([progress(9), progress(4, waits=False, patience=slow)], 10.0 + half)[0] == 4
    assert horizon([progress(9), progress(4, waits=False, patience=slow)], 10.1 + half) == (9, None)


def test_patience_begins_anew_when_something_came() -> None:
    """Each time it runs dry."""
    slow = Patience()
    horizon([progress(9), progress(4, waits=False, patience=slow)], 10.0)
    horizon([progress(9), progress(6, patience=slow)], 20.0)
    assert horizon([progress(9), progress(6, waits=False, patience=slow)], 30.0) == (6, approx(alignment.PATIENCE))


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9)), max_size=20), max_size=4),
    st.integers(1, 60),
    st.integers(0, 60),
)
def test_about_as_much_as_the_limit_is_taken_and_something_always(
    partitions: list[list[tuple[int, int]]], limit: int, upto: int
) -> None:
    """No more than what comes before the limit is reached, and never beyond the horizon."""
    clocks = [np.maximum.accumulate(np.array([t for t, _ in p], np.int64)) for p in partitions]
    weights = [np.array([w for _, w in p], np.int64) for p in partitions]
    found = within(clocks, weights, limit, upto)
    assert found <= upto
    pairs = [(int(t), int(w)) for c, ws in zip(clocks, weights, strict=True) for t, w in zip(c, ws, strict=True)]
    if pairs and upto >= min(t for t, _ in pairs):
        assert any(t <= found for t, _ in pairs)
    assert sum(w for t, w in pairs if t < found) < limit or found == upto
    if sum(w for _, w in pairs) <= limit:
        assert found == upto


def test_a_backlog_is_read_no_further_than_a_little_ahead_of_other_workers() -> None:
    """A few events are no backlog: they wait for nobody."""
    progress = [Progress(1000, True, False, Patience())]
    clocks, weights = [np.arange(10) * 100], [np.ones(10, np.int64)]
    assert evenly(progress, clocks, weights, limit=10, theirs=lambda: 450) == ([5], HOLD)
    assert evenly(progress, clocks, weights, limit=11, theirs=lambda: 450) == ([10], None)


def test_what_was_sent_is_more_until_it_is_here() -> None:
    """While it is on its way, and until the offset that the broker gave it has been read."""

    async def main() -> None:
        underway, tp = Underway(), ("hop.account", 1)
        assert not underway.is_more(tp, 0)
        send = asyncio.get_running_loop().create_future()
        underway.sent(tp, send)
        assert underway.is_more(tp, 100)
        send.set_result(SimpleNamespace(offset=7))
        await asyncio.sleep(0)
        assert underway.is_more(tp, 7)
        assert not underway.is_more(tp, 8)
        assert not underway.is_more(("hop.account", 0), 0)

    asyncio.run(main())
