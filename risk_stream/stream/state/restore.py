"""Finding a lane's last checkpoint and reading back what it needs."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping
from typing import Protocol

from risk_stream.catalogue.formats import LaterFormatError
from risk_stream.features import PartError
from risk_stream.rules import Plan
from risk_stream.stream.state.checkpoint import HEADER_KEY, CheckpointError, Header, kind_of
from risk_stream.stream.state.log import Reader, StoredPart

__all__ = ["Restorable", "check_counts", "find_header", "read_parts"]

log = logging.getLogger(__name__)

#: Offsets that are looked through for the last header first; then twice as many, and so on.
FIRST_WINDOW = 64


class Restorable(Protocol):
    """What is needed of an engine's hop to restore it."""

    def restore(self, parts: Iterable[bytes], plans: Mapping[str, Plan]) -> None:
        """Begin where a checkpoint stands: its parts in the order they were written, and plans by version."""


async def find_header(reader: Reader, first: int, end: int) -> tuple[int, Header] | None:
    """(offset, header) of the last checkpoint in [first, end), None where there is none.

    Raises `CheckpointError` where it cannot be gone on from.
    """
    window, upto = FIRST_WINDOW, end
    while upto > first:
        start = max(first, end - window)
        found: StoredPart | None = None
        async for parts in reader.read(start, upto):
            found = next((part for part in reversed(parts) if part[1] == HEADER_KEY), found)
        if found is not None:
            return found[0], Header.decode(found[2])
        window, upto = 2 * window, start
    return None


def check_counts(header: Header, counts: Mapping[str, int]) -> None:
    """Raise `CheckpointError` where keys live on other partitions now than when the checkpoint was written."""
    wrong = [
        f"{topic} {then} -> {counts.get(topic, 0)}"
        for topic, then in header.counts.items()
        if counts.get(topic, 0) != then
    ]
    if wrong:
        raise CheckpointError(
            f"the number of partitions has changed ({', '.join(wrong)}), so keys would be judged without their past:"
            " create the topics as they were, or begin anew with another prefix"
        )


async def read_parts(
    reader: Reader,
    first: int,
    header: Header,
    offset: int,
    hops: Mapping[str, Restorable],
    plans: Mapping[str, Plan],
    turn: asyncio.Lock,
) -> dict[str, int]:
    """Give each hop its parts up to the header at `offset`, in a thread; -> bytes by kind.

    `first` is the first offset there is. Lanes that share a `turn` are read one after the other: while one is read the
    others before it are taken in, on another core where there is one. Raises `CheckpointError` and `LaterFormatError`.
    """
    since = header.since
    parts: dict[str, list[bytes]] = {kind: [] for kind in hops if kind in header.hops}
    if since is None or not parts:
        return {}
    if first > since:
        raise CheckpointError(
            f"the state topic begins at offset {first} and lane {header.lane} needs it from {since}: records were"
            " deleted; begin anew with another prefix"
        )
    async with turn:
        began = time.monotonic()
        async for records in reader.read(since, offset):
            for at, key, value in records:
                kind = kind_of(key)
                if kind in parts and at >= header.hops[kind].since:
                    parts[kind].append(value)
        read = time.monotonic()
    sizes = {kind: sum(map(len, values)) for kind, values in parts.items()}
    for kind in tuple(parts):
        try:
            await asyncio.to_thread(hops[kind].restore, parts.pop(kind), plans)
        except LaterFormatError:
            raise
        except (ValueError, KeyError, TypeError, PartError) as exc:
            raise CheckpointError(
                f"the saved windows by {kind} cannot be read ({exc}): begin anew with another prefix"
            ) from exc
    log.debug(
        "lane %d: %d bytes read in %.3f s, restored in %.3f s",
        header.lane,
        sum(sizes.values()),
        read - began,
        time.monotonic() - read,
    )
    return sizes
