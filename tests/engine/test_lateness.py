"""Lateness is decided by the highest time before an event, and however the log is cut."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from risk_stream.catalogue import MISSING
from risk_stream.engine import late


@given(
    st.lists(st.integers(0, 50), max_size=30), st.integers(0, 20), st.sampled_from([MISSING, 0, 25]), st.integers(1, 9)
)
def test_an_event_is_too_late_by_the_clock_before_it(times: list[int], allowed: int, clock: int, cut: int) -> None:
    now, wanted, got = clock, [], []
    for time in times:
        wanted.append(now != MISSING and time < now - allowed)
        now = max(now, time)
    for at in range(0, len(times), cut):
        mask, clock = late(np.array(times[at : at + cut], np.int64), clock, allowed)
        got += mask.tolist()
    assert got == wanted
    assert clock == now


def test_no_events_leave_the_clock_where_it_is() -> None:
    mask, clock = late(np.zeros(0, np.int64), 7, 1)
    assert (mask.tolist(), clock) == ([], 7)
