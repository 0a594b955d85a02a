"""What must have been said: lateness decided again from the logs, then every window counted by numpy.

It takes the records of the house topics in the order of their logs, the accepted lifts and switches of plan, and knows
nothing of blocks, hops or restarts: the accepted events are a set, sorted by (time, id hash).
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import orjson
from numpy.typing import NDArray

from bench.chaos.rules import FEATURES, PLANS, Feature
from risk_stream.catalogue import text_hash

__all__ = ["Accepted", "Lift", "Logged", "Origin", "Truth", "Verdict", "admit", "judge"]

Floats: TypeAlias = NDArray[np.float64]
Longs: TypeAlias = NDArray[np.int64]

#: (topic, partition).
Origin: TypeAlias = tuple[str, int]

_KINDS = ("account", "customer", "counterparty", "instrument", "device")
_REQUIRED = {
    "transfer": ("account", "direction", "amount"),
    "trade": ("account", "instrument", "quantity", "price", "amount"),
    "account": ("account", "customer"),
}
_TYPES = tuple(_REQUIRED)


class Logged(NamedTuple):
    """A record of a house topic."""

    offset: int
    value: bytes


class Lift(NamedTuple):
    """From `offset` on an origin's clock is at least `clock`, ms."""

    offset: int
    clock: int


@dataclass
class Accepted:
    """The events that count, once each, and the records that were refused."""

    events: dict[str, dict[str, Any]] = field(default_factory=dict)  # id -> the event
    plans: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # id -> plans its copies came under
    places: dict[str, list[tuple[str, int, int, bool]]] = field(default_factory=lambda: defaultdict(list))
    late: set[tuple[str, int, int]] = field(default_factory=set)  # (topic, partition, offset)
    wrong: set[tuple[str, int, int]] = field(default_factory=set)  # no events at all
    copies: int = 0
    lifts: int = 0  # those that raised a clock; a new owner only says again what holds


def admit(
    logs: Mapping[Origin, Sequence[Logged]],
    lifts: Mapping[Origin, Sequence[Lift]],
    switches: Mapping[Origin, Sequence[tuple[int, str]]],
    lateness_ms: int,
) -> Accepted:
    """Decide lateness and plan of every record anew.

    `switches`: (offset it holds from, plan), the first at 0; of several at one offset the last holds.
    """
    found = Accepted()
    for (topic, partition), records in logs.items():
        clock, plan = None, ""
        ahead = deque(sorted(lifts.get((topic, partition), ())))
        coming = deque(sorted(switches.get((topic, partition), ()), key=itemgetter(0)))
        for offset, value in records:
            while ahead and ahead[0].offset <= offset:
                lifted = ahead.popleft().clock
                if clock is None or lifted > clock:
                    clock, found.lifts = lifted, found.lifts + 1
            while coming and coming[0][0] <= offset:
                plan = coming.popleft()[1]
            event = _read(value)
            if event is None:
                found.wrong.add((topic, partition, offset))
                continue
            id, time = event.setdefault("id", f"{topic}/{partition}/{offset}"), event["time"]
            late = clock is not None and time < clock - lateness_ms
            found.places[id].append((topic, partition, offset, not late))
            if late:
                found.late.add((topic, partition, offset))
                continue
            clock = time if clock is None else max(clock, time)
            found.copies += id in found.events
            found.events.setdefault(id, event)
            found.plans[id].add(plan)
    return found


def _read(value: bytes) -> dict[str, Any] | None:
    try:
        event: dict[str, Any] = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    required = _REQUIRED.get(event.get("type", ""))
    return event if required is not None and all(name in event for name in required) else None


class Verdict(NamedTuple):
    """A rule fires on an event; `features` are those the rule names, None where unknown; `keys` with the owner."""

    plan: str
    time: int
    features: dict[str, float | None]
    keys: dict[str, str]


@dataclass
class Truth:
    """(rule, event) -> what must have been said of it; and the whole of every feature."""

    verdicts: dict[tuple[str, str], Verdict]
    rows: int


