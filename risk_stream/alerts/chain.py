"""Whether a log of lives is as it was written: numbered without a gap, each entry with the hash of the one before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from risk_stream.alerts.entry import digest, read_entry

__all__ = ["broken", "links"]


def broken(records: Iterable[bytes]) -> str | None:
    """What is wrong with records of `risk.life` in their order, a sentence about the first; None where nothing is.

    The last record has none behind it that would vouch for it: its digest is kept elsewhere where that matters.
    """
    return next((link for link in links(records) if isinstance(link, str)), None)


def links(records: Iterable[bytes]) -> Iterator[tuple[int, str] | str]:
    """Number and digest of each record, in their order; last a sentence where the chain is broken."""
    number, before = 0, ""
    for record in records:
        try:
            entry = read_entry(record)
        except (msgspec.DecodeError, msgspec.ValidationError) as exc:
            yield f"what follows entry {number} is no entry ({exc})"
            return
        if entry.number != number + 1:
            yield f"entry {entry.number} follows entry {number}: entries were left out, put in, or moved"
            return
        if entry.before != before:
            yield f"entry {number} is not as it was when entry {entry.number} was written"
            return
        number, before = entry.number, digest(record)
        yield number, before
