"""What a signed head vouches for: all entries up to its own, also against who can write a whole chain."""

from __future__ import annotations

import pytest

from risk_stream.alerts import Head, amiss, broken, digest, read_heads
from tests.alerts.test_desk import NOON, Office


def log(entries: int, rule: str = "r") -> list[bytes]:
    office = Office()
    for number in range(entries):
        office.hear(rule, str(number))
    return office.log


def head(records: list[bytes], entry: int) -> Head:
    return Head(log="risk.life", entry=entry, digest=digest(records[entry - 1]), time=NOON, key="k")


def test_a_log_that_is_as_it_was_has_nothing_amiss() -> None:
    """And may have grown since."""
    records = log(9)
    assert list(amiss(records, [head(records, 3), head(records, 7)])) == []
    assert list(amiss([], [])) == []


def test_a_chain_that_was_made_anew_is_found_out() -> None:
    """Which the chain alone does not show."""
    records, forged = log(9), log(9, "harmless")
    assert broken(forged) is None
    assert list(amiss(forged, [head(records, 3), head(records, 7)])) == [
        f"entry {entry} is not the one that was signed at 2026-03-04 12:00 UTC: entries up to it were changed"
        for entry in (3, 7)
    ]


def test_a_log_that_was_cut_is_found_out() -> None:
    """Its end, or all of it."""
    records = log(9)
    cut = "the log ends with entry {}, and entry 7 was signed at 2026-03-04 12:00 UTC: what followed was cut off"
    assert list(amiss(records[:6], [head(records, 3), head(records, 7)])) == [cut.format(6)]
    assert list(amiss([], [head(records, 7)])) == [cut.format(0)]


def test_an_entry_that_was_changed_is_named_once() -> None:
    """What follows it is not looked at any more."""
    records = log(9)
    changed = [*records[:4], records[4].replace(b'"high"', b'"info"'), *records[5:]]
    assert list(amiss(changed, [head(records, 3), head(records, 9)])) == [
        "entry 5 is not as it was when entry 6 was written"
    ]


def test_a_line_that_is_no_head_is_named() -> None:
    """With its file and number."""
    with pytest.raises(ValueError, match=r"^heads.jsonl:2 is no signed head \("):
        read_heads(b'{"log":"l","entry":1,"digest":"d","time":1,"key":"k"}\n{"log":1}\n', "heads.jsonl")
