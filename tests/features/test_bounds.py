"""What bounds a state's memory, and what a user sees of it: caps with panes, expiry, a reserve that runs out."""

from __future__ import annotations

import numpy as np
import pytest

from risk_stream.features import KeyState, KindLayout, Op, Periods
from risk_stream.features._words import H_LIMIT, H_NEXT, H_STARVED
from tests.features.reference import MISSING, Event, Reference, matches, window_start
from tests.features.streams import (
    LATENESS,
    PERIODS,
    TYPES,
    aggregate,
    differs,
    evicted,
    layout,
    live_bytes,
    run,
    seeded_stream,
)

ORDER, TRANSFER = (frozenset({(event, "")}) for event in TYPES)


def state_of(layout: KindLayout, *, scan_below: int = 48, reserve_mib: int = 8) -> KeyState:
    return KeyState(layout, reserve_mib=reserve_mib, chunks=2, lateness_ms=LATENESS, scan_below=scan_below)


def test_rows_that_no_window_reaches_any_more_give_way_and_are_counted_no_more() -> None:
    state = state_of(layout([aggregate(Op.COUNT)]))
    values, _ = run(state, [Event(100_000 * n, ORDER) for n in range(60)])
    assert values[:, 0].tolist() == [1] * 60
    assert 1 <= state.rows < 30


def test_a_sequence_that_is_complete_begins_anew() -> None:
    """Its last step once more is not one of another, nor with a middle that came before."""
    steps = tuple((bit,) for bit in (("order", ""), ("transfer", ""), ("login", "")))
    state = state_of(layout([aggregate(Op.SEQUENCE, steps=steps, within_ms=500)]))
    first, middle, last = (frozenset({bit}) for (bit,) in steps)
    seen = [Event(t, one) for t, one in enumerate((first, middle, last, last, first, last, middle, last))]
    values, _ = run(state, seen)
    assert values[:, 0].tolist() == [0, 0, 1, 1, 1, 1, 1, 2]


