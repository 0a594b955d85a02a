"""The ring knows each event once, in order of (time, id), as long as something to come may change it."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_stream.catalogue import Catalogue, EventBatch, load_catalogue
from risk_stream.engine import _ring_kernel as kernel
from risk_stream.engine.ring import Facts, Ring

CATALOGUE: Catalogue = load_catalogue()
LATENESS = 20
Row = tuple[int, int, int]  # key, time, id


def insert(ring: Ring, blocks: list[list[Row]], floors: list[int], ref: int = 0) -> tuple[list[int], list[int]]:
    rows = [row for block in blocks for row in block]
    starts = np.cumsum([0, *map(len, blocks)])
    keys = np.array([[key, 7, 8] for key, _, _ in rows], np.int64)
    times, ids = (np.array([row[i] for row in rows], np.int64) for i in (1, 2))
    types = np.zeros(len(rows), np.int16)
    placed = ring.insert(keys, times, ids, starts=starts, floors=np.array(floors), ref=ref, plan=0, types=types)
    return placed.kinds.tolist(), placed.entries.tolist()


class Model:
    """The same, said plainly: rows of a key in a sorted list, each with the number of the block that brought it."""

    def __init__(self) -> None:
        self.keys: dict[int, dict[tuple[int, int], int]] = defaultdict(dict)
        self.block = 0

    def insert(self, block: list[Row], floor: int) -> list[int]:
        kinds = []
        for key, time, id in block:
            held = {place: b for place, b in self.keys[key].items() if place[0] >= floor}
            above = [b for place, b in held.items() if place > (time, id)]
            if time < floor:
                kinds.append(kernel.GONE)
                continue
            if (time, id) in held:
                kinds.append(kernel.KNOWN)
                continue
            self.keys[key][time, id] = self.block
            earlier = any(b < self.block for b in above)
            kinds.append(kernel.BEHIND if earlier else kernel.AMONG if above else kernel.FRONT)
        self.block += 1
        return kinds


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30), st.integers(-2, 2)), min_size=1, max_size=8),
        min_size=1,
        max_size=30,
    ),
    st.lists(st.integers(0, 8), min_size=30, max_size=30),
    st.sampled_from([1, 3, 100]),
)
@settings(deadline=None)
def test_each_row_is_told_apart_however_blocks_are_put_in(
    blocks: list[list[Row]], steps: list[int], together: int
) -> None:
    """In front, among its block's own, behind others, known, or gone."""
    ring, model, now = Ring(), Model(), 0
    floors = []
    for i, step in enumerate(steps[: len(blocks)]):
        now += step
        floors.append(now - LATENESS)
        blocks[i] = [(key, now + time - LATENESS, id) for key, time, id in blocks[i]]
    wanted = [model.insert(block, floor) for block, floor in zip(blocks, floors, strict=True)]
    got: list[int] = []
    for at in range(0, len(blocks), together):
        got += insert(ring, blocks[at : at + together], floors[at : at + together])[0]
    assert got == [kind for block in wanted for kind in block]


def test_later_events_are_found_once_and_without_those_of_the_block() -> None:
    ring = Ring()
    _, first = insert(ring, [[(1, 10, 0), (1, 20, 0), (1, 30, 0), (2, 40, 0)]], [0])
    before = ring.next
    _, behind = insert(ring, [[(1, 5, 0), (1, 15, 0), (1, 50, 0)]], [0])
    assert sorted(ring.later(np.array(behind[:2]), before).tolist()) == first[:3]
    assert ring.later(np.array(behind[1:2]), before).tolist() == first[1:3]
    assert ring.later(np.array(behind[2:]), before).tolist() == []


def test_many_events_come_and_go_in_bounded_memory() -> None:
    """What is below the floor goes, whoever's it is; what is left is still known."""
    ring, rng = Ring(), np.random.default_rng(1)
    for turn in range(200):
        rows = [(int(k), 100 * turn + int(t), i) for i, (k, t) in enumerate(rng.integers(0, 100, (50, 2)))]
        insert(ring, [rows], [100 * turn - 300])
        assert insert(ring, [rows], [100 * turn - 300])[0] == [kernel.KNOWN] * len(rows)
    assert len(ring) <= 250
    assert ring.lost == 0


def test_a_ring_that_has_grown_knows_every_row_and_its_order() -> None:
    """Ten thousand events that are all needed: none is lost or doubled as the ring and its table are made anew."""
    ring, rng = Ring(), np.random.default_rng(2)
    rows = [(int(k), int(t), i) for i, (k, t) in enumerate(rng.integers(0, 3_000, (10_000, 2)))]
    entries: list[int] = []
    for at in range(0, len(rows), 700):
        entries += insert(ring, [rows[at : at + 700]], [0], ref=at)[1]
    assert len(set(entries)) == len(ring) == len(rows)
    assert ring.refs(np.array(entries)).tolist() == list(range(len(rows)))
    kinds, again = insert(ring, [rows], [0])
    assert (set(kinds), again) == ({kernel.KNOWN}, entries)
    before = ring.next
    for key in range(0, 3_000, 100):
        _, (first,) = insert(ring, [[(key, 0, -1)]], [0])
        of_key = [entry for entry, row in zip(entries, rows, strict=True) if row[0] == key]
        assert sorted(ring.later(np.array([first]), before).tolist()) == sorted(of_key)
        assert ring.later(np.array([], np.int64), before).tolist() == []


def test_the_table_stays_half_empty_as_keys_come_and_go() -> None:
    """So that a key is found at once: when it is made anew, the keys it has already are counted with those to come."""
    ring, key = Ring(), 0
    for turn, n in enumerate((1000, 100, 3900, 10, 6000, 1, 1500)):
        insert(ring, [[(key + i, turn, 0) for i in range(n)]], [turn - 3])
        key += n
        assert 2 * np.count_nonzero(ring._table[:, 1]) <= len(ring._table)


def test_a_full_ring_lets_the_oldest_arrivals_go_and_counts_them() -> None:
    ring = Ring(4)
    insert(ring, [[(1, t, 0) for t in range(4)]], [-100])
    assert not ring.has_room(1)
    insert(ring, [[(1, 10, 0), (1, 11, 0)]], [-100])
    assert (len(ring), ring.lost) == (4, 2)
    kinds, _ = insert(ring, [[(1, 3, 0)]], [-100])
    assert kinds == [kernel.KNOWN]


def batch(start: int, n: int) -> EventBatch:
    times = np.arange(start, start + n)
    columns = {"id": [f"e{t}" for t in times], "type": np.zeros(n, np.int16), "time": times}
    return EventBatch.of_columns(CATALOGUE, columns)


@pytest.mark.parametrize("sizes", [[5], [1] * 100, [3, 2000, 1, 1, 1, 1500, 7] * 4])
def test_facts_are_found_by_reference_until_they_are_freed(sizes: list[int]) -> None:
    facts, total = Facts(), 0
    for i, size in enumerate(sizes):
        assert facts.append(batch(total, size), until=i + 1) == total
        total += size
    refs = np.random.default_rng(0).permutation(total)
    assert facts.gather(refs).times.tolist() == refs.tolist()
    facts.free(len(sizes) - 1)
    last = np.arange(total - sizes[-1], total)
    assert facts.gather(last).times.tolist() == last.tolist()
