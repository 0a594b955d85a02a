"""Whether a log of lives is as it was written: numbered without a gap, each entry with the hash of the one before."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from risk_stream.alerts.entry import digest, read_entry

__all__ = ["broken"]


def broken(records: Iterable[bytes]) -> str | None:
    """What is wrong with records of `risk.life` in their order, a sentence about the first; None where nothing is.

    The last record has none behind it that would vouch for it: its digest is kept elsewhere where that matters.
    """
    number, before = 0, ""
    for record in records:
        try:
            entry = read_entry(record)
        except (msgspec.DecodeError, msgspec.ValidationError) as exc:
            return f"what follows entry {number} is no entry ({exc})"
        if entry.number != number + 1:
            return f"entry {entry.number} follows entry {number}: entries were left out, put in, or moved"
        if entry.before != before:
            return f"entry {number} is not as it was when entry {entry.number} was written"
        number, before = entry.number, digest(record)
    return None
