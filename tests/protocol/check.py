"""Whether a schedule kept the promise: what the sinks end with is the oracle's, and the invariants held on the way."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from tests.protocol.decisions import Decisions
from tests.protocol.oracle import truth
from tests.protocol.schedule import Schedule
from tests.protocol.world import FLAG, PLANS, Alert, stats

__all__ = ["failure"]


def failure(seed: int, mutant: str | None = None, decisions: Decisions | None = None) -> str | None:
    """What a schedule broke, None if nothing: a promise ("promise ...") or only an invariant ("invariant ...")."""
    stats["schedules"] += 1
    schedule = Schedule(seed, mutant, decisions)
    schedule.run()
    broken = broken_promise(schedule)
    if broken:
        return f"promise broken: {broken}"
    return f"invariant broken: {schedule.broker.broken}" if schedule.broker.broken else None


def broken_promise(schedule: Schedule) -> str | None:
    broker = schedule.broker
    want = truth(broker)
    said = by_revision(broker.alerts)
    if schedule.mutant == "sink_last_arrival":
        final = {a[:2]: a.value for a in broker.alerts if a.value is not None}
    else:
        final = {name: last.value for name, (*_, last) in said.items() if last.value is not None}
    warming = {(event, int(rule[-1])) for (rule, event), value in final.items() if FLAG in str(value)}
    count(broker.alerts, want.accepted, len(want.values), len(warming))
    if not schedule.exact:
        return None
    if want.problems:
        return want.problems[0]
    if warming and (not schedule.plans or any(not may_warm(hop) for _, hop in warming)):
        return f"{min(warming)} is flagged, though no plan came with a longer window"
    return differing(final, want.values, warming) or rejects(broker.rejects, want.rejects) or linked(said)


def may_warm(hop: int) -> bool:
    """Whether a plan may bring a longer window to a hop, or to an earlier one that it gets values from."""
    return any(len({plan.window[s] for plan in PLANS}) > 1 for s in range(hop + 1))


def differing(
    final: dict[tuple[str, int], Any], want: dict[tuple[str, int], Any], warming: set[tuple[int, int]]
) -> str | None:
    """Values are compared, flagged ones by their flag only, and so is what is concluded from them."""
    bad = []
    for name in final.keys() | want.keys():
        rule, event = name
        hop = {"burst": 0, "both": 1}.get(rule) if rule in {"burst", "both"} else int(rule[-1])
        got, due = final.get(name), want.get(name)
        if (event, hop) in warming and not rule.startswith("features"):
            same = got is None  # a rule on a flagged value is unknown
        elif (event, hop) in warming:
            same = due is not None and got is not None and got[1:] == due[1:]
            same = same and all(g in {FLAG, d} for g, d in zip(got[0], due[0], strict=True))
        else:
            same = got == due
        if not same:
            bad.append(name)
    if not bad:
        return None
    first = min(bad)
    return f"{len(bad)} of {len(want)} differ, e.g. {first} got {final.get(first)} want {want.get(first)}"


def rejects(got: list[tuple[int, int]], want: set[tuple[int, int]]) -> str | None:
    return None if set(got) == want else f"rejects differ: {sorted(set(got) ^ want)}"


def by_revision(alerts: list[Alert]) -> dict[tuple[str, int], list[Alert]]:
    """What was said of each (rule, event), in the order of its revisions."""
    said: dict[tuple[str, int], list[Alert]] = defaultdict(list)
    for alert in sorted(set(alerts), key=lambda a: a.revision):
        said[alert[:2]].append(alert)
    return said


def linked(said: dict[tuple[str, int], list[Alert]]) -> str | None:
    """Every revision carries the features that were said before it."""
    for (rule, event), alerts in said.items():
        hop = {"burst": 0, "both": 1}.get(rule) if rule in {"burst", "both"} else int(rule[-1])
        history = said[f"features{hop}", event]
        for alert in alerts:
            before = [f.value for f in history if f.revision < alert.revision]
            if alert.was != (before[-1] if before else None):
                return f"{alert} does not link to {before[-1:]}"
    return None


def count(alerts: list[Alert], accepted: int, compared: int, warming: int) -> None:
    stats["events accepted"] += accepted
    stats["values compared"] += compared
    stats["values flagged"] += warming
    named = {a[:3] for a in alerts if not a.rule.startswith("f")}
    stats["alerts said"] += len({name[:2] for name in named})
    stats["alert revisions"] += len(named) - len({name[:2] for name in named})
