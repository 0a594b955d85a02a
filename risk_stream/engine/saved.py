"""A hop's state as parts of a checkpoint, and back: what its windows journal, what it learnt, and a head.

A part begins with one letter: J rows of windows, I an image of a chunk of them, L what was learnt, M a chunk of all
that is known, T timers, as a journal or a chunk of them, S what models have learnt and said, C contradictions of owners
that were said, H the head: position, clock, plans in force and what their rows mean. The last head holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from risk_stream.catalogue.formats import HOP_STATES
from risk_stream.engine.lexicon import CHUNKS
from risk_stream.engine.memory import Memory
from risk_stream.rules import Plan

__all__ = ["FORMAT", "Walk", "changes", "head_of", "restore"]

#: Only a checkpoint of a plan with timers says TIMED_FORMAT, and only one with models SCORED_FORMAT: without them it is
#: read by releases that would lose them.
FORMAT, TIMED_FORMAT, SCORED_FORMAT = 1, 2, HOP_STATES.newest


def changes(memory: Memory, upto: int, head: Mapping[str, Any]) -> list[bytes]:
    """What changed at positions up to `upto` and was not taken yet, and a head."""
    parts = [b"L" + part for part in memory.lexicon.take_journal(upto)]
    parts += [b"T" + part for part in memory.timers.take_journal(upto)]
    parts += [b"C" + part for part in memory.owners.contradictions.take_journal(upto)]
    parts += [b"S" + part for part in memory.scoring.changes()]
    state = memory.windows.state
    if state is not None:
        parts += [b"J" + part for part in state.take_journal(upto)]
    said = {
        "format": _format(memory),
        "kind": memory.kind,
        "plans": memory.plans.state(),
        "contradicted": memory.owners.contradicted,
        "schema": None if state is None else state.schema_state(),
        **head,
    }
    return [*parts, b"H" + msgspec.msgpack.encode(said)]


def _format(memory: Memory) -> int:
    if memory.scoring.machines:
        return SCORED_FORMAT
    return TIMED_FORMAT if any(held.after for held in memory.plans.held) else FORMAT


class Walk:
    """Goes through all of a hop's state, some chunks at a time; `cycles` are its complete rounds."""

    def __init__(self) -> None:
        self.cycles = 0
        self._next = 0

    def images(self, memory: Memory, budget_bytes: int, position: int) -> list[bytes]:
        """Images of the next chunks, until about `budget_bytes` are reached; at most one round."""
        parts: list[bytes] = []
        made = 0
        for _ in range(CHUNKS):
            if made >= budget_bytes:
                break
            state = memory.windows.state
            new = [b"M" + part for part in memory.lexicon.image(self._next)]
            new += [b"T" + part for part in memory.timers.image(self._next)]
            new += [b"S" + part for part in memory.scoring.image(self._next, CHUNKS)]
            new += [b"C" + part for part in memory.owners.contradictions.image(self._next)]
            if state is not None:
                new += [b"I" + part for part in state.image(self._next, position)]
            parts += new
            made += sum(len(part) for part in new)
            self._next = (self._next + 1) % CHUNKS
            self.cycles += self._next == 0
        return parts


def head_of(parts: Iterable[bytes], kind: str) -> dict[str, Any]:
    """The last head among some parts. Raises `ValueError` where there is none, or one that cannot be read.

    That of a later release is a `LaterFormatError`.
    """
    said: dict[str, Any] | None = None
    for part in parts:
        if part[:1] == b"H":
            said = msgspec.msgpack.decode(part[1:])
    if said is None:
        raise ValueError(f"a checkpoint of {kind} has no head")
    HOP_STATES.check(said["format"])
    if said["kind"] != kind:
        raise ValueError(f"a checkpoint of {said['kind']} was given to {kind}")
    return said


def restore(memory: Memory, parts: list[bytes], said: Mapping[str, Any], plans: Mapping[str, Plan]) -> None:
    """Fill an empty memory, but for its ring, from parts in the order in which they were written."""
    try:
        memory.plans.restore(said["plans"], plans)
    except KeyError as missing:
        raise ValueError(f"a checkpoint of {memory.kind} needs plan {missing}, which is not known here") from None
    memory.owners.contradicted = said["contradicted"]
    if said["schema"] is not None:
        rows = (part[1:] for part in parts if part[:1] in {b"I", b"J"})
        memory.windows.restore(memory.plans.layout, memory.plans.wheres(), said["schema"], rows)
    memory.use_models()
    memory.scoring.load(part[1:] for part in parts if part[:1] == b"S")
    for part in parts:
        if part[:1] in {b"L", b"M"}:
            memory.lexicon.load(part[1:])
        elif part[:1] == b"T":
            memory.timers.load(part[1:])
        elif part[:1] == b"C":
            memory.owners.contradictions.load(part[1:])
