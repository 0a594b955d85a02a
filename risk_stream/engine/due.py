"""Judges the events of timers: when they are due, and again where something that comes behind them changes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from risk_stream.catalogue import EventBatch
from risk_stream.engine.lists import Lists
from risk_stream.engine.memory import Memory
from risk_stream.engine.plans import InForce
from risk_stream.engine.revise import differs
from risk_stream.engine.tell import Tell
from risk_stream.engine.timers import Timer, batch_of
from risk_stream.engine.view import DUE, Features, Floats, Rows
from risk_stream.engine.windows import carried_in

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Longs = NDArray[np.int64]

__all__ = ["Asked", "ask", "fire", "say_again"]


@dataclass(frozen=True, slots=True)
class Asked:
    """Timers with their events, and the values and flags of windows as of when each is due."""

    timers: Sequence[Timer]
    batch: EventBatch
    values: Floats
    flags: Longs


def ask(memory: Memory, timers: Sequence[Timer]) -> Asked | None:
    """What windows say now as of when some timers are due; None for no timers. They stand in order of (due, id)."""
    if not timers:
        return None
    batch = batch_of(memory.plans.catalogue, timers)
    values, flags = memory.windows.ask(batch.with_columns({"time": batch.fixed(DUE)}))
    return Asked(timers, batch, values, flags)


def fire(memory: Memory, clock: int, position: int, tell: Tell) -> None:
    """Judge the events that are due at a clock, with the block at a position."""
    asked = ask(memory, memory.timers.fire(clock, position))
    if asked is None:
        return
    for held, rows in _by_plan(memory, asked.timers):
        tell.timed(held, *_side(memory, asked, rows, memory.lexicon.lists), position)


def say_again(memory: Memory, old: Asked, position: int, tell: Tell, lists: Lists | None = None) -> None:
    """Say what a block changed of events that were due before it; `lists` are those from before, where it changed them.

    `old` was asked before the block.
    """
    new = ask(memory, memory.timers.now(timer.name for timer in old.timers))
    assert new is not None
    moved = differs(old.values, new.values).any(axis=1) | (old.flags != new.flags)
    moved |= np.array([a.facts != b.facts for a, b in zip(old.timers, new.timers, strict=True)])
    if lists is not None:
        moved[:] = True
    lists_now = memory.lexicon.lists
    for held, rows in _by_plan(memory, new.timers):
        rows = rows[moved[rows]]
        if len(rows):
            before = _side(memory, old, rows, lists_now if lists is None else lists)
            tell.timed_again(held, before, _side(memory, new, rows, lists_now), position)
            tell.result.revised += len(rows)


def _by_plan(memory: Memory, timers: Sequence[Timer]) -> Iterator[tuple[InForce, Rows]]:
    """Each plan with the places of the timers it judges."""
    versions = [timer.plan for timer in timers]
    for version in dict.fromkeys(versions):
        rows = np.flatnonzero(np.array([said == version for said in versions]))
        yield memory.plans.versioned(version), rows


def _side(memory: Memory, asked: Asked, rows: Rows, lists: Lists) -> tuple[EventBatch, Features]:
    batch = asked.batch.take(rows)
    features = carried_in(batch, memory.lexicon, 0)  # scores alone, of which no text is learnt
    features.lists = lists
    memory.windows.add(features, asked.values[rows], asked.flags[rows], batch.fixed(DUE))
    return batch, features