class _Columns:
    """Accepted events as arrays, sorted by (time, id hash), with the owner filled in where one is known."""

    def __init__(self, events: Mapping[str, dict[str, Any]], owners: Mapping[str, str]) -> None:
        ids = list(events)
        hashes = np.fromiter((text_hash(i) for i in ids), np.int64, len(ids))
        times = np.fromiter((events[i]["time"] for i in ids), np.int64, len(ids))
        order = np.lexsort((hashes, times))
        self.ids = [ids[i] for i in order.tolist()]
        self.times = times[order]
        self.events = [events[i] for i in self.ids]
        self.types = np.array([_TYPES.index(e["type"]) for e in self.events], np.int64)
        self.texts: dict[str, list[str]] = {}
        self.codes: dict[str, Longs] = {}
        customers = self._owners(owners)
        for kind in _KINDS:
            self._code(kind, customers if kind == "customer" else [e.get(kind) for e in self.events])
        self.numbers = {
            "amount": np.array([round(e.get("amount", 0) * 100) for e in self.events], np.int64),
            "price": np.array([round(e.get("price", 0) * 100) for e in self.events], np.int64),
            "quantity": np.array([e.get("quantity", 0) for e in self.events], np.int64),
        }

    def _owners(self, believed: Mapping[str, str]) -> list[str | None]:
        """Each event's customer: its own, or whom the first event in order that is believed said of its account."""
        owner: dict[str, str] = {}
        found: list[str | None] = []
        for event in self.events:
            said = event.get("customer")
            if event["type"] == "account" and believed.get(event["account"], event["customer"]) == event["customer"]:
                owner.setdefault(event["account"], event["customer"])
            found.append(owner.get(event["account"]) if said is None else said)
        return found

    def _code(self, kind: str, texts: Sequence[str | None]) -> None:
        known: dict[str, int] = {}
        codes = [-1 if t is None else known.setdefault(t, len(known)) for t in texts]
        self.texts[kind], self.codes[kind] = list(known), np.array(codes, np.int64)

    def matching(self, feature: Feature) -> NDArray[np.bool_]:
        found = np.isin(self.types, [_TYPES.index(t) for t in feature.of])
        if feature.where is not None:
            name, value = feature.where
            found &= np.array([e.get(name) == value for e in self.events], np.bool_)
        return found


def _feature(columns: _Columns, feature: Feature) -> Floats:
    """A feature as of every event, over the rows of its key up to itself; NaN where unknown or without the key."""
    codes = columns.codes[feature.by]
    rows = np.flatnonzero(codes >= 0)
    rows = rows[np.argsort(codes[rows], kind="stable")]  # by key; within it by (time, id)
    key, time = codes[rows], columns.times[rows] - int(columns.times.min())
    place = (key << 40) + time
    start = np.searchsorted(place, (key << 40) + np.maximum(time - feature.seconds * 1000, -1), side="right")
    matched = columns.matching(feature)[rows]
    values = columns.numbers.get(feature.field)
    made = _OPS[feature.op](columns, feature, rows, start, matched, time, None if values is None else values[rows])
    found = np.full(len(codes), np.nan)
    found[rows] = made
    return found


def _between(sums: Longs, start: Longs) -> Longs:
    """Sums over [start, i] of every row i."""
    upto = np.concatenate((np.zeros(1, np.int64), np.cumsum(sums)))
    return upto[1:] - upto[start]


def _count(_c: Any, _f: Any, _r: Any, start: Longs, matched: Any, _t: Any, _v: Any) -> Floats:
    return _between(matched.astype(np.int64), start).astype(float)


def _sum(_c: Any, _f: Any, _r: Any, start: Longs, matched: Any, _t: Any, values: Any) -> Floats:
    return _between(np.where(matched, values, 0), start) / 100


def _mean(_c: Any, _f: Any, _r: Any, start: Longs, matched: Any, _t: Any, values: Any) -> Floats:
    n = _between(matched.astype(np.int64), start)
    with np.errstate(invalid="ignore"):
        return _between(np.where(matched, values, 0), start) / n / 100


def _std(_c: Any, _f: Any, _r: Any, start: Longs, matched: Any, _t: Any, values: Any) -> Floats:
    n = _between(matched.astype(np.int64), start)
    one = _between(np.where(matched, values, 0), start)
    two = _between(np.where(matched, values * values, 0), start)
    with np.errstate(invalid="ignore"):
        found: Floats = np.sqrt((n * two - one * one).astype(float)) / n / 100
    return found


