"""The clerk of margin accounts reads as little of the prices as says what every title trades at."""

from __future__ import annotations

from risk_stream.kafka import Span
from risk_stream.stream.margin.clerk import FIRST_LOOK, _looking_back


def test_it_looks_back_further_each_time_and_reads_every_record_once() -> None:
    """Of partitions of any length, from their ends on."""
    spans = [Span("t", 0, 5, 100), Span("t", 1, 0, 4 * FIRST_LOOK), Span("t", 2, 7, 7)]
    looks = [list(look) for look in _looking_back(spans)]
    assert [look[1].start for look in looks] == [3 * FIRST_LOOK, FIRST_LOOK, 0]
    for place, span in enumerate(spans):
        read = [n for look in looks for n in range(look[place].start, look[place].end)]
        assert sorted(read) == list(range(span.start, span.end))


def test_a_topic_without_records_is_not_read() -> None:
    assert list(_looking_back([Span("t", 0, 3, 3)])) == []