# Beyond the cap: panes.


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("window_ms", [40, 1000, 20_000, *PERIODS], ids=str)
def test_what_a_cap_dropped_lives_on_in_panes(seed: int, window_ms: int | Periods) -> None:
    """A flagged count, sum, minimum or maximum misses at most the oldest 31st of its window, and invents nothing."""
    ops = [(Op.COUNT, None), (Op.SUM, "amount"), (Op.MIN, "amount"), (Op.MAX, "amount"), (Op.MEAN, "amount")]
    asked = layout([aggregate(op, name, of=TYPES, window_ms=window_ms) for op, name in ops], cap=10)
    events = sorted(seeded_stream(seed, 600, keys=2, step=(0, 1, 5, 40)[seed], late=0), key=lambda e: e.place)
    values, flags = run(state_of(asked, scan_below=(2, 48)[seed % 2]), events)
    counts = asked.aggregates[0]
    width = -(-counts.window_ms // 31)
    flagged = 0
    for i, event in enumerate(events):
        if not flags[i]:
            continue
        flagged += 1
        seen = [e for e in events[: i + 1] if e.key == event.key and matches(counts, e)]
        since = window_start(counts, event.time) - 1
        all_in = [e for e in seen if e.time > since]
        sure = [e for e in seen if e.time >= since + width]
        count, total, least, most, mean = values[i]
        assert len(sure) <= count <= len(all_in)
        # What is in a pane is in it as a whole: the value is exact for the latest so many events, ties in time aside.
        amounts = [e.fields["amount"] for e in sorted(all_in, key=lambda e: e.time)[len(all_in) - int(count) :]]
        amounts = [v for v in amounts if v > -(2**63)]
        assert [total, least, most] == [sum(amounts) / 100, min(amounts) / 100, max(amounts) / 100]
        assert mean == sum(amounts) / (len(amounts) * 100)
    assert flagged or (window_ms, seed) in {(40, 2), (40, 3), (1000, 3)} or isinstance(window_ms, Periods)


def test_a_count_beyond_the_cap_never_says_too_much_of_late_events() -> None:
    """Late and equal times at a tiny cap: between what is kept and what is true."""
    asked = layout([aggregate(Op.COUNT, window_ms=w) for w in (30, 100, 300, 3000, *PERIODS)], cap=7)
    events = seeded_stream(5, 2000, keys=2, step=2, late=0.3)
    values, flags = run(state_of(asked, scan_below=4), events, range(0, 2000, 61))
    truth = Reference(asked)
    for i, event in enumerate(events):
        for f, want in enumerate(truth.apply(event)):
            assert bool(flags[i] >> f & 1) != want.exact
            if not want.exact:
                assert want.at_least <= values[i, f] <= want.at_most


def test_a_flag_clears_itself_when_the_window_has_passed() -> None:
    """The 5th row drops the 1st of 4; a thousand ms later the window no longer reaches back to it."""
    asked = layout([aggregate(Op.COUNT)], cap=4)
    state = state_of(asked)
    times = [1, 2, 3, 4, 5, 1000, 1001]
    values, flags = run(state, [Event(t, ORDER) for t in times])
    assert flags.tolist() == [0, 0, 0, 0, 1, 1, 1]
    _, flags = run(state, [Event(1003, ORDER)])
    assert flags.tolist() == [1]  # 3 has gone too, at 1001
    values, flags = run(state, [Event(5000, ORDER), Event(5001, ORDER)])
    assert (flags.tolist(), values[:, 0].tolist()) == ([0, 0], [1, 2])
    assert state.dropped == 4


def test_an_event_behind_all_that_is_kept_is_judged_by_itself() -> None:
    """It is counted as behind, flagged, and puts nothing out of order."""
    asked = layout([aggregate(Op.COUNT), aggregate(Op.LAST, "amount")], cap=3)
    state = state_of(asked)
    values, flags = run(state, [Event(t, ORDER, {"amount": 100 * t}) for t in (10, 11, 12, 13, 9)])
    assert values[-1, 0] == 1
    assert np.isnan(values[-1, 1])
    assert flags[-1] == 0b11
    assert (state.behind, state.rows) == (1, 3)
    values, _ = run(state, [Event(14, ORDER)])
    assert values[0].tolist() == [6, 13]


def test_a_key_that_is_just_full_judges_an_older_event_by_itself_too() -> None:
    """Its cap has dropped nothing yet, and need not: the event is there for itself, and no row gives way to it."""
    state = state_of(layout([aggregate(Op.COUNT), aggregate(Op.SUM, "amount")], cap=3))
    values, flags = run(state, [Event(t, ORDER, {"amount": 100}) for t in (10, 11, 12, 9)])
    assert (values[-1].tolist(), flags[-1]) == ([1, 1], 0b11)
    assert (state.behind, state.rows, state.dropped) == (1, 3, 0)


def test_the_smallest_and_largest_are_those_of_the_row_that_is_kept_and_of_the_panes() -> None:
    """A single row may hold either, or no value at all."""
    asked = layout([aggregate(Op.MIN, "amount"), aggregate(Op.MAX, "amount")], cap=1)
    amounts = (500, 300, 900, 400, MISSING, 100)
    values, flags = run(state_of(asked), [Event(10 + i, ORDER, {"amount": v}) for i, v in enumerate(amounts)])
    assert values[:, 0].tolist() == [5, 3, 3, 3, 3, 1]
    assert values[:, 1].tolist() == [5, 5, 9, 9, 9, 9]
    assert flags.tolist() == [0, 3, 3, 3, 3, 3]


def test_the_first_that_is_kept_is_shown_as_it_is_whatever_panes_hold() -> None:
    asked = layout([aggregate(Op.MAX, "amount"), aggregate(Op.FIRST, "amount")], cap=2)
    values, flags = run(state_of(asked), [Event(t, ORDER, {"amount": v}) for t, v in ((1, 900), (2, 300), (3, 200))])
    assert (values[-1].tolist(), flags[-1]) == ([9, 3], 0b11)


def test_panes_are_as_of_each_question_though_the_last_was_of_a_later_time() -> None:
    """What they hold in all is remembered from one question to the next, and is of no use to one further back."""
    asked = layout([aggregate(Op.SUM, "amount", window_ms=3100)], cap=1)  # panes of 100 ms
    state = state_of(asked)
    run(state, [Event(10_050 + 100 * i, ORDER, {"amount": 100}) for i in range(5)])
    for time, total in ((10_290, 3), (10_240, 2), (10_290, 3), (10_251, 3), (10_250, 2), (10_160, 2), (10_149, 1)):
        values, flags = run(state, [Event(time)])
        assert (values[0, 0], flags[0]) == (total, 1)


def test_the_largest_and_smallest_of_panes_leave_with_them() -> None:
    """Each event finds what is still in its window, and nothing of what it was before."""
    asked = layout([aggregate(op, "amount", window_ms=310) for op in (Op.MIN, Op.MAX)], cap=1)  # panes of 10 ms
    amounts = [900, 100, 500, *(600 - n for n in range(32)), *(500 + n for n in range(32))]
    events = [Event(10_005 + 10 * i, ORDER, {"amount": v}) for i, v in enumerate(amounts)]
    values, flags = run(state_of(asked), events)
    inside = [amounts[max(0, i - 30) : i + 1] for i in range(len(events))]
    assert values.tolist() == [[min(part) / 100, max(part) / 100] for part in inside]
    assert flags.tolist() == [0] + [3] * (len(events) - 1)


def test_panes_stay_when_a_reload_asks_for_more_of_them() -> None:
    """What was counted goes on; what is new counts from there on."""
    wheres = ("", "large", "out")
    asked = [aggregate(Op.COUNT, where=where) for where in wheres]
    state = state_of(layout(asked, cap=2))
    matching = frozenset(("order", where) for where in wheres)
    run(state, [Event(t, matching) for t in range(5)])
    new = [aggregate(op, "amount", window_ms=w) for op in (Op.SUM, Op.COUNT) for w in (500, 1000)]
    state.set_layout(layout([*new, *asked], cap=2))
    values, flags = run(state, [Event(5 + t, matching, {"amount": 100}) for t in range(4)])
    assert values[:, 4:].tolist() == [[6 + t] * 3 for t in range(4)]
    assert values[:, :2].tolist() == [[1 + t] * 2 for t in range(4)]
    assert (flags == 0b1111111).all()


def test_an_event_far_behind_takes_no_pane_from_newer_ones() -> None:
    """It would lie in the pane of one that is 32 panes younger, and is counted nowhere instead."""
    asked = layout([aggregate(Op.COUNT, window_ms=40)], cap=3)  # panes of 2 ms
    events = [*(Event(t, ORDER) for t in range(1000, 1011)), Event(1002 - 64, ORDER), Event(1011, ORDER)]
    values, flags = run(state_of(asked), events)
    assert values[:, 0].tolist() == [*range(1, 12), 1, 12]
    assert flags[-1] == 1


def test_panes_of_many_keys_lie_side_by_side() -> None:
    """Each key's are made while those of others are there: where every pane lies in its window a count is exact."""
    asked = layout([aggregate(op, "amount", window_ms=w) for op in (Op.COUNT, Op.SUM) for w in (9000, 10_000)], cap=4)
    events = [Event(1000 + t, ORDER, {"amount": 100}, key=t % 60) for t in range(60 * 20)]
    values, flags = run(state_of(asked), events)
    assert values[:, :2].tolist() == [[t // 60 + 1] * 2 for t in range(60 * 20)]
    assert np.array_equal(values[:, 2:], values[:, :2])
    assert flags[-1] == 0b1111


# Expiry.


def test_a_sweep_forgets_keys_whose_windows_are_empty_and_changes_no_value() -> None:
    """Keys come and go; with a sweep after every batch the values are the same, and the memory stays small."""
    aggregates = [aggregate(Op.COUNT), aggregate(Op.SUM, "amount"), aggregate(Op.SINCE)]
    asked = layout(aggregates, cap=20)
    events = [Event(t * 10 - (t * 7 % LATENESS), ORDER, {"amount": t}, key=t // 40 + t % 3) for t in range(1, 8000)]
    kept, swept = state_of(asked), state_of(asked)
    want, want_flags = run(kept, events)
    for begin in range(0, len(events), 100):
        batch = events[begin : begin + 100]
        values, flags = run(swept, batch)
        assert np.array_equal(values, want[begin : begin + 100], equal_nan=True)
        assert np.array_equal(flags, want_flags[begin : begin + 100])
        swept.sweep(max(e.time for e in batch), 50)
    assert kept.keys == 202
    assert evicted(swept) > 150
    assert swept.keys + evicted(swept) == 202
    assert swept.bytes < kept.bytes


def test_sweeps_come_round_to_every_key() -> None:
    """However small the budget, after enough calls all that had expired is gone, and its memory is used again."""
    asked = layout([aggregate(Op.COUNT)])
    state = state_of(asked)
    run(state, [Event(k, ORDER, key=k) for k in range(3000)])
    taken = state.bytes
    for _ in range(600):
        state.sweep(10_000, 10)
    assert (state.keys, state.rows, evicted(state)) == (0, 0, 3000)
    values, _ = run(state, [Event(20_000 + k, ORDER, key=9000 + k) for k in range(3000)])
    assert values[:, 0].tolist() == [1] * 3000
    assert state.bytes < 1.3 * taken


def test_a_key_with_one_live_row_stays() -> None:
    """Its window still needs it, and a late event would."""
    state = state_of(layout([aggregate(Op.COUNT)]))
    run(state, [Event(1000, ORDER, key=1), Event(1400, ORDER, key=2)])
    assert state.sweep(1000 + 1000 + 2 * LATENESS - 1) == 0
    assert state.sweep(1000 + 1000 + 2 * LATENESS) == 1
    values, _ = run(state, [Event(2000, ORDER, key=2)])
    assert values[0, 0] == 2


# A reserve that runs out.


def within_reserve(state: KeyState) -> bool:
    return live_bytes(state) <= state.bytes <= state.reserve_mib << 20


def let_run_out(state: KeyState) -> None:
    """From now on the reserve is what was taken of it so far."""
    heap = state._store.heap
    heap[H_LIMIT] = heap[H_NEXT]


def test_a_key_at_its_cap_in_a_full_reserve_goes_on_without_panes() -> None:
    """What the cap drops is gone, and said so; nothing else is touched, and with room again there are panes."""
    state = state_of(layout([aggregate(Op.COUNT), aggregate(Op.COUNT, window_ms=2)], cap=3))
    run(state, [Event(t, ORDER, key=k) for t in range(3) for k in range(5)])
    limit = state._store.heap[H_LIMIT]
    let_run_out(state)
    taken = state.bytes
    for t in range(3, 9):
        values, flags = run(state, [Event(t, ORDER, key=k) for k in range(5)])
        assert (values.tolist(), flags.tolist()) == ([[3, 2]] * 5, [1] * 5)
    assert (state.bytes, state.rows, state.refused) == (taken, 15, 0)
    state._store.heap[H_LIMIT] = limit
    values, flags = run(state, [Event(t, ORDER, key=k) for t in (9, 10) for k in range(5)])
    assert (values.tolist(), flags.tolist()) == ([[4, 2]] * 5 + [[5, 2]] * 5, [1] * 10)


@pytest.mark.parametrize("moved", [4, 5])
def test_rows_that_become_wider_where_they_are_are_the_latest_and_right(moved: int) -> None:
    """No larger block is to be had: of five rows two stay, with what they had and nothing in the new columns."""
    transfer = aggregate(Op.COUNT, of=("transfer",), window_ms=3)
    narrow = [aggregate(Op.COUNT), aggregate(Op.COUNT, window_ms=3), transfer, aggregate(Op.SINCE)]
    state = state_of(layout(narrow))
    run(state, [Event(t, TRANSFER if t == moved else ORDER, key=k) for t in range(1, 6) for k in range(3)])
    let_run_out(state)
    new = [aggregate(Op.SUM, "amount"), aggregate(Op.FIRST, "quantity"), aggregate(Op.LAST, "quantity")]
    state.set_layout(layout([*narrow, *new]))
    for t, last in ((6, np.nan), (7, 6), (8, 7)):
        orders = sum(at != moved for at in range(t - 2, t + 1))
        events = [Event(t, ORDER, {"amount": 100 * t, "quantity": t}, key=k) for k in range(3)]
        for asking in (False, True):
            values, flags = run(state, events, asking=asking)
            want = [orders, orders, 3 - orders, 0.001 if t > 6 or moved == 4 else 0.002, sum(range(6, t + 1)), 6, last]
            assert np.array_equal(values, [want] * 3, equal_nan=True)
            assert (flags & 0b1111).tolist() == [1] * 3
            assert state.rows == 9
    assert (state.early, state.refused) == (15, 0)


def test_keys_that_lie_side_by_side_let_their_rows_go_and_touch_none_of_the_others() -> None:
    """Four words a row: each block is full to its last word as rows expire in the one behind it."""
    asked = layout([aggregate(op, "amount", window_ms=600) for op in (Op.COUNT, Op.SUM, Op.FIRST)])
    state, amounts = state_of(asked), list[int]()
    for turn in range(60):
        keys = range(24) if turn % 2 else range(23, -1, -1)
        events = [Event(100 * turn, ORDER, {"amount": 100 * turn}, key) for key in keys]
        values, flags = run(state, events)
        amounts = [*amounts, turn][-6:]
        assert (values.tolist(), flags.any()) == ([[len(amounts), sum(amounts), amounts[0]]] * 24, False)


def test_a_key_whose_block_is_too_small_for_one_row_is_judged_by_itself_until_there_is_room() -> None:
    """Its rows have become so wide. It says what it lacks, and goes on from there as soon as a block is to be had."""
    asked = [aggregate(Op.COUNT)]
    state = state_of(layout(asked))
    run(state, [Event(t, ORDER) for t in range(1, 6)])
    let_run_out(state)
    wide = layout([*asked, *(aggregate(Op.SUM, f"field {n}") for n in range(14))])
    state.set_layout(wide)
    for t in (6, 7):
        values, flags = run(state, [Event(t, ORDER), Event(t)])
        assert (values[:, 0].tolist(), (flags & 1).tolist()) == ([1, 0], [1, 1])
    assert (state.rows, state.early, state.refused) == (0, 5, 2)
    state._store.heap[H_LIMIT] += 1024
    values, flags = run(state, [Event(t, ORDER) for t in (8, 9, 1006, 1007)])
    assert (values[:, 0].tolist(), (flags & 1).tolist()) == ([1, 2, 3, 4], [1, 1, 1, 0])


def test_what_small_keys_leave_serves_a_large_one_and_all_of_it_comes_back() -> None:
    """Side by side their blocks are as good as one; and without keys no more memory is in use than at first."""
    state = state_of(layout([aggregate(Op.COUNT)], cap=50))
    empty = live_bytes(state)
    run(state, [Event(-9000, ORDER, key=k) for k in range(50)])
    let_run_out(state)
    assert state.sweep(0) == 50
    values, flags = run(state, [Event(t, ORDER, key=77) for t in range(100)])
    assert values[:50, 0].tolist() == list(range(1, 51))
    assert (flags[50:] == 1).all()
    assert (values[50:, 0] > 50).any()  # there was room for panes too
    assert (state.early, state.refused) == (0, 0)
    assert state.sweep(10_000) == 1
    assert live_bytes(state) == empty


def test_a_key_that_grows_in_a_full_reserve_gives_up_no_row_while_others_have_expired() -> None:
    """They are forgotten at the first need, not before, and their memory is its own."""
    state = state_of(layout([aggregate(Op.COUNT)]))
    run(state, [Event(-9000, ORDER, key=k) for k in range(100)])
    run(state, [Event(t, ORDER, key=1000) for t in range(3)])
    let_run_out(state)
    state.sweep(0, 0)
    assert evicted(state) == 0
    values, flags = run(state, [Event(t, ORDER, key=1000) for t in range(3, 90)])
    assert values[:, 0].tolist() == list(range(4, 91))
    assert (flags.any(), state.early, evicted(state)) == (False, 0, 100)


def test_a_long_key_whose_cells_find_no_room_gives_up_the_older_half_of_its_rows() -> None:
    """From a thousand rows on it is not looked through as a whole at every event; all its memory comes back."""
    wheres = [f"amount > {n}" for n in range(40)]
    asked = layout(
        [aggregate(Op.COUNT, window_ms=5), *(aggregate(Op.DISTINCT, "quantity", where=w, window_ms=5) for w in wheres)],
        cap=1 << 20,
    )
    state = state_of(asked, scan_below=1000, reserve_mib=1)
    empty = live_bytes(state)
    state.sweep(-(10**6), 0)  # rows stay
    values, flags = run(state, [Event(t, ORDER, {"quantity": t}) for t in range(1100)])
    assert values[5:, 0].tolist() == [5] * 1095
    assert not flags.any()
    assert (state.early, state.rows) == (512, 588)
    assert state.sweep(10**6) == 1
    assert live_bytes(state) == empty


def test_a_long_key_whose_cells_find_no_room_keeps_its_rows_where_others_have_expired() -> None:
    """They are forgotten first, and are room enough."""
    state = state_of(layout([aggregate(Op.COUNT, window_ms=5)], cap=1 << 20), scan_below=1030)
    state.sweep(0, 0)
    run(state, [Event(2000 + n, ORDER) for n in range(1029)])
    let_run_out(state)
    others = 0
    while state.refused == 0:
        run(state, [Event(-9000, ORDER, key=1 + others)])
        others += 1
    run(state, [Event(4000, ORDER)])
    assert state._store.heap[H_STARVED] != 0
    state.sweep(2000, 0)
    values, flags = run(state, [Event(4000 + n, ORDER) for n in range(3)])
    assert (values[:, 0].tolist(), flags.any(), state.early, state.rows) == ([2, 3, 4], False, 0, 1033)
    assert state._store.heap[H_STARVED] == 0
    assert evicted(state) > 0


def test_an_index_that_finds_no_room_to_grow_takes_no_more_keys_and_loses_none() -> None:
    """Half of its slots are used at most; it grows when there is room, and gives it back when its keys have expired."""
    state = state_of(layout([aggregate(Op.COUNT)]))
    empty = live_bytes(state)
    heap = state._store.heap
    limit = int(heap[H_LIMIT])
    for key in range(120):
        heap[H_LIMIT] = heap[H_NEXT] + 100  # a block, and no larger table
        values, flags = run(state, [Event(key, ORDER, key=key)])
        assert values[0, 0] == 1
    assert (state.keys, state.refused) == (64, 56)
    heap[H_LIMIT] = limit
    values, flags = run(state, [Event(200, ORDER, key=key) for key in range(120)])
    assert np.bincount(values[:, 0].astype(int)).tolist() == [0, 56, 64]
    assert (flags == (values[:, 0] == 1)).all()
    values, _ = run(state, [Event(201, ORDER, key=key) for key in range(120)])
    assert np.bincount(values[:, 0].astype(int)).tolist() == [0, 0, 56, 64]
    assert state.keys == 120
    assert state.sweep(10_000) == 120
    assert live_bytes(state) == empty
    values, flags = run(state, [Event(10_000, ORDER, key=key) for key in range(500)])
    assert ((values == 1).all(), flags.any(), state.keys) == (True, False, 500)


def test_what_a_long_key_gives_up_is_room_for_its_cells_and_for_other_keys() -> None:
    """Half of its block; in the other half are its latest rows, and nobody else's."""
    asked = [aggregate(Op.COUNT, window_ms=5), aggregate(Op.SUM, "amount", window_ms=5)]
    state = state_of(layout(asked, cap=1 << 20), scan_below=1030)
    state.sweep(0, 0)
    run(state, [Event(2000 + n, ORDER, {"amount": 100 * n}) for n in range(1029)])
    let_run_out(state)
    others = 0
    while state.refused == 0:
        run(state, [Event(2000, ORDER, key=1 + others)])
        others += 1
    long = [aggregate(Op.COUNT, window_ms=10**6), aggregate(Op.SUM, "amount", window_ms=10**6)]
    state.set_layout(layout([*asked, *long], cap=1 << 20))
    run(state, [Event(4000, ORDER, {"amount": 100 * 1029})])
    assert (state._store.heap[H_STARVED] != 0, state.early) == (True, 0)
    for n in range(3):
        values, flags = run(state, [Event(4001 + n, ORDER, {"amount": 100 * (1030 + n)})])
        here = range(515, 1031 + n)
        assert values[0].tolist() == [2 + n, sum(here[-2 - n :]), len(here), sum(here)]
        assert flags[0] == 0b1100
        values, flags = run(state, [Event(4003, ORDER, {"amount": 700}, key=10**6 + 10 * n + k) for k in range(10)])
        assert (values[:, :2].tolist(), (flags & 0b11).any()) == ([[1, 7]] * 10, False)
    assert (state.early, state.refused) == (515, 1)


def test_a_flood_of_new_keys_stays_inside_the_reserve_and_is_flagged() -> None:
    """Keys that were there go on exactly; those without room are judged by themselves, flagged and counted."""
    state = state_of(layout([aggregate(Op.COUNT, window_ms=10**9)]), reserve_mib=1)
    known = [Event(k, ORDER, key=k) for k in range(100)]
    run(state, known)
    values, flags = run(state, [Event(1000 + i, ORDER, key=1000 + i) for i in range(20_000)], range(0, 20_000, 500))
    assert within_reserve(state)
    assert 3000 < state.keys < 8000
    assert state.refused == 20_100 - state.keys
    assert int(flags.sum()) == state.refused
    assert values[:, 0].tolist() == [1] * 20_000
    values, flags = run(state, [Event(30_000 + k, ORDER, key=k) for k in range(100)])
    assert (values[:, 0].tolist(), flags.tolist()) == ([2] * 100, [0] * 100)


def test_a_key_that_was_refused_is_flagged_when_it_is_kept_at_last() -> None:
    """What it lacks is remembered for all new keys beside it, until no window reaches back to it."""
    state = state_of(layout([aggregate(Op.COUNT, window_ms=2000)]), reserve_mib=1)
    run(state, [Event(i % 100, ORDER, key=i) for i in range(9000)])
    assert state.refused > 0
    _, flags = run(state, [Event(100, frozenset(), key=8999)])  # only asked for
    assert flags.tolist() == [1]
    state.sweep(2500)
    _, flags = run(state, [Event(1500, ORDER, key=8999)])
    assert flags.tolist() == [1]
    _, flags = run(state, [Event(5000, ORDER, key=8999), Event(5001, ORDER, key=12_345)])
    assert flags.tolist() == [0, 0]


def test_a_key_that_cannot_grow_gives_up_its_oldest_rows() -> None:
    """As at the cap: into the panes, flagged, counted, and its latest rows are exact."""
    asked = layout([aggregate(Op.COUNT, window_ms=10**6), aggregate(Op.COUNT, window_ms=20)], cap=1 << 20)
    state = state_of(asked, reserve_mib=1)
    values, flags = run(state, [Event(i, ORDER) for i in range(60_000)], range(0, 60_000, 1000))
    assert within_reserve(state)
    assert state.early == state.dropped == 60_000 - state.rows > 0
    assert (values[100:, 1] == 20).all()
    assert (flags & 2 == 0).all()
    flagged = np.flatnonzero(flags & 1)
    assert len(flagged) > 10_000
    assert (values[flagged, 0] <= flagged + 1).all()
    assert (values[flagged, 0] >= 0.95 * flagged).all()


def test_an_enormous_key_whose_cells_find_no_room_gives_up_rows_for_them() -> None:
    """It is not looked through as a whole at each event; what it keeps is exact, and its memory serves other keys."""
    distinct = [aggregate(Op.DISTINCT, "quantity", of=of, window_ms=10**6) for of in (("order",), TYPES)]
    asked = layout([*distinct, aggregate(Op.DISTINCT, "quantity", window_ms=300)], cap=1 << 20)
    state = state_of(asked, reserve_mib=1)
    events = [Event(i, ORDER, {"quantity": i % 500}) for i in range(40_000)]
    values, flags = run(state, events, range(0, 40_000, 1000))
    assert within_reserve(state)
    assert state.early == 40_000 - state.rows
    assert 500 < state.rows < 8000  # cells for more would find no room
    assert (values[500:, 2] == 300).all()
    assert (values[1000:, :2] == 500).all()
    assert (flags & 4 == 0).all()
    others = [Event(40_000 + k, ORDER, {"quantity": 1}, key=1 + k) for k in range(500)]
    values, flags = run(state, others)
    assert (flags == 0).sum() > 400


def test_asking_costs_an_enormous_key_none_of_its_rows_and_expired_keys_go_before_them() -> None:
    """Only what is put in makes rows give way, and only where there is nothing that has expired."""
    asked = layout([aggregate(Op.DISTINCT, "quantity", of=of, window_ms=10**5) for of in (("order",), TYPES)], 1 << 20)
    state = state_of(asked, reserve_mib=1)
    run(state, [Event(-(10**6), ORDER, {"quantity": 1}, key=1 + k) for k in range(1500)])
    n = 0
    while state._store.heap[H_STARVED] == 0:
        run(state, [Event(n, ORDER, {"quantity": n % 500})])
        n += 1
    for i in range(5):
        values, flags = run(state, [Event(n + i, fields={"quantity": 3})])
        assert (values[0].tolist(), flags[0], state.rows) == ([500, 500], 0, 1500 + n)
    state.sweep(n, 0)
    values, flags = run(state, [Event(n + 10 + i, ORDER, {"quantity": i}) for i in range(50)], range(50))
    assert (evicted(state), state.early, state.rows, flags.any()) == (1500, 0, n + 50, False)
    assert state._store.heap[H_STARVED] == 0


def test_keys_outgrow_one_another_in_a_full_reserve_and_nothing_is_overwritten() -> None:
    """Small keys, then large ones, then small ones: unflagged values are exact throughout, memory serves all sizes."""
    asked = layout([aggregate(Op.COUNT), aggregate(Op.SUM, "amount"), aggregate(Op.DISTINCT, "quantity")])
    state, truth = state_of(asked, reserve_mib=1), Reference(asked)
    rng, now, judged = np.random.default_rng(3), 0, 0
    for turn in range(12):
        keys = (6000, 12, 300)[turn % 3]
        stream = []
        for _ in range(2500):
            now += int(rng.integers(0, 2))
            fields = {"amount": int(rng.integers(100)), "quantity": int(rng.integers(9))}
            stream.append(Event(now, ORDER, fields, key=10_000 * (turn % 3) + int(rng.integers(keys))))
        values, flags = run(state, stream, range(0, 2500, 250))
        state.sweep(now, 0)
        assert within_reserve(state)
        for i, event in enumerate(stream):
            for f, want in enumerate(truth.apply(event)):
                if not flags[i] >> f & 1:
                    judged += 1
                    assert not differs(asked.aggregates[f], float(values[i, f]), False, want)
        for log in truth.logs.values():
            log.kept = [e for e in log.kept if e.time > now - 1000]
    assert judged > 40_000
    assert state.refused + state.early > 0


@pytest.mark.parametrize("evenly", [True, False], ids=["evenly", "at random"])
def test_keys_that_grow_side_by_side_use_what_they_outgrew(evenly: bool) -> None:
    """Each leaves its smaller blocks behind; at most a third of the memory taken is not in use."""
    state = state_of(layout([aggregate(Op.SUM, "amount", window_ms=10**9)]), reserve_mib=16)
    rng = np.random.default_rng(7)
    for turn in range(20):
        keys = range(5000) if evenly else rng.integers(0, 5000, 5000).tolist()
        events = [Event(5000 * turn + i, ORDER, {"amount": 1}, key=key) for i, key in enumerate(keys)]
        run(state, events, range(0, 5000, 250))
        assert live_bytes(state) >= state.bytes * 2 / 3
    assert state.rows == 100_000


def test_rows_that_become_wider_in_a_full_reserve_stay_right() -> None:
    """A reload with more fields: keys that cannot move give up rows, or all of them, and say so."""
    narrow = layout([aggregate(Op.COUNT, window_ms=10**6)])
    wide = layout([*narrow.aggregates, *(aggregate(Op.SUM, name) for name in ("amount", "price", "quantity"))])
    state = state_of(narrow, reserve_mib=1)
    run(state, [Event(i, ORDER, key=i % 6000) for i in range(30_000)], range(0, 30_000, 1000))
    state.set_layout(wide)
    fields = {"amount": 100, "price": 10**8, "quantity": 1}
    values, flags = run(state, [Event(30_000 + k, ORDER, fields, key=k) for k in range(6000)])
    assert within_reserve(state)
    exact = flags & 1 == 0
    assert set(values[exact, 0]) <= {5.0, 6.0}
    assert (values[~exact, 0] <= 6).all()


def test_a_full_state_first_forgets_what_has_expired() -> None:
    """As of the time that was last swept to: so a busy state with enough memory for its live keys goes on."""
    state = state_of(layout([aggregate(Op.COUNT)]), reserve_mib=1)
    for begin in range(0, 40_000, 500):
        values, _ = run(state, [Event(begin + i, ORDER, key=begin + i) for i in range(500)])
        assert values[:, 0].tolist() == [1] * 500
        state.sweep(begin + 500, 0)
    assert evicted(state) > 30_000


def test_a_reserve_too_small_for_the_index_is_refused() -> None:
    """At the start, not at the first event."""
    with pytest.raises(ValueError, match="raise reserve_mib"):
        KeyState(layout([aggregate(Op.COUNT)]), reserve_mib=1, chunks=4096)
    with pytest.raises(ValueError, match="power of two"):
        KeyState(layout([aggregate(Op.COUNT)]), chunks=3)
