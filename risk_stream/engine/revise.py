"""What a block changes when it is not all in front: copies, events behind others, revisions, owners who come late.

Events that it may change are judged as before the block and as after it; what differs is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from risk_stream.catalogue import EventBatch
from risk_stream.engine import _ring_kernel as ring_kernel
from risk_stream.engine.block import REVISED
from risk_stream.engine.memory import Memory
from risk_stream.engine.owners import lost_owner
from risk_stream.engine.plans import InForce
from risk_stream.engine.scoring import none_of
from risk_stream.engine.view import Floats, Mask, has_key

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Longs = NDArray[np.int64]

__all__ = ["Again", "Arrived", "arrive", "asked_again", "differs"]


@dataclass(frozen=True, slots=True)
class Again:
    """Events that are judged again, in order of (time, id): facts, values and flags before the block and after it."""

    plans: Longs  # the number of the plan that each came under
    facts_differ: Mask
    old: tuple[EventBatch, Floats, Longs]
    new: tuple[EventBatch, Floats, Longs]


@dataclass(slots=True)
class Arrived:
    """A block put into a hop's memory: its new events with their values and flags, and the events it changes."""

    new: EventBatch
    entries: Longs  # of the new events
    values: Floats
    flags: Longs
    again: Again | None
    behind: int = 0
    revised: int = 0
    copies: int = 0
    dropped: int = 0
    plan_copies: tuple[tuple[str, str], ...] = ()


def arrive(
    memory: Memory, batch: EventBatch, kinds: NDArray[np.int8], entries: Longs, first: int, held: InForce, position: int
) -> Arrived:
    """Take in one block whose rows are in the ring already; `first` was the ring's next entry before it."""
    ring, owners, windows = memory.ring, memory.owners, memory.windows
    kinds, known, copies = _last_of_each(memory, kinds, entries, first)
    new = kinds <= ring_kernel.BEHIND
    taught = owners.learn(batch, position, new | _mask(known, len(batch)))
    batch = _with_scores(memory, owners.fill(batch), entries, known)
    ref = memory.keep(batch)

    known, same, plan_copies = _differing(memory, batch, entries, known, held)
    late_owned = _late_owned(memory, entries[taught], first, entries[known])
    masks = windows.masks(batch)
    behind = kinds == ring_kernel.BEHIND
    affected = _affected(memory, entries[behind], masks[behind], first)
    again = np.unique(np.concatenate([entries[known], late_owned, affected]))
    left_out = max(0, len(again) - (REVISED - 1))
    again = ring.in_order(again)[: REVISED - 1]

    old_refs = ring.refs(again)
    asked = memory.gather(old_refs, windows.reads) if len(again) else None
    ring.set_refs(entries[known], ref + known)
    if len(late_owned):
        ring.set_refs(late_owned, memory.complete(owners.fill(memory.gather(ring.refs(late_owned)))))
    old_values = windows.ask(asked) if asked is not None else None

    rows = np.flatnonzero(new)
    arrived = batch.take(rows)
    values, flags = windows.insert(arrived, masks[rows], position, sort=True)
    result = Arrived(arrived, entries[rows], values, flags, None, copies=copies + same, plan_copies=plan_copies)
    result.behind = int(behind.sum())
    result.dropped = int((kinds == ring_kernel.GONE).sum()) + left_out
    if asked is not None and old_values is not None:
        new_refs = ring.refs(again)
        facts_differ = new_refs != old_refs
        new_values = windows.ask(memory.gather(new_refs, windows.reads) if facts_differ.any() else asked)
        moved = facts_differ | _moved(memory, again, old_values, new_values)
        at = np.flatnonzero(moved)
        result.revised = len(at)
        if len(at):
            old_facts = memory.gather(old_refs[at])
            new_facts = memory.gather(new_refs[at]) if facts_differ.any() else old_facts
            old = (old_facts, old_values[0][at], old_values[1][at])
            newer = (new_facts, new_values[0][at], new_values[1][at])
            result.again = Again(ring.plans(again[at]), facts_differ[at], old, newer)
    return result


def asked_again(memory: Memory, entries: Longs) -> Again | None:
    """Events whose own facts and windows are as they were, to be judged again under lists that are not."""
    entries = memory.ring.in_order(entries)[: REVISED - 1]
    if len(entries) == 0:
        return None
    facts = memory.gather(memory.ring.refs(entries))
    side = (facts, *memory.windows.ask(facts))
    return Again(memory.ring.plans(entries), np.zeros(len(entries), np.bool_), side, side)


def differs(a: Floats, b: Floats) -> Mask:
    """Where two arrays of values, or of text hashes in the same bytes, are not the same bits."""
    other: Mask = a.view(np.int64) != b.view(np.int64)
    return other


