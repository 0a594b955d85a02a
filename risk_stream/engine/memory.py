"""What a hop knows of events: the ring with their facts, windows, timers, the plans they came under, owners, texts."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

from risk_stream.catalogue import EventBatch
from risk_stream.engine.judge import Meter
from risk_stream.engine.lexicon import Lexicon
from risk_stream.engine.machine import MakeLearner, Tap
from risk_stream.engine.owners import Owners
from risk_stream.engine.plans import Plans
from risk_stream.engine.ring import Facts, Ring
from risk_stream.engine.scoring import Scoring, Stopwatch
from risk_stream.engine.stakes import Stakes
from risk_stream.engine.timers import Timers
from risk_stream.engine.windows import Windows
from risk_stream.rules import Plan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Longs = NDArray[np.int64]

__all__ = ["Memory"]


class Memory:
    """The parts of one hop's state, and the facts of events found by reference.

    A reference of 0 or more is a row as it arrived; a negative one is the complement of a row that was completed
    later, by an owner who became known.
    """

    def __init__(
        self,
        plan: Plan,
        kind: str,
        *,
        reserve_mib: int,
        lateness_ms: int,
        ring_events: int,
        journal: bool,
        make: MakeLearner,
        stopwatch: Stopwatch | None,
        tap: Tap | None,
        meter: Meter | None = None,
    ) -> None:
        self.kind = kind
        self.lexicon = Lexicon(journal=journal)
        self.owners = Owners(plan.catalogue, kind, self.lexicon, journal=journal)
        self.windows = Windows(kind, self.lexicon, reserve_mib=reserve_mib, lateness_ms=lateness_ms, journal=journal)
        self.plans = Plans(plan, kind, meter)
        self.scoring = Scoring(kind, make, journal=journal, stopwatch=stopwatch, tap=tap)
        self.ring = Ring(ring_events)
        self.timers = Timers(kind, journal=journal)
        self._rows, self._completed = Facts(), Facts()
        self._stakes: Stakes | None = None

    @property
    def next_ref(self) -> int:
        """The reference to the next row that is kept."""
        return self._rows.next

    def use_models(self) -> None:
        """Keep the models of the plans in force."""
        self.scoring.use([held.plan for held in self.plans.held])

    def keep(self, batch: EventBatch) -> int:
        """Keep rows as they arrived, as far as later judgements need them; -> the reference to the first.

        A copy that came under another plan may stand for the event, so every plan in force has its columns.
        """
        return self._rows.append(batch.only(self.plans.columns), self.ring.next)

    def complete(self, batch: EventBatch) -> Longs:
        """Keep rows that were completed; -> their references."""
        first = self._completed.append(EventBatch(batch.catalogue, batch.table), self.ring.next)
        return ~np.arange(first, first + len(batch))

    def gather(self, refs: Longs, names: Collection[str] | None = None) -> EventBatch:
        """The facts with these references, in this order; with those of the columns that are named, or all."""
        completed = refs < 0
        if not completed.any():
            return self._rows.gather(refs, names)
        if completed.all():
            return self._completed.gather(~refs, names)
        order = np.argsort(completed, kind="stable")
        both = [self._rows.gather(refs[~completed], names), self._completed.gather(~refs[completed], names)]
        back = np.empty(len(refs), np.int64)
        back[order] = np.arange(len(refs))
        return EventBatch.concat(both).take(back)

    def stakes(self, entries: Longs) -> tuple[Longs, Longs]:
        """(int64[n], int64[n]): which bits of a row's mask, and which outputs, each entry's event may be judged by."""
        state = self.windows.state
        bits, outputs = np.zeros(len(entries), np.int64), np.zeros(len(entries), np.int64)
        if state is None:
            return bits, outputs
        if self._stakes is None or self._stakes.layout is not state.layout:
            self._stakes = Stakes(state.layout)
        plans, types = self.ring.plans(entries), self.ring.types(entries)
        for number in np.unique(plans).tolist():
            rows = plans == number
            of = self._stakes.of(self.plans.numbered(number).plan)
            bits[rows], outputs[rows] = of.bits[types[rows]], of.outputs[types[rows]]
        return bits, outputs

    def free(self) -> None:
        """Let go the facts of events that have left the ring."""
        self._rows.free(self.ring.oldest)
        self._completed.free(self.ring.oldest)
        self.scoring.free(self.ring.oldest)
