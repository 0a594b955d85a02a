"""A key has the room that its rows need now: memory follows what windows hold, however busy each key once was."""

from __future__ import annotations

import itertools
from random import Random

import numpy as np
import pytest

from risk_stream.features import KeyState, Op
from tests.features.reference import Event
from tests.features.streams import LATENESS, aggregate, evicted, layout, live_bytes, run

ORDER = frozenset({("order", "")})
ASKED = layout([aggregate(Op.COUNT), aggregate(Op.SUM, "amount"), aggregate(Op.MAX, "amount", window_ms=200)])
#: Until no window and no late event reaches a row.
KEPT = 1000 + 2 * LATENESS


def state_of(reserve_mib: int = 8, chunks: int = 2) -> KeyState:
    return KeyState(ASKED, reserve_mib=reserve_mib, chunks=chunks, lateness_ms=LATENESS)


def answer_alike(one: KeyState, other: KeyState, events: list[Event]) -> bool:
    """Give both the same events; -> whether values and flags are the same."""
    pairs = zip(run(one, events), run(other, events), strict=True)
    return all(np.array_equal(got, want, equal_nan=True) for got, want in pairs)


def busy_in_turn(rounds: int, keys: int = 40, busy: int = 400) -> list[list[Event]]:
    """In each round one key has `busy` events, and every key one in 100 ms: never quiet for as long as a window is."""
    chance, now, found = Random(7), 10_000, list[list[Event]]()
    for turn in range(rounds):
        batch = []
        for begin in range(now, now + 1000, 100):
            batch += [Event(begin + key, ORDER, {"amount": chance.randint(1, 99)}, key=key) for key in range(keys)]
        times = sorted(chance.randint(now, now + 999) for _ in range(busy))
        batch += [Event(t, ORDER, {"amount": t % 50}, key=turn % keys, id=n) for n, t in enumerate(times)]
        found.append(sorted(batch, key=lambda e: e.place))
        now += 1000
    return found


