"""Messages with events of several channels: each channel's come out in their order, with what is said of it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk_stream.catalogue import MISSING, Catalogue, EventBatch, load_catalogue
from risk_stream.stream.letters import sections as module
from risk_stream.stream.letters.messages import pack, split_by_partition
from risk_stream.stream.letters.sections import Section, beside, read_letter, running_clock, write_letters
from tests.stream.conftest import merged

CATALOGUE = load_catalogue()


def events_at(times: list[int], name: str = "t") -> EventBatch:
    """Events at these times, stamped in their order."""
    code = [t.name for t in CATALOGUE.types].index("transfer")
    n = len(times)
    columns = {"id": [f"{name}{i}" for i in range(n)], "type": [code] * n, "time": times, "_stamp": list(range(n))}
    return EventBatch.of_columns(CATALOGUE, columns)


def letters(channels: list[list[int]], last: bool = True) -> list[bytes]:
    batches = [events_at(times, f"c{i}.") for i, times in enumerate(channels)]
    together = merged(batches, [running_clock(batch.times) for batch in batches])
    sections = [Section(f"trades/{i}", i, max(times), min(times)) for i, times in enumerate(channels)]
    return list(write_letters(together, sections, "p", last=last))


@given(st.lists(st.lists(st.integers(0, 40), min_size=1, max_size=20), min_size=1, max_size=4))
def test_each_channel_keeps_its_order_and_together_they_are_in_order_of_their_clocks(channels: list[list[int]]) -> None:
    """However late some events are within their own channel."""
    (value,) = letters(channels)
    letter = read_letter(CATALOGUE, value)
    assert letter.plan == "p"
    assert letter.channels == tuple((f"trades/{i}", i, max(times), MISSING) for i, times in enumerate(channels))
    clocks = np.empty(len(letter.batch), np.int64)
    for i, times in enumerate(channels):
        rows = letter.rows(i)
        assert letter.batch.stamps[rows].tolist() == list(range(len(times)))
        assert [letter.batch.text("id", row) for row in rows.tolist()] == [f"c{i}.{k}" for k in range(len(times))]
        clocks[rows] = running_clock(np.array(times))
    assert clocks.tolist() == sorted(clocks.tolist())


@given(st.lists(st.lists(st.integers(0, 40), min_size=1, max_size=20), min_size=1, max_size=4), st.integers(1, 3))
def test_events_that_are_merged_and_split_at_once_are_those_of_one_after_the_other(
    channels: list[list[int]], count: int
) -> None:
    """The same events in the same order to the same partitions."""
    batches = [
        events_at(times, f"c{i}.").with_columns({"account": [f"A{time % 5}" for time in times]})
        for i, times in enumerate(channels)
    ]
    clocks = [running_clock(batch.times) for batch in batches]
    together, order = beside(batches, clocks)
    at_once = {target: batch.table for target, batch in split_by_partition(together, "account", count, order)}
    after = {target: batch.table for target, batch in split_by_partition(merged(batches, clocks), "account", count)}
    assert at_once == after


def test_what_tells_sections_apart_does_not_travel_on() -> None:
    """The next message has sections of its own."""
    (value,) = letters([[1, 3], [2]])
    assert not read_letter(CATALOGUE, value).batch.has("_from")


def test_of_several_messages_only_the_last_says_the_new_fronts(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes behind a front must not lie below it, in any section."""
    monkeypatch.setattr(module, "pack", lambda *args: pack(*args, limit=3_000))
    read = [read_letter(CATALOGUE, value) for value in letters([list(range(300)), list(range(100, 400))])]
    assert len(read) > 1
    assert {letter.channels for letter in read[:-1]} == {(("trades/0", 0, 0, 0), ("trades/1", 1, 100, 100))}
    assert read[-1].channels == (("trades/0", 0, 299, MISSING), ("trades/1", 1, 399, MISSING))
    assert {
        letter.channels
        for letter in itertools.chain([read_letter(CATALOGUE, value) for value in letters([[5], [6, 9]], last=False)])
    } == {(("trades/0", 0, 5, 5), ("trades/1", 1, 6, 6))}


@pytest.mark.parametrize("meta", [{}, {"channels": "[]"}, {"channels": '[["c",1,2]]'}, {"channels": "x"}])
def test_a_message_that_does_not_say_whose_its_events_are_is_refused(
    meta: dict[str, str], catalogue: Catalogue
) -> None:
    """It could not be told from a copy."""
    batch = events_at([1, 2])
    with pytest.raises((ValueError, KeyError, TypeError)):
        read_letter(catalogue, batch.to_ipc(**meta))


def test_an_event_of_a_channel_that_is_not_named_is_refused(catalogue: Catalogue) -> None:
    """One that nobody could take for a copy."""
    batch = events_at([1, 2]).with_columns({"_from": [0, 2]})
    with pytest.raises(ValueError, match="none of the 2 named"):
        read_letter(catalogue, batch.to_ipc(channels='[["a/0",1,2],["a/1",1,2]]', plan="p"))


def test_messages_of_one_turn_say_how_far_all_of_it_came() -> None:
    """So partitions that got different events of it do not wait for each other."""
    batch = events_at([1, 5, 3])
    section = Section("trades/0", 0, 5, 0)
    assert [read_letter(CATALOGUE, value).upto for value in write_letters(batch, [section], "p", upto=9)] == [9]
    assert [read_letter(CATALOGUE, value).upto for value in write_letters(batch, [section], "p")] == [5]
