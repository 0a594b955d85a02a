"""The plans in force at a hop: the newest, and older ones as long as events that came under them may be revised."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from risk_stream.catalogue import MISSING, EventBatch, ProblemsError
from risk_stream.engine.judge import Judge, Meter
from risk_stream.engine.view import Features, View, rows_of_types
from risk_stream.features import KindLayout
from risk_stream.rules import Delay, Plan
from risk_stream.rules.evaluation.program import Program
from risk_stream.rules.language.meaning import Condition

__all__ = ["InForce", "Plans", "WhereMasks", "columns_of"]

_ENVELOPE = frozenset({"id", "type", "time", "entity", "channel", "_at"})


@dataclass(slots=True)
class InForce:
    """A plan that events at this hop were admitted under, and the time of the latest of them, ms."""

    number: int  # as the ring has it
    plan: Plan
    judge: Judge
    position: int = -1  # the offset of the block that brought it
    clock: int = MISSING  # the hop's clock then
    latest: int = MISSING
    after: dict[int, tuple[Delay, ...]] = field(init=False)  # by type code how long after an event rules judge it
    columns: frozenset[str] = field(init=False)  # of events that it may need

    def __post_init__(self) -> None:
        afters = self.plan.afters(self.judge.kind)
        self.after = {self.plan.catalogue.code(name): delays for name, delays in afters.items()}
        self.columns = columns_of(self.plan)


class Plans:
    """Adopts plans as they come, forgets them when their last event has left the ring, and joins what they need."""

    def __init__(self, plan: Plan, kind: str, meter: Meter | None = None) -> None:
        self.kind, self.catalogue, self._meter = kind, plan.catalogue, meter
        self.given = plan
        self.held: list[InForce] = []  # the oldest first
        self._next = 0
        self._by_number: dict[int, InForce] = {}
        self.layout = plan.layouts.get(kind)
        self.laid_out: tuple[Plan, ...] = (plan,)  # whose features the layout holds
        self.columns: frozenset[str] = frozenset()  # of events that any plan in force may need

    @property
    def newest(self) -> Plan:
        """The plan that came last."""
        return self.held[-1].plan if self.held else self.given

    def find(self, plan: Plan) -> InForce | None:
        """A plan as it is in force here."""
        return next((held for held in self.held if held.plan.version == plan.version), None)

    def numbered(self, number: int) -> InForce:
        """The plan with this number."""
        return self._by_number[number]

    def adopt(self, plan: Plan, position: int, clock: int) -> list[str]:
        """Judge by one more plan; -> the versions of those whose features had to make room."""
        if plan.catalogue.version != self.catalogue.version:
            raise ValueError("a plan with another catalogue: stop the workers and start them with it")
        new = InForce(self._next, plan, Judge(plan, self.kind, self._meter), position, clock)
        self._next += 1
        self.held.append(new)
        self._by_number[new.number] = new
        return self._lay_out()

    def versioned(self, version: str) -> InForce:
        """The plan with this version."""
        return next(held for held in self.held if held.plan.version == version)

    def expire(self, floor: int, needed: Collection[str] = ()) -> bool:
        """Forget the plans but the newest whose latest event lies below `floor`, unless their version is `needed`.

        Whether there were any.
        """
        gone = [held for held in self.held[:-1] if held.latest < floor and held.plan.version not in needed]
        if not gone:
            return False
        self.held = [held for held in self.held if held not in gone]
        for held in gone:
            del self._by_number[held.number]
        self._lay_out()
        return True

    def _lay_out(self) -> list[str]:
        self.columns = frozenset().union(*(held.columns for held in self.held))
        plans = [held.plan for held in self.held]
        dropped = []
        while True:
            try:
                self.layout = _joined(self.kind, [p.layouts[self.kind] for p in plans if self.kind in p.layouts])
            except ProblemsError:
                if len(plans) == 1:
                    raise
                dropped.append(plans.pop(0).version)
                continue
            self.laid_out = tuple(plans)
            return dropped

    def wheres(self) -> dict[tuple[str, str], Condition]:
        """Every condition on events that the layout asks."""
        return {key: condition for plan in self.laid_out for key, condition in plan.wheres.items()}

    def state(self) -> list[dict[str, Any]]:
        """What must be saved of them."""
        return [
            {"plan": h.plan.version, "position": h.position, "clock": h.clock, "latest": h.latest} for h in self.held
        ]

    def restore(self, state: list[dict[str, Any]], known: Mapping[str, Plan]) -> None:
        """As it was when `state` was taken. Raises `KeyError` with the version of a plan that is not known."""
        self.held, self._by_number = [], {}
        for said in state:
            plan = self.given if said["plan"] == self.given.version else known[said["plan"]]
            judge = Judge(plan, self.kind, self._meter)
            held = InForce(self._next, plan, judge, said["position"], said["clock"], said["latest"])
            self._next += 1
            self.held.append(held)
            self._by_number[held.number] = held
        if self.held:
            self._lay_out()


def columns_of(plan: Plan) -> frozenset[str]:
    """The columns of events that the hops and rules of a plan, and what they say, may need."""
    return _ENVELOPE.union((kind.name for kind in plan.catalogue.kinds), plan.columns)


def _joined(kind: str, layouts: list[KindLayout]) -> KindLayout | None:
    """One layout with the aggregates of all. Raises `ProblemsError` where rows cannot hold that much."""
    if len(layouts) <= 1:
        return layouts[0] if layouts else None
    aggregates = {a.id: a for layout in layouts for a in layout.aggregates}
    return KindLayout(
        kind,
        list(aggregates.values()),
        cap=max(layout.cap for layout in layouts),
        text_fields={str(name) for layout in layouts for name in layout.text_columns},
    )


class WhereMasks:
    """For each event the bits of a layout that it counts for."""

    def __init__(self, layout: KindLayout, wheres: Mapping[tuple[str, str], Condition]) -> None:
        self._always: dict[str, int] = {}
        self._bits: dict[str, list[tuple[int, int]]] = {}  # (bit, place of its condition) by type
        self._programs: dict[str, Program] = {}
        for bit, (of, where) in enumerate(layout.bits):
            if where:
                program = self._programs.setdefault(of, Program())
                self._bits.setdefault(of, []).append((bit, program.add(wheres[of, where])))
            else:
                self._always[of] = self._always.get(of, 0) | 1 << bit

    def of(self, batch: EventBatch) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """int64[n]; 0 where an event counts for nothing."""
        masks = np.zeros(len(batch), np.uint64)
        for event_type, rows in rows_of_types(batch):
            name = event_type.name
            masks[rows] = self._always.get(name, 0)
            bits = self._bits.get(name)
            if bits:
                _, conditions = self._programs[name].masks(View(batch, rows, Features(), {}))
                for bit, place in bits:
                    masks[rows] |= conditions[place].astype(np.uint64) << np.uint64(bit)
        return masks.view(np.int64)
