"""A loan as its events make it: where it stands in the life cycles of the house, its schedule, and whose it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from risk_stream.calendars import Calendar
from risk_stream.console.subjects.logs import Found
from risk_stream.console.subjects.schedule import schedule_of
from risk_stream.lending.ledger.events import days_of
from risk_stream.stream.past import in_order
from risk_stream.workbench.drawing import layers
from risk_stream.workbench.standing import LoanHistory, Standing, StepStanding, standings

if TYPE_CHECKING:
    from risk_stream.access import Scope
    from risk_stream.rules import Plan

__all__ = ["loan_of", "owner_of", "seen_by"]


def owner_of(found: Found) -> dict[str, str]:
    """Whose a loan is, as the newest event that says it has it: customer, product and entity, those there are."""
    said: dict[str, str] = {}
    for event in found.rows():
        said |= {name: str(event[name]) for name in ("customer", "product", "entity") if event.get(name)}
    return said


def seen_by(found: Found, scope: Scope) -> bool:
    """Whether a person may see a loan: every legal entity that its events name is theirs."""
    names = {str(event["entity"]) for event in found.rows() if event.get("entity")}
    return scope.entities is None or (bool(names) and all(map(scope.sees, names)))


def loan_of(
    loan: str, found: Found, plan: Plan | None, calendars: Mapping[str, Calendar], *, at: int, lateness_ms: int
) -> dict[str, Any]:
    """The loan as of a time, ms, as the page has it; without a plan no life cycle is known. Blocks for some 0.1 s."""
    events = tuple(in_order(found.events))  # of several partitions, none of which is to make another's seem late
    history = LoanHistory(loan, events, at)
    cycles = [] if plan is None else [_cycle(one) for one in standings(plan, history, lateness_ms=lateness_ms, at=at)]
    (day,) = days_of(np.array([at], np.int64), calendars["china"])
    schedule = schedule_of(events, events[0].catalogue, day, calendars)
    return {"key": loan, "at": at, **owner_of(found), "lifecycles": cycles, "schedule": msgspec.to_builtins(schedule)}


def _cycle(standing: Standing) -> dict[str, Any]:
    """A standing, with the layer in which each step is drawn."""
    place = {step.id: row for row, steps in enumerate(layers(standing.lifecycle)) for step in steps}
    return {
        "id": standing.lifecycle.id,
        "name": standing.lifecycle.name,
        "steps": [_step(one, place.get(one.step.id, 0)) for one in standing.steps],
        "next": [step.id for step in standing.next],
    }


def _step(one: StepStanding, layer: int) -> dict[str, Any]:
    return {
        "id": one.step.id,
        "name": one.step.name,
        "stage": one.step.stage,
        "owner": one.step.owner,
        "layer": layer,
        "needs": list(one.step.before),
        "state": one.state,
        "due": one.due,
        "limit": one.step.limit.written if one.step.limit is not None else "",
        "ends": one.step.ends,
        "came": [{"time": came.time, "event": came.event, "outcome": came.outcome} for came in one.came],
        "wrong": [{"what": fault.what, "event": fault.event, "time": fault.time} for fault in one.faults],
    }
