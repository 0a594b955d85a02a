"""The second opinion: what must have been said, from the source logs and the audit topic alone.

It shares no rule, itinerary, window or owner code with the hops (only the plans' numbers): events are dealt with one
kind of key after the other, all at once, with running sums over sorted lists.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.protocol.world import PLANS, L

if TYPE_CHECKING:
    from tests.protocol.broker import Broker

__all__ = ["Truth", "truth"]

ACCOUNT, CUSTOMER, INSTRUMENT, GROUP = range(4)


@dataclass
class Truth:
    """Final values by (rule, event), rejects by (origin, offset), and problems with what the audit says."""

    values: dict[tuple[str, int], Any] = field(default_factory=dict)
    rejects: set[tuple[int, int]] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
    accepted: int = 0


class Known:
    """An accepted event."""

    def __init__(self, event: Any) -> None:
        self.event, self.order = event, (event.t, event.id)
        self.plans: set[int] = set()
        self.keys: list[int | None] = list(event.keys)
        self.values: list[Any] = [None] * 4
        self.entered = min(kind for kind in range(4) if event.keys[kind] is not None)
        self.plan = 0

    def visits(self, kind: int) -> bool:
        if self.keys[kind] is None or kind < self.entered:
            return False
        return kind == self.entered or kind not in PLANS[self.plan].skip


def truth(broker: Broker) -> Truth:
    """What must have been said of everything that the sources hold."""
    found = Truth()
    events = accept(broker, found)
    for event in events:
        event.plan = min(event.plans)
        if len(event.plans) > 1:
            event.plan = broker.audit.get(("plan", event.event.id), -1)
            if event.plan not in event.plans:
                found.problems.append(f"event {event.event.id}: admitted under several plans, audit says {event.plan}")
                event.plan = min(event.plans)
    found.accepted = len(events)
    events.sort(key=lambda e: e.order)
    for kind, parent in ((ACCOUNT, CUSTOMER), (CUSTOMER, GROUP), (INSTRUMENT, None), (GROUP, None)):
        here = defaultdict(list)
        for event in events:
            if event.visits(kind):
                here[event.keys[kind]].append(event)
        for key, of_key in here.items():
            count_windows(kind, of_key)
            if parent is not None:
                give_owner(broker, found, kind, parent, key, of_key)
            for event in of_key:
                conclude(found, kind, event)
    return found


def accept(broker: Broker, found: Truth) -> list[Known]:
    """Every event of which a copy was in time at its origin."""
    known: dict[int, Known] = {}
    for p, log in enumerate(broker.source):
        said = broker.commits_said(p)
        high, plan = None, 0
        for offset, event in enumerate(log):
            while said and said[0][0] <= offset:
                _, clock, plan = said.pop(0)
                high = clock if high is None else max(high, clock)
            if high is not None and event.t + L < high:
                found.rejects.add((p, offset))
            else:
                known.setdefault(event.id, Known(event)).plans.add(plan)
            high = event.t if high is None else max(high, event.t)
    return list(known.values())


def count_windows(kind: int, of_key: list[Known]) -> None:
    """Two pointers per plan over the events of a key in order."""
    for plan in {event.plan for event in of_key}:
        width, first, total = PLANS[plan].window[kind], 0, 0
        for last, event in enumerate(of_key):
            total += event.event.amount
            while of_key[first].event.t <= event.event.t - width:
                total -= of_key[first].event.amount
                first += 1
            if event.plan == plan:
                event.values[kind] = (last - first + 1, total)


def give_owner(broker: Broker, found: Truth, kind: int, parent: int, key: Any, of_key: list[Known]) -> None:
    """From the first event that names the owner on, every event of the key that names none is his."""
    naming = [e for e in of_key if e.event.kind == "teach" and e.event.keys[parent] is not None]
    named = {e.event.keys[parent] for e in naming}
    if not named:
        return
    owner = named.copy().pop()
    if broker.mutant == "owner_by_time":  # its own idea of what is right: the first by (t, id)
        owner = naming[0].event.keys[parent]
    elif len(named) > 1:
        owner = broker.audit.get(("owner", kind, key))
        if owner not in named:
            found.problems.append(f"key {kind}/{key} has owners {named}, audit says {owner}")
            return
    since = next(e.order for e in naming if e.event.keys[parent] == owner)
    for event in of_key:
        if event.order >= since and event.keys[parent] is None:
            event.keys[parent] = owner


def conclude(found: Truth, kind: int, event: Known) -> None:
    """The values and the alerts of an event at a kind."""
    id, plan, keys = event.event.id, PLANS[event.plan], tuple(event.keys)
    found.values[f"features{kind}", id] = (tuple(event.values), keys, event.plan)
    visited = [value for value in event.values if value is not None]
    count, total = sum(c for c, _ in visited), sum(s for _, s in visited)
    if kind == ACCOUNT:
        here, amount = event.values[ACCOUNT]
        if here >= plan.burst and amount % 3 != 0:
            found.values["burst", id] = amount
    elif kind == CUSTOMER and total >= plan.both:
        found.values["both", id] = (count, total)
    elif kind in {INSTRUMENT, GROUP} and count >= plan.many:
        found.values[f"many{kind}", id] = (count, total)
