"""Kernels of the ring: which events of a key are known, in order of (time, id), and which stand behind a new one.

entries  a line of words per event, circular by arrival: entry number & (lines - 1) is its line.
table    open addressing: (hash of a key, its newest entry + 1); of keys whose entries have all left the ring, too.
words    next entry number, oldest entry number, lines of the table in use.
Events of a key are chained both ways in order of (time, id). Entries leave by arrival, once they lie below what can
still come: then all that is older in the chain does too, so a link to an entry that has left is the chain's end.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from risk_stream.catalogue.kernel import njit

__all__ = [
    "AMONG",
    "BEHIND",
    "ENTRY_WORDS",
    "E_ID",
    "E_PLAN",
    "E_REF",
    "E_TIME",
    "FRONT",
    "GONE",
    "KNOWN",
    "collect_later",
    "insert_rows",
    "move",
    "prune",
    "rebuild_table",
]

# an entry's words: a cache line
E_TIME, E_ID, E_OLDER, E_NEWER, E_REF, E_PLAN, E_HASH, E_MARK = range(8)
ENTRY_WORDS = 8

# words
W_NEXT, W_OLDEST, W_USED = 0, 1, 2

#: What a row is: in front of all its key has; among rows of its own block only; before events that came in earlier
#: blocks; an event that is in the ring; one from before all that the ring holds.
FRONT, AMONG, BEHIND, KNOWN, GONE = 0, 1, 2, 3, 4

_A, _B, _C = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xFF51AFD7ED558CCD), np.uint64(33)
_GROUP = 64

#: What only other kernels call makes no arrays, so it need not count references either.
_options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "_nrt": False}
_inner: Any = njit(**_options)


@_inner
def _mix(a: Any, b: Any, c: Any) -> Any:
    h = np.uint64(a) * _A
    h = (h ^ (h >> _C) ^ np.uint64(b)) * _B
    h = (h ^ (h >> _C) ^ np.uint64(c)) * _A
    return np.int64(h ^ (h >> _C))


@_inner
def _slot(table: Any, key: Any) -> Any:
    """The table's line of a key, or the free one where it belongs."""
    mask = len(table) - 1
    at = key & mask
    while table[at, 1] != 0 and table[at, 0] != key:
        at = (at + 1) & mask
    return at


@njit(nogil=True, cache=True)
def insert_rows(
    entries: Any,
    table: Any,
    words: Any,
    keys: Any,
    times: Any,
    ids: Any,
    starts: Any,
    floors: Any,
    ref: Any,
    plans: Any,
    kinds: Any,
    found: Any,
    firsts: Any,
) -> None:
    """Put the rows of some blocks into the ring and say what each is (`kinds`) and its entry (`found`).

    Block b has the rows from starts[b] on, and what is below floors[b] is gone to it; its first entry, or the next one
    if it had none, is firsts[b]. Row i's facts are ref + i, its plan
    and type plans[i]. The entries, and the table, must have room for all rows.
    """
    lines = len(entries) - 1
    hashes = np.empty(_GROUP, np.int64)
    for b in range(len(floors)):
        first = words[W_NEXT]
        firsts[b] = first
        floor = floors[b]
        for begin in range(starts[b], starts[b + 1], _GROUP):
            end = min(starts[b + 1], begin + _GROUP)
            touched = 0
            for i in range(begin, end):
                h = _mix(keys[i, 0], keys[i, 1], keys[i, 2])
                hashes[i - begin] = h
                touched += table[h & (len(table) - 1), 1]
            for i in range(begin, end):
                newest = table[hashes[i - begin] & (len(table) - 1), 1] - 1
                touched += entries[newest & lines, E_TIME]
            words[3] = touched  # so that the compiler keeps the loads: they all wait for memory together
            for i in range(begin, end):
                if times[i] < floor:
                    kinds[i] = GONE
                    found[i] = -1
                    continue
                _insert(
                    entries,
                    table,
                    words,
                    hashes[i - begin],
                    times[i],
                    ids[i],
                    first,
                    ref + i,
                    plans[i],
                    kinds,
                    found,
                    i,
                )


@_inner
def _insert(
    entries: Any,
    table: Any,
    words: Any,
    key: Any,
    time: Any,
    id_hash: Any,
    first: Any,
    ref: Any,
    plan: Any,
    kinds: Any,
    found: Any,
    i: Any,
) -> None:
    lines = len(entries) - 1
    oldest = words[W_OLDEST]
    slot = _slot(table, key)
    older = table[slot, 1] - 1
    newer = np.int64(-1)
    kind = FRONT
    while older >= oldest:
        e = older & lines
        at = entries[e, E_TIME]
        if at < time or (at == time and entries[e, E_ID] <= id_hash):
            if at == time and entries[e, E_ID] == id_hash:
                kinds[i] = KNOWN
                found[i] = older
                return
            break
        kind = max(kind, BEHIND if older < first else AMONG)
        newer = older
        older = entries[e, E_OLDER]
    entry = words[W_NEXT]
    words[W_NEXT] = entry + 1
    e = entry & lines
    entries[e, E_TIME] = time
    entries[e, E_ID] = id_hash
    entries[e, E_OLDER] = older
    entries[e, E_NEWER] = newer
    entries[e, E_REF] = ref
    entries[e, E_PLAN] = plan
    entries[e, E_HASH] = key
    entries[e, E_MARK] = 0
    if older >= oldest:
        entries[older & lines, E_NEWER] = entry
    if newer >= 0:
        entries[newer & lines, E_OLDER] = entry
    else:
        if table[slot, 1] == 0:
            words[W_USED] += 1
            table[slot, 0] = key
        table[slot, 1] = entry + 1
    kinds[i] = kind
    found[i] = entry


@njit(nogil=True, cache=True)
def prune(entries: Any, words: Any, floor: Any) -> None:
    """Let the oldest arrivals go that lie below the floor."""
    lines = len(entries) - 1
    oldest = words[W_OLDEST]
    while oldest < words[W_NEXT] and entries[oldest & lines, E_TIME] < floor:
        oldest += 1
    words[W_OLDEST] = oldest


@njit(nogil=True, cache=True)
def move(entries: Any, words: Any, larger: Any) -> None:
    """Put all entries into an array with more lines."""
    for entry in range(words[W_OLDEST], words[W_NEXT]):
        for word in range(ENTRY_WORDS):
            larger[entry & (len(larger) - 1), word] = entries[entry & (len(entries) - 1), word]


@njit(nogil=True, cache=True)
def collect_later(entries: Any, of: Any, before: Any, mark: Any, out: Any) -> Any:
    """Entries that stand above any of `of` in its chain and came before entry `before`, each once; -> how many.

    `mark` is a number never used before; `out` has room for all entries.
    """
    lines = len(entries) - 1
    n = 0
    for entry in of:
        at = entries[entry & lines, E_NEWER]
        while at >= 0 and entries[at & lines, E_MARK] != mark:
            entries[at & lines, E_MARK] = mark
            if at < before:
                out[n] = at
                n += 1
            at = entries[at & lines, E_NEWER]
    return n


@njit(nogil=True, cache=True)
def rebuild_table(old: Any, words: Any, table: Any) -> None:
    """Fill an empty table with the keys of another one that have entries in the ring."""
    words[W_USED] = 0
    for at in range(len(old)):
        if old[at, 1] > words[W_OLDEST]:
            slot = _slot(table, old[at, 0])
            table[slot, 0] = old[at, 0]
            table[slot, 1] = old[at, 1]
            words[W_USED] += 1
