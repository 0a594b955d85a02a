"""All hops of a plan in one process: what `replay`, the workbench, tests and benchmarks run."""

from __future__ import annotations

import numpy as np

from risk_stream.catalogue import MISSING, EventBatch
from risk_stream.engine.alert import Alert
from risk_stream.engine.block import INDEX_BITS, REVISED, Block, Result
from risk_stream.engine.hop import LATENESS_MS, RING_EVENTS, Hop
from risk_stream.engine.judge import Meter
from risk_stream.engine.lateness import late
from risk_stream.engine.machine import MakeLearner, Tap
from risk_stream.engine.scoring import Stopwatch
from risk_stream.engine.view import broadcast_rows, entry_hops
from risk_stream.models import make_learner
from risk_stream.rules import Plan, add_failures

__all__ = ["Engine"]


class Engine:
    """All hops in the fixed order of kinds, fed by one origin: a batch is a block of it, in the order it arrived.

    `reserve_mib`, `ring_events`, `journal`, `make`, `meter`, `stopwatch` and `tap` are each hop's. An event more than
    `lateness_ms` behind the highest time before it is too late: it is not judged.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        reserve_mib: int = 1024,
        lateness_ms: int = LATENESS_MS,
        ring_events: int = RING_EVENTS,
        journal: bool = False,
        make: MakeLearner = make_learner,
        meter: Meter | None = None,
        stopwatch: Stopwatch | None = None,
        tap: Tap | None = None,
    ) -> None:
        self.plan, self.lateness_ms = plan, lateness_ms
        self.clock = MISSING
        self.hops = {
            k.name: Hop(
                plan,
                k.name,
                reserve_mib=reserve_mib,
                lateness_ms=lateness_ms,
                ring_events=ring_events,
                journal=journal,
                make=make,
                meter=meter,
                stopwatch=stopwatch,
                tap=tap,
            )
            for k in plan.catalogue.kinds
        }
        self._plans = {plan.version: plan}
        self._offset = 0

    def use(self, plan: Plan) -> None:
        """Judge by `plan` from the next batch on; what was judged by another one is revised by that one."""
        self.plan = plan
        self._plans[plan.version] = plan

    def apply(self, batch: EventBatch) -> Result:
        """Judge a batch to the end of every event's journey.

        What is said: first what it changes of earlier events, with stamp -1, then its own events' alerts in their
        order, with their row numbers as `stamps`; `final` folds what several batches said. `late` are the rows that
        came too late. Raises `ValueError` for a batch of more than half a million events.
        """
        if len(batch) >= REVISED:
            raise ValueError(f"a batch has {len(batch):,} events and may have {REVISED - 1:,}")
        before, total = self.clock, Result()
        said: list[Alert] = []
        rows = np.arange(len(batch))
        told = broadcast_rows(batch)
        if told.any():
            said += self._tell_all(batch.take(rows[told]), total)
            rows = rows[~told]
        times = batch.times[rows]
        too_late, self.clock = late(times, before, self.lateness_ms)
        total.late = rows[too_late]
        accepted = batch if len(rows) == len(batch) and not too_late.any() else batch.take(rows[~too_late])
        accepted = self._stamped(accepted)
        waiting: dict[str, list[tuple[str, EventBatch]]] = {}
        for kind, rows in entry_hops(accepted).items():
            part = accepted if len(rows) == len(accepted) else accepted.take(rows)
            waiting.setdefault(kind, []).append((self.plan.version, part))
        stamped = True  # as long as there is one plan, no hop has more than one block, and all may have one offset
        for kind, hop in self.hops.items():
            if kind in waiting:
                arrived = waiting.pop(kind)
                stamped = stamped and len({version for version, _ in arrived}) == 1
                result = hop.apply(self._blocks(arrived, before, stamped=stamped))
                for forward in result.forwards:
                    waiting.setdefault(forward.kind, []).append((forward.plan_version, forward.batch))
                said += result.alerts
                _add(total, result)
            else:
                said += self._pass_time(hop, total)
        rows_of = _rows_of_ids(batch) if said else {}
        order = sorted(
            (rows_of.get(a.event, -1) if a.was is None else -1, a.time, a.rule, i) for i, a in enumerate(said)
        )
        total.stamps = [row for row, *_ in order]
        total.alerts = [said[i] for *_, i in order]
        if total.decisions:
            rows_of = rows_of or _rows_of_ids(batch)
            total.decisions.sort(key=lambda d: (rows_of.get(d.event, -1) if d.was is None else -1, d.time, d.rule))
        return total

    def advance(self, clock: int) -> Result:
        """Time goes on to a clock, ms, though no event has come: what is due by then is judged; stamps are -1."""
        self.clock, total = max(self.clock, clock), Result()
        for hop in self.hops.values():
            total.alerts += self._pass_time(hop, total)
        total.stamps = [-1] * len(total.alerts)
        return total

    def _pass_time(self, hop: Hop, total: Result) -> list[Alert]:
        """What a hop to which nothing came says as its events are due."""
        if hop.next_due > self.clock:
            return []
        self._offset += 1
        result = hop.apply([Block(EventBatch.empty(self.plan.catalogue), self.plan, self.clock, self._offset)])
        _add(total, result)
        return result.alerts

    def _tell_all(self, lists: EventBatch, total: Result) -> list[Alert]:
        """Tell every hop of changes that belong to no key; -> what they change of events judged before."""
        raised = lists.times if self.clock == MISSING else np.maximum(lists.times, self.clock - self.lateness_ms)
        block = Block(self._stamped(lists.with_columns({"_raised": raised})), self.plan, self.clock)
        said: list[Alert] = []
        onward: dict[str, list[tuple[str, EventBatch]]] = {}
        for kind, hop in self.hops.items():
            result = hop.apply([block, *self._blocks(onward.pop(kind, []), self.clock)])
            for forward in result.forwards:
                onward.setdefault(forward.kind, []).append((forward.plan_version, forward.batch))
            said += result.alerts
            _add(total, result)
        return said

    def _stamped(self, batch: EventBatch) -> EventBatch:
        """The batch with the stamps of the next block."""
        self._offset += 1
        stamps = (self._offset << INDEX_BITS) + np.arange(len(batch), dtype=np.int64)
        return batch.with_columns({"_stamp": stamps})

    def _blocks(self, arrived: list[tuple[str, EventBatch]], before: int, *, stamped: bool = False) -> list[Block]:
        """What reached one hop by different ways as one block for each plan; `stamped`: one, with its own offset."""
        by_plan: dict[str, list[EventBatch]] = {}
        for version, events in arrived:
            by_plan.setdefault(version, []).append(events)
        blocks: list[Block] = []
        for version, batches in by_plan.items():
            together = EventBatch.concat(batches)
            clock = self.clock if len(blocks) == len(by_plan) - 1 else before
            blocks.append(Block(together if stamped else self._stamped(together), self._plans[version], clock))
        return blocks


def _rows_of_ids(batch: EventBatch) -> dict[str, int]:
    ids = batch.table.column("id").to_pylist()
    return {event: row for row, event in enumerate(ids)}


def _add(total: Result, result: Result) -> None:
    """Count what one hop did; where it says something is added by the caller."""
    total.shadow += result.shadow
    total.decisions += result.decisions
    total.judged += result.judged
    total.behind += result.behind
    total.revised += result.revised
    total.copies += result.copies
    total.dropped += result.dropped
    total.timed += result.timed
    total.plan_copies += result.plan_copies
    total.contradictions += result.contradictions
    total.plans_dropped += result.plans_dropped
    add_failures(total.rule_errors, result.rule_errors)
    total.judged_by.update(result.judged_by)
    total.models.update(result.models)
    total.models_ns.update(result.models_ns)