def _extreme(start: Longs, matched: Any, values: Any, sign: int) -> Floats:
    """The greatest of sign * value, by ranges whose lengths are powers of two."""
    none = np.iinfo(np.int64).min
    best = [np.where(matched, sign * values, none)]
    end = np.arange(len(start)) + 1
    while (1 << len(best)) <= len(start):
        step = 1 << (len(best) - 1)
        last = best[-1]
        best.append(np.maximum(last[: len(last) - step], last[step:]))
    level = np.int64(np.log2(end - start))
    found = np.empty(len(start), np.int64)
    for j in range(len(best)):
        at = np.flatnonzero(level == j)
        found[at] = np.maximum(best[j][start[at]], best[j][end[at] - (1 << j)])
    return np.where(found == none, np.nan, sign * found / 100)


def _max(_c: Any, _f: Any, _r: Any, start: Longs, matched: Any, _t: Any, values: Any) -> Floats:
    return _extreme(start, matched, values, 1)


def _min(_c: Any, _f: Any, _r: Any, start: Longs, matched: Any, _t: Any, values: Any) -> Floats:
    return _extreme(start, matched, values, -1)


def _before(start: Longs, matched: Any) -> Longs:
    """The last matching row before each row and in its window; -1 for none."""
    last = np.maximum.accumulate(np.where(matched, np.arange(len(start)), -1))
    before = np.concatenate((np.full(1, -1), last[:-1]))
    return np.where(before >= start, before, -1)


def _last(_c: Any, _f: Any, _r: Any, start: Longs, matched: Any, _t: Any, values: Any) -> Floats:
    before = _before(start, matched)
    return np.where(before < 0, np.nan, values[before] / 100)


def _since(_c: Any, _f: Any, _r: Any, start: Longs, matched: Any, time: Longs, _v: Any) -> Floats:
    before = _before(start, matched)
    return np.where(before < 0, np.nan, (time - time[before]) / 1000)


def _distinct(columns: _Columns, feature: Feature, rows: Longs, start: Longs, matched: Any, _t: Any, _v: Any) -> Floats:
    values = columns.codes[feature.field][rows].tolist()
    inside: dict[int, int] = defaultdict(int)
    low, found, takes = 0, np.empty(len(rows)), matched.tolist()
    for i, first in enumerate(start.tolist()):
        while low < first:
            if takes[low] and values[low] >= 0:
                inside[values[low]] -= 1
                if not inside[values[low]]:
                    del inside[values[low]]
            low += 1
        if takes[i] and values[i] >= 0:
            inside[values[i]] += 1
        found[i] = len(inside)
    return found


_OPS: Mapping[str, Any] = {
    "count": _count,
    "sum": _sum,
    "mean": _mean,
    "std": _std,
    "max": _max,
    "min": _min,
    "last": _last,
    "since": _since,
    "distinct": _distinct,
}


def judge(
    events: Mapping[str, dict[str, Any]],
    plan_of: Mapping[str, str],
    plans: Mapping[str, int] | None = None,
    owners: Mapping[str, str] | None = None,
) -> Truth:
    """Every verdict on a set of events.

    `plan_of`: event id -> plan version; `plans`: version -> index in `PLANS`; `owners`: account -> which of those that
    events name is believed, the earliest where it is not said.
    """
    columns = _Columns(events, owners or {})
    names: Iterable[str] = {n for rules in PLANS for rule in rules.values() for n in rule.names}
    table: dict[str, Floats] = {name: _feature(columns, FEATURES[name]) for name in sorted(names)}
    table |= {name: values / (1 if name == "quantity" else 100) for name, values in columns.numbers.items()}
    table["purpose=probe"] = np.array([e.get("purpose") == "probe" for e in columns.events], float)
    versions = [plan_of[i] for i in columns.ids]
    index = np.array([0 if plans is None else plans[v] for v in versions], np.int64)
    verdicts: dict[tuple[str, str], Verdict] = {}
    for number, rules in enumerate(PLANS):
        for name, rule in rules.items():
            with np.errstate(invalid="ignore"):
                fires = rule.fires(table) & (columns.types == _TYPES.index(rule.on)) & (index == number)
            for i in np.flatnonzero(fires).tolist():
                features = {f: None if np.isnan(v := float(table[f][i])) else v for f in rule.names}
                keys = {k: columns.texts[k][c] for k in _KINDS if (c := int(columns.codes[k][i])) >= 0}
                said = Verdict(versions[i], int(columns.times[i]), features, keys)
                verdicts[name, columns.ids[i]] = said
    return Truth(verdicts, len(columns.ids))
