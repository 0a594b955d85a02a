"""Many schedules on all cores: the long form, and how many it takes to catch a planted bug."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Iterator

from tests.protocol.check import failure
from tests.protocol.decisions import Decisions
from tests.protocol.world import stats

__all__ = ["caught", "first_failure", "run_many"]

#: Schedules that one process runs before it reports.
PART = 100


def caught(mutant: str, first: int, count: int) -> tuple[int, str] | None:
    """The number of schedules until a result is wrong, else until an invariant breaks; None if nothing shows."""
    invariant: tuple[int, str] | None = None
    for i in range(count):
        why = failure(first + i, mutant)
        if why and why.startswith("promise"):
            return i + 1, why
        if why and invariant is None:
            invariant = i + 1, why
    return invariant


def first_failure(first: int, count: int, decisions: Decisions | None = None) -> str | None:
    """The first schedule of a run that broke anything."""
    for seed in range(first, first + count):
        why = failure(seed, decisions=decisions)
        if why:
            return f"seed {seed}: {why}"
    return None


def _part(args: tuple[int, int, Decisions | None]) -> tuple[Counter[str], str | None]:
    stats.clear()
    why = first_failure(*args)
    return Counter(stats), why


def run_many(
    first: int, count: int, decisions: Decisions | None, processes: int
) -> Iterator[tuple[Counter[str], str | None]]:
    """What happened in each part, and the first failure in it."""
    parts = [(first + i, min(PART, count - i), decisions) for i in range(0, count, PART)]
    if processes == 1:
        yield from map(_part, parts)
        return
    with multiprocessing.Pool(processes) as pool:
        yield from pool.imap(_part, parts)