def _with_scores(memory: Memory, batch: EventBatch, entries: Longs, known: NDArray[np.intp]) -> EventBatch:
    """The batch, whose rows of `known` events have the scores that models gave these when they first came."""
    names = memory.scoring.columns
    if len(known) == 0 or not names:
        return batch
    old = memory.gather(memory.ring.refs(entries[known]), names)
    columns = {}
    for name in names:
        if name in old.table.schema.names:
            said = old.table.column(name).to_numpy(zero_copy_only=False)
            columns[name] = np.full(len(batch), none_of(name), said.dtype)
            columns[name][known] = said
    return batch.with_columns(columns) if columns else batch


def _mask(rows: NDArray[np.intp], n: int) -> Mask:
    mask = np.zeros(n, np.bool_)
    mask[rows] = True
    return mask


def _last_of_each(
    memory: Memory, kinds: NDArray[np.int8], entries: Longs, first: int
) -> tuple[NDArray[np.int8], NDArray[np.intp], int]:
    """Of an event that a block holds several times the last row counts.

    -> (kinds, the rows of events that earlier blocks had, how many rows are copies of others in the block).
    """
    rows = np.flatnonzero(kinds == ring_kernel.KNOWN)
    if len(rows) == 0:
        return kinds, rows, 0
    last = dict(zip(entries[rows].tolist(), rows.tolist(), strict=True))
    inside = [entry for entry in last if entry >= first]
    copies = len(rows) - (len(last) - len(inside))
    if inside:
        kinds = kinds.copy()
        place = {int(entries[r]): r for r in np.flatnonzero(kinds <= ring_kernel.BEHIND).tolist()}
        for entry in inside:
            was, row = place[entry], last[entry]
            kinds[row], kinds[was] = kinds[was], ring_kernel.KNOWN
            memory.ring.set_refs(np.array([entry]), np.array([memory.next_ref + row]))
    known = np.array([row for entry, row in last.items() if entry < first], np.intp)
    return kinds, known, copies


def _differing(
    memory: Memory, batch: EventBatch, entries: Longs, known: NDArray[np.intp], held: InForce
) -> tuple[NDArray[np.intp], int, tuple[tuple[str, str], ...]]:
    """Of rows of known events those that say something new; -> (those, how many do not, copies under other plans).

    What lacks an owner that was known already was said earlier, and came by a longer way.
    """
    if len(known) == 0:
        return known, 0, ()
    of = entries[known]
    old, new = memory.gather(memory.ring.refs(of)), batch.take(known)
    owners = [k.belongs_to for k in batch.catalogue.kinds if k.belongs_to is not None]
    stale, other = lost_owner(old, new), np.zeros(len(known), np.bool_)
    for kind in dict.fromkeys(owners):
        if (has_key(old, kind) | has_key(new, kind)).any():
            other |= old.hashes(kind) != new.hashes(kind)
    for name in dict.fromkeys((*old.table.schema.names, *new.table.schema.names)):
        if name[:2] in {"f.", "h.", "x."}:
            other |= differs(_carried(old, name), _carried(new, name))
    changed = other & ~stale
    plans = memory.ring.plans(of)
    elsewhere = tuple(
        (batch.text("id", int(known[i])) or "", memory.plans.numbered(int(plans[i])).plan.version)
        for i in np.flatnonzero(~changed & (plans != held.number)).tolist()
    )
    return known[changed], int((~changed).sum()), elsewhere


def _carried(batch: EventBatch, name: str) -> Floats:
    """A column that carries aggregates, in the bytes of numbers."""
    there = batch.has(name)
    column = batch.table.column(name).to_numpy(zero_copy_only=False) if there else np.full(len(batch), none_of(name))
    numbers: Floats = column.view(np.float64)
    return numbers


def _affected(memory: Memory, behind: Longs, masks: Longs, first: int) -> Longs:
    """Entries of the earlier blocks' events that rows `behind` them, which count for `masks`, may change."""
    found = [np.zeros(0, np.int64)]
    for mask in np.unique(masks[masks != 0]).tolist():
        later = memory.ring.later(behind[masks == mask], first)
        found.append(later[(memory.stakes(later)[0] & mask) != 0])
    return np.concatenate(found)


def _moved(memory: Memory, entries: Longs, old: tuple[Floats, Longs], new: tuple[Floats, Longs]) -> Mask:
    """Which events have other values, or other flags, among those they may be judged by."""
    outputs = memory.stakes(entries)[1]
    moved: Mask = ((old[1] ^ new[1]) & outputs) != 0
    other = differs(old[0], new[0])
    for f in range(other.shape[1]):
        moved |= other[:, f] & (outputs >> f & 1 != 0)
    return moved


def _late_owned(memory: Memory, taught: Longs, first: int, revised: Longs) -> Longs:
    """Known events without an owner, of keys whose owner has just become known for them."""
    if len(taught) == 0:
        return np.zeros(0, np.int64)
    candidates = np.setdiff1d(memory.ring.later(taught, first), revised)
    if len(candidates) == 0:
        return candidates
    return candidates[memory.owners.lacking(memory.gather(memory.ring.refs(candidates)))]
