"""Parts of a state, as a checkpoint holds them: small enough for a message, refused where they are something else."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk_stream.catalogue.formats import LaterFormatError
from risk_stream.features import KeyState, KindLayout, Op, PartError, journal
from risk_stream.features._parts import MOST_BYTES, head_of, plane, width_of
from tests.features.reference import Event
from tests.features.streams import OPS, TYPES, aggregate, layout, live_bytes, run
from tests.features.test_restore import ORDER, Recorder, assert_same, state_of

#: What walks the rows of its window at each event: with windows of 60,000 rows that takes minutes.
WALKING = {Op.SEQUENCE, Op.QUANTILE, Op.PERCENTILE, Op.SEEN, Op.DAYS_PAST_DUE, Op.AMOUNT_PAST_DUE}


def test_parts_are_small_enough_for_a_message_however_large_a_key_is() -> None:
    """One key with 60,000 rows, thousands with two: cut into parts, each of which says what it is."""
    ops = [op for op in OPS if op is not Op.STD and op not in WALKING]
    asked = layout([aggregate(op, "amount", window_ms=10**9) for op in ops], cap=60_000)
    rng = np.random.default_rng(5)
    big = [Event(i, ORDER, {"amount": int(rng.integers(-(2**50), 2**50))}) for i in range(70_000)]
    small = [Event(i, ORDER, {"amount": i}, key=1 + i % 4000) for i in range(8000)]
    events = [*big[:60_000], *small, *big[60_000:]]
    state = state_of(asked, reserve_mib=64)
    record = Recorder(state)
    run(state, events, range(0, len(events), 5000))
    record.position = len(events)
    images = state.image(0, len(events), stop=state.chunks)
    journal = state.take_journal(len(events))
    assert max(map(len, images + journal)) <= MOST_BYTES
    assert len(images) > 1
    assert len(journal) > 1
    ask = [Event(70_001, ORDER, {"amount": 5}), Event(70_001, ORDER, {"amount": 5}, key=17)]
    want = run(state, ask, asking=True)
    record.schema = json.dumps(state.schema_state())
    for parts in (images, journal, images + journal):
        record.parts = parts
        restored = record.restored(asked, reserve_mib=64)
        assert restored.rows == state.rows
        assert_same(run(restored, ask, asking=True), want)


def test_a_key_that_is_cut_in_many_has_all_its_rows_and_takes_no_more_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its block grows as its pieces come; when all has expired everything is given back."""
    monkeypatch.setattr("risk_stream.features.images.MOST_BYTES", 9000)
    asked = layout([aggregate(Op.COUNT, window_ms=10**4), aggregate(Op.SUM, "amount", window_ms=10**4)], cap=500)
    state = state_of(asked)
    events = [Event(t, ORDER, {"amount": 7**22 * t % 10**15}, key=t % 2) for t in range(1200)]
    run(state, events[:1000], position=1)
    parts = state.image(0, 1, stop=4)
    assert len(parts) > 3
    restored = state_of(asked)
    empty = live_bytes(restored)
    restored.restore(state.schema_state(), parts)
    assert_same(run(restored, events[1000:]), run(state, events[1000:]))
    assert restored.rows == state.rows
    assert restored.sweep(10**6) == 2
    assert live_bytes(restored) == empty


def test_a_journal_that_is_not_kept_is_empty_and_positions_are_cut_where_asked() -> None:
    """What lies behind the asked position stays for the next time."""
    asked = layout([aggregate(Op.COUNT)])
    state = state_of(asked)
    for position in range(6):
        run(state, [Event(position, ORDER)], position=position)
    assert state.take_journal(-1) == []
    first, second = state.take_journal(3), state.take_journal(9)
    assert [(head_of(p).start, head_of(p).stop) for p in first + second] == [(0, 3), (4, 5)]
    assert state.take_journal(9) == []
    assert KeyState(asked, reserve_mib=1, chunks=2).take_journal(9) == []


def test_rows_of_a_journal_are_cut_into_parts_that_are_small_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of one block that has many, and those of many blocks that have few."""
    monkeypatch.setattr(journal, "MOST_BYTES", 8_000)
    asked = layout([aggregate(Op.SUM, "amount")])
    state = state_of(asked)
    events = [Event(n, ORDER, {"amount": 2**50 * (n % 2) + n}) for n in range(1_000)]
    run(state, events[:500], position=1)
    for position in range(2, 52):
        run(state, events[10 * position + 480 :][:10], position=position)
    record = Recorder(state, position=51)
    record.checkpoint()
    assert max(map(len, record.parts)) <= 8_000 < sum(map(len, record.parts))
    ask = [Event(1_000, ORDER, {"amount": 5})]
    assert_same(run(record.restored(asked), ask, asking=True), run(state, ask, asking=True))


def test_parts_of_a_journal_are_small_enough_however_large_the_plan_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan by which rows were put in is in each of them, and these do not become smaller."""
    monkeypatch.setattr(journal, "MOST_BYTES", 24_000)
    asked = layout([aggregate(Op.SUM, f"field {n % 9}", window_ms=100 + n) for n in range(60)])
    state = state_of(asked)
    random = np.random.default_rng(3)
    wide = [[int(v) for v in random.integers(-(2**62), 2**62, 11)] for _ in range(1_000)]
    events = [
        Event(v[9] % 10**12, ORDER, {f"field {n}": v[n] >> 10 for n in range(9)}, key=v[10], id=v[0]) for v in wide
    ]
    run(state, sorted(events, key=lambda e: e.time), position=1)
    assert max(map(len, state.take_journal(1))) <= 24_000


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=20), st.sampled_from([1, 2**8, 2**20, 2**40, 2**62]))
def test_how_wide_a_plane_is_says_how_many_bytes_it_takes(numbers: list[int], least: int) -> None:
    values = np.array([number // least for number in numbers], np.int64)
    empty = len(plane(values[:0]))
    assert len(plane(values)) == empty + width_of(values) * len(values)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda p: p[:4] + b"\x63\x00" + p[6:], "format 99, which a later release wrote, and release .* reads up to 1"),
        (lambda p: b"abcd" + p[4:], "no part of the windows' state"),
        (lambda p: p[:-9], "cut short"),
    ],
    ids=["newer", "other", "short"],
)
def test_a_part_that_cannot_be_read_is_refused_in_a_sentence(spoil: Any, sentence: str) -> None:
    """What it is instead, and what to do."""
    asked = layout([aggregate(Op.COUNT)])
    state = state_of(asked)
    run(state, [Event(1, ORDER)])
    schema = state.schema_state()
    for part in (*state.take_journal(0), *state.image(0, 0, stop=4)):
        with pytest.raises((PartError, LaterFormatError), match=sentence):
            state_of(asked).restore(schema, [spoil(part)])


def test_parts_of_another_state_are_refused() -> None:
    """Of another kind of key, another number of chunks, a schema of another format, an image that is not whole."""
    asked = layout([aggregate(Op.COUNT, of=TYPES)])
    state = state_of(asked)
    run(state, [Event(1, ORDER)])
    schema, image = state.schema_state(), state.image(0, 0, stop=4)
    with pytest.raises(PartError, match='"device" cannot be put where one of "customer" was'):
        state_of(KindLayout("device", [])).restore(schema)
    with pytest.raises(PartError, match="an index of 4 chunks, and this one has 8"):
        KeyState(asked, reserve_mib=8, chunks=8).restore(schema, image)
    with pytest.raises(LaterFormatError, match="in format 7"):
        state_of(asked).restore({**schema, "format": 7})
    with pytest.raises(ValueError, match="has seen nothing yet"):
        state.restore(schema)
