"""Where a loan stands in its life cycle: which steps came, by which events, what is overdue, and what comes next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from risk_stream.catalogue import EventBatch, text_hash
from risk_stream.engine import Alert, Engine, final
from risk_stream.rules import Lifecycle, LifecycleStep, Plan

__all__ = ["Came", "Fault", "LoanHistory", "Standing", "StepStanding", "history_of", "standings"]

#: Memory for the windows of one loan, MiB.
_RESERVE_MIB = 16


@dataclass(frozen=True, slots=True)
class LoanHistory:
    """The events of one loan in the order given, and the latest time of any event that was read, ms."""

    loan: str
    events: tuple[EventBatch, ...]
    until: int


@dataclass(frozen=True, slots=True)
class Came:
    """An event that proves a step; `outcome` is what it says of how that ended, nothing where it does not."""

    time: int
    event: str
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """A judgement of a step: skipped, repeated, out-of-order or overdue, on which event and as of when."""

    what: str
    event: str
    time: int


@dataclass(slots=True)
class StepStanding:
    """How a step stands. `state` is done, waived, overdue, next (it may come now), waiting or ended."""

    step: LifecycleStep
    came: list[Came] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    state: str = "waiting"
    due: int | None = None  # when its limit passes or passed, where it runs


@dataclass(slots=True)
class Standing:
    """How one loan stands in one life cycle, as of a time."""

    lifecycle: Lifecycle
    loan: str
    at: int
    steps: list[StepStanding]

    @property
    def next(self) -> list[LifecycleStep]:
        """The steps that may come now."""
        return [one.step for one in self.steps if one.state in {"next", "overdue"}]


def history_of(loan: str, batches: Iterable[EventBatch]) -> LoanHistory:
    """One loan's events among those of a house."""
    hashed, until, found = text_hash(loan), 0, []
    for batch in batches:
        until = max(until, int(batch.times.max(initial=0)))
        alike = np.flatnonzero(batch.hashes("loan") == hashed).tolist()
        rows = [row for row in alike if batch.text("loan", row) == loan]
        if rows:
            found.append(batch.take(rows))
    return LoanHistory(loan, tuple(found), until)


def standings(plan: Plan, history: LoanHistory, *, lateness_ms: int, at: int | None = None) -> Iterator[Standing]:
    """How a loan stands in each life cycle of which a step came, as of `at` or of the latest event that was read.

    The rules of the life cycles judge its events again, whatever their modes are.
    """
    now = history.until if at is None else at
    for cycle in plan.lifecycles:
        alerts = _judged(plan, cycle, history, lateness_ms, now)
        came = _came(cycle, alerts, history)
        if any(came.values()):
            yield _standing(cycle, history.loan, now, came, list(_faults(cycle, alerts)))


def _judged(plan: Plan, cycle: Lifecycle, history: LoanHistory, lateness_ms: int, now: int) -> Sequence[Alert]:
    rules = [rule.for_all() for rule in plan.rules if rule.group == cycle.id and rule.file == cycle.file]
    judged, models = [*rules, *cycle.came.values()], plan.models_asked(rules)
    followed = Plan(plan.catalogue, judged, plan.wheres, calendars=plan.calendars, models=models)
    engine = Engine(followed, reserve_mib=_RESERVE_MIB, lateness_ms=lateness_ms)
    said = [alert for events in history.events for alert in engine.apply(events.take(_until(events, now))).alerts]
    if now > engine.clock:
        said += engine.advance(now).alerts
    return list(final(said))


def _until(events: EventBatch, now: int) -> list[int]:
    return [int(row) for row in np.flatnonzero(events.times <= now)]


def _came(cycle: Lifecycle, alerts: Sequence[Alert], history: LoanHistory) -> dict[str, list[Came]]:
    """By step the events that prove it, in the order of their times."""
    outcomes = {
        str(events.text("id", row)): events.text("outcome", row) or ""
        for events in history.events
        for row in range(len(events))
        if events.text("type", row) == "process_step"
    }
    steps = {rule.id: id for id, rule in cycle.came.items()}
    found: dict[str, list[Came]] = {step.id: [] for step in cycle.steps}
    for alert in sorted(alerts, key=lambda alert: (alert.time, alert.event)):
        if alert.rule in steps:
            found[steps[alert.rule]].append(Came(alert.time, alert.event, outcomes.get(alert.event, "")))
    return found


def _faults(cycle: Lifecycle, alerts: Sequence[Alert]) -> Iterator[tuple[str, Fault]]:
    came = {rule.id for rule in cycle.came.values()}
    for alert in sorted(alerts, key=lambda alert: (alert.time, alert.event)):
        if alert.rule not in came:
            _, step, what = alert.rule.split(".")
            yield step, Fault(what.removesuffix("-again"), alert.event, alert.time)


def _standing(
    cycle: Lifecycle, loan: str, now: int, came: dict[str, list[Came]], faults: list[tuple[str, Fault]]
) -> Standing:
    ended = any(came[step] for step in cycle.ends)
    steps = []
    for step in cycle.steps:
        one = StepStanding(step, came[step.id], [fault for of, fault in faults if of == step.id])
        one.due = None if ended else _due(step, came)
        one.state = _state(step, one, came, now, ended=ended)
        steps.append(one)
    return Standing(cycle, loan, now, steps)


def _due(step: LifecycleStep, came: dict[str, list[Came]]) -> int | None:
    """When the limit of a step passes, if it runs."""
    limit = step.limit
    if limit is None or (came[step.id] and not limit.every):
        return None
    begun = [one.time for one in came[limit.after]]
    begun = [max([*begun, *(one.time for one in came[step.id])])] if begun and limit.every else begun[:1]
    return int(limit.delay.due(np.array(begun, np.int64))[0]) if begun else None


def _state(step: LifecycleStep, one: StepStanding, came: dict[str, list[Came]], now: int, *, ended: bool) -> str:
    if one.due is not None and one.due <= now:
        return "overdue"
    if one.came:
        return "waived" if one.came[-1].outcome == "waived" else "done"
    if ended:
        return "ended"
    may_come = all(came[need] for need in step.needs)
    return "next" if may_come and (not step.needs_one or any(came[need] for need in step.needs_one)) else "waiting"