def test_a_key_that_was_busy_once_gives_back_the_room_it_no_longer_needs() -> None:
    """As it fills its block the next time: by its own events, without a sweep's help."""
    state = state_of()
    state.sweep(0, 0)
    run(state, [Event(10_000 + t // 4, ORDER, id=t) for t in range(1000)])
    state.sweep(20_000, 0)
    once = live_bytes(state)
    for begin in range(20_000, 60_000, 20):
        run(state, [Event(begin, ORDER, id=begin)])
        state.sweep(begin, 0)
    assert state.rows < 120
    assert live_bytes(state) < once / 4


def test_a_quiet_key_is_relieved_of_what_no_window_reaches_by_a_sweep() -> None:
    """It has too few events to fill its block; the row it still needs stays."""
    state = state_of()
    run(state, [Event(t, ORDER, {"amount": 5}, id=t) for t in range(1000)])
    run(state, [Event(3000, ORDER, {"amount": 7})])
    once = live_bytes(state)
    assert state.rows == 1001
    assert state.sweep(3000) == 0
    assert (state.keys, state.rows) == (1, 1)
    assert live_bytes(state) < once / 4
    values, flags = run(state, [Event(3100, ORDER, {"amount": 1})])
    assert (values[0].tolist(), flags.tolist()) == ([2, 0.08, 0.07], [0])


def test_memory_does_not_grow_with_time_where_keys_are_busy_in_turn() -> None:
    """A long time of it needs no more than a short one."""
    state, taken = state_of(), []
    for batch in busy_in_turn(400):
        run(state, batch)
        state.sweep(batch[-1].time, 2 * len(batch))
        taken.append(state.bytes)
    assert evicted(state) == 0
    assert max(taken[100:]) <= 1.1 * max(taken[:100])
    assert state.rows < 3 * (KEPT // 100 * 40 + 2 * 400)


def test_a_reserve_that_holds_what_windows_need_does_not_run_out_for_what_keys_once_needed() -> None:
    """Each at its busiest, all keys would take more than twice the reserve; no row has to go before its time."""
    state = state_of(reserve_mib=1)
    for batch in busy_in_turn(90, keys=60, busy=1000):
        run(state, batch)
        state.sweep(batch[-1].time, 2 * len(batch))
    assert (state.early, state.refused) == (0, 0)


def test_values_are_the_same_however_often_rows_are_let_go() -> None:
    """Late events within what is allowed among them."""
    kept, swept = state_of(), state_of()
    kept.sweep(-(10**6), 0)
    for n, batch in enumerate(busy_in_turn(60, keys=5)):
        chance = Random(n)
        order = sorted(batch, key=lambda e: (e.time + chance.randint(0, LATENESS), e.place))
        for begin in range(0, len(order), 50):
            some = order[begin : begin + 50]
            assert answer_alike(swept, kept, some)
            swept.sweep(max(e.time for e in order[: begin + 50]), 1000)
    assert swept.rows < kept.rows / 5


@pytest.mark.parametrize("keys", [30, 300])
def test_memory_is_not_cut_to_pieces_where_all_keys_become_busy_and_quiet_together(keys: int) -> None:
    """As over the hours of a day: what one size of block gave back serves another, and the values are the same."""
    chance, now, most = Random(3), 10_000, 0
    kept, swept = state_of(), state_of()
    taken = []
    for _ in range(120):
        rows = keys * chance.choice((1, 2, 5, 12))
        times = sorted(chance.randint(now, now + 499) for _ in range(rows))
        batch = [Event(t, ORDER, {"amount": t % 50}, key=chance.randrange(keys), id=i) for i, t in enumerate(times)]
        assert answer_alike(swept, kept, batch)
        most = max(most, live_bytes(swept))
        swept.sweep(now, 10**6)
        taken.append(swept.bytes)
        now += 500
    assert max(taken[10:]) <= 1.75 * most
    assert min(taken[10:]) < max(taken[10:]) / 1.3
    assert swept.keys == keys


def test_what_stands_at_the_end_moves_into_what_became_free_before_it() -> None:
    """Large keys go, and the one that stays is behind all of them; its values are the same."""
    state = state_of()
    run(state, [Event(t, ORDER, {"amount": 1}, key=key, id=t) for key in range(6) for t in range(1000)])
    run(state, [Event(5000 + t, ORDER, {"amount": 2}, key=100, id=t) for t in range(100)])
    taken, once = state.bytes, live_bytes(state)
    assert state.sweep(5100) == 6  # after it the first look at what is in use
    stays = live_bytes(state)
    state.sweep(6100)
    assert live_bytes(state) <= stays < once / 20
    assert state.bytes < taken / 4
    values, flags = run(state, [Event(5990, ORDER, {"amount": 5}, key=100)])
    assert (values[0].tolist(), flags.tolist()) == ([101, 2.05, 0.05], [0])
    run(state, [Event(5000 + t, ORDER, {"amount": 1}, key=key, id=t) for key in range(200, 205) for t in range(1000)])
    assert state.bytes < taken
    assert run(state, [Event(5991, ORDER, {"amount": 5}, key=100)])[0][0].tolist() == [102, 2.10, 0.05]


def test_a_block_that_fits_nowhere_before_it_stays_and_nothing_is_taken_for_it() -> None:
    """Every second of many small keys has gone: what each left is too little."""
    state = state_of()
    run(state, [Event(key % 2 * 4000, ORDER, {"amount": 1}, key=key) for key in range(600)])
    run(state, [Event(5000 + t, ORDER, {"amount": 2}, key=999, id=t) for t in range(300)])
    filled, more = state.bytes, itertools.count(1000)
    while state.bytes == filled:  # what the one at the end outgrew is free, and is taken now
        run(state, [Event(5000, ORDER, {"amount": 1}, key=next(more))])
    assert state.sweep(4500) == 300
    state.sweep(4580)
    taken, live = state.bytes, live_bytes(state)
    for now in range(4600, 5000, 20):
        assert state.sweep(now) == 0
        assert (state.bytes <= taken, live_bytes(state)) == (True, live)
    assert run(state, [Event(5300, ORDER, {"amount": 5}, key=999)])[0][0].tolist() == [301, 6.05, 0.05]


def test_a_full_reserve_cuts_a_block_where_it_is() -> None:
    """Nothing is free, not even a smaller place. What is cut off serves others, and what stays is exact."""
    state = state_of(reserve_mib=1, chunks=1024)  # whose index need not grow
    large = range(250)  # of so few rows that nothing but their blocks is theirs
    run(state, [Event(t, ORDER, {"amount": 1}, key=key, id=t) for key in large for t in range(40)])
    while state.refused == 0:
        run(state, [Event(1000, ORDER, {"amount": 1}, key=1000 + state.keys)])
    full, small = live_bytes(state), range(1250, 1000 + state.keys)
    run(state, [Event(5000, ORDER, {"amount": 1}, key=key) for key in (*large, *small)])
    assert state.sweep(5000) == 0
    assert state.rows == len(large) + 2 * len(small)  # two rows are no more than the block of a small one has room for
    assert live_bytes(state) < 0.7 * full
    run(state, [Event(5000, ORDER, {"amount": 1}, key=key) for key in range(5000, 5500)])
    assert (state.refused, state.early) == (1, 0)
    values, flags = run(state, [Event(5500, ORDER, {"amount": 3}, key=key) for key in large])
    assert np.array_equal(values[:, 0], np.full(len(large), 2.0))
    assert not flags.any()
