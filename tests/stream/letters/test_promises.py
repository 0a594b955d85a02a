"""A promise that was made is kept in every turn, until it is taken back."""

from __future__ import annotations

from risk_stream.catalogue import MISSING
from risk_stream.stream.letters.promises import Promises
from risk_stream.stream.letters.sections import Section

HERE, THERE = ("account", 0), ("account", 1)


def section(front: int, more: int = MISSING, channel: str = "trades/0") -> Section:
    return Section(channel, 1, front, front - 1, more)


def test_who_was_promised_more_is_told_in_each_turn_with_events_or_without() -> None:
    promises = Promises("hop.{}".format)
    promises.told(HERE, [section(5, 5)])
    assert list(promises.owed([section(5, 5)])) == []
    promises.told(THERE, [section(6, 6)])
    assert list(promises.owed([section(6, 6)])) == [(HERE, [("trades/0", 1, 6, 6)])]
    assert dict(promises.owed([section(7)])) == {
        HERE: [("trades/0", 1, 7, MISSING)],
        THERE: [("trades/0", 1, 7, MISSING)],
    }
    assert not promises.is_open("trades/0")
    assert list(promises.owed([section(8)])) == []


def test_nothing_is_owed_to_who_was_promised_nothing() -> None:
    promises = Promises("hop.{}".format)
    promises.told(HERE, [section(5)])
    assert list(promises.owed([section(6, 6)])) == []


def test_a_message_that_is_not_the_last_of_its_turn_promises_the_next() -> None:
    """Where another of the same turn does not follow, the promise is settled without events."""
    promises = Promises("hop.{}".format)
    promises.told(HERE, [section(5)], last=False)
    promises.told(HERE, [section(5)])
    assert list(promises.owed([section(5)])) == []
    promises.told(HERE, [section(6)], last=False)
    assert list(promises.owed([section(6)])) == [(HERE, [("trades/0", 1, 6, MISSING)])]


def test_channels_that_owe_the_same_partition_share_a_message() -> None:
    promises = Promises("hop.{}".format)
    both = [section(5, 5), section(9, 9, "trades/1")]
    promises.told(HERE, both)
    list(promises.owed(both))
    assert list(promises.owed(both)) == [(HERE, [("trades/0", 1, 5, 5), ("trades/1", 1, 9, 9)])]


def test_in_a_new_generation_nothing_is_owed() -> None:
    """All fronts are told anew then, which ends what was promised."""
    promises = Promises("hop.{}".format)
    promises.told(HERE, [section(5, 5)])
    promises.forget()
    assert not promises.is_open("trades/0")
    assert list(promises.owed([section(6)])) == []
