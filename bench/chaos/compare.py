"""What was said against what must have been said: alerts folded by revision, in the log and in Redis."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import orjson

from bench.chaos.house import Read
from bench.chaos.truth import Verdict

__all__ = ["Difference", "Said", "compare", "fold", "same_finals"]

#: (rule, event id).
Key: TypeAlias = tuple[str, str]

Alert: TypeAlias = dict[str, Any]


@dataclass
class Said:
    """What one side says in the end."""

    final: dict[Key, Alert] = field(default_factory=dict)  # the highest revision of each alert, withdrawn ones too
    history: dict[Key, list[tuple[int, int, int, Alert]]] = field(default_factory=lambda: defaultdict(list))
    contradictions: list[Key] = field(default_factory=list)  # two contents under one alert and revision
    records: int = 0
    states: Counter[str] = field(default_factory=Counter)

    def standing(self) -> dict[Key, Alert]:
        """Alerts that hold."""
        return {key: alert for key, alert in self.final.items() if alert.get("status", "raised") != "withdrawn"}


@dataclass(frozen=True, slots=True)
class Difference:
    """One alert that is not as it must be."""

    how: str  # lost, doubled or changed
    key: Key
    wanted: Any
    got: Any


def fold(records: Iterable[Read]) -> Said:
    """The alerts topic, folded: of each alert the highest revision stands, whichever came last."""
    said = Said()
    contents: dict[tuple[Key, int], bytes] = {}
    for record in records:
        alert = orjson.loads(record.value)
        key = (alert["rule"], alert["event"])
        revision = alert.get("revision", 0)
        said.records += 1
        said.states[alert.get("status", "raised")] += 1
        said.history[key].append((record.partition, record.offset, record.timestamp, alert))
        if contents.setdefault((key, revision), record.value) != record.value:
            said.contradictions.append(key)
        had = said.final.get(key)
        if had is None or had.get("revision", 0) <= revision:
            said.final[key] = alert
    return said


def compare(wanted: Mapping[Key, Verdict], got: Mapping[Key, Alert]) -> tuple[list[Difference], int]:
    """Every difference, and how many values were compared by their flag only."""
    found, flagged = [], 0
    for key, verdict in wanted.items():
        alert = got.get(key)
        if alert is None:
            found.append(Difference("lost", key, verdict._asdict(), None))
            continue
        inexact = set(alert.get("inexact", ()))
        flagged += len(inexact & verdict.features.keys())
        wrong: dict[str, tuple[Any, Any]] = {
            name: (value, alert["features"].get(name))
            for name, value in verdict.features.items()
            if name not in inexact and not _same(value, alert["features"].get(name))
        }
        for name, value in (("time", verdict.time), ("keys", verdict.keys), ("plan", verdict.plan)):
            if alert[name] != value:
                wrong[name] = (value, alert[name])
        if wrong:
            found.append(
                Difference("changed", key, {n: w for n, (w, _) in wrong.items()}, {n: g for n, (_, g) in wrong.items()})
            )
    found += [Difference("doubled", key, None, alert) for key, alert in got.items() if key not in wanted]
    return found, flagged


def same_finals(log: Said, other: Mapping[Key, Alert]) -> list[Difference]:
    """Where Redis does not hold what the log says in the end, to the letter."""
    found = []
    for key, alert in log.final.items():
        there = other.get(key)
        if there is None:
            found.append(Difference("lost", key, alert, None))
        elif there != alert:
            parts = {n for n in alert.keys() | there.keys() if alert.get(n) != there.get(n)}
            found.append(Difference("changed", key, {n: alert.get(n) for n in parts}, {n: there.get(n) for n in parts}))
    return found + [Difference("doubled", key, None, a) for key, a in other.items() if key not in log.final]


def _same(want: object, got: object) -> bool:
    if not isinstance(want, int | float):
        return want == got
    return isinstance(got, int | float) and math.isclose(want, got, rel_tol=1e-9, abs_tol=1e-6)
