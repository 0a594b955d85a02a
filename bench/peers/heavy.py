"""The heavy job: the 30 features over 4 keys of the `worker` plan, and three rules that name all of them."""

from __future__ import annotations

import math
import operator
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import yaml

from bench.peers.alerts import Alert, Expected
from bench.plans import FEATURES, make_events

__all__ = ["KEYS", "RULES", "Feature", "condition", "expected", "features", "records", "rules_yaml"]

#: As the `worker` benchmark has it.
KEYS = 33_000

#: Events a second of event time: one a millisecond, so that no two share a time and every peer has one order.
PER_SECOND = 1000

_UNITS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}

#: What a `where` of the plan asks, in Python.
_WHERE: dict[str, Callable[[Mapping[str, Any]], bool]] = {
    "": lambda _: True,
    'read_by == "online"': lambda e: bool(e["read_by"] == "online"),
    'read_by == "swipe"': lambda e: bool(e["read_by"] == "swipe"),
    "issued_in != paid_in": lambda e: bool(e["issued_in"] != e["paid_in"]),
}

#: rule -> (the score of which it takes the top hundredth, its clauses); all clauses must hold, each if one of its
#: comparisons does. Written so that the same words are a condition of a rule file and one of SQL.
RULES: dict[str, tuple[str, tuple[tuple[tuple[str, str, float], ...], ...]]] = {
    "spending": (
        "score_1",
        (
            (("c_count_1m", ">=", 1), ("a_sum_1d", ">", 20_000)),
            (("c_std_30d", "<", 4000), ("a_max_7d", ">", 9000)),
            (("c_since_30d", "<", 30), ("d_count_1h", ">=", 2), ("d_mean_7d", ">", 1000)),
            (("a_count_10m", ">=", 1), ("i_count_1m", ">", 100)),
            (("d_since_abroad_7d", ">", 1), ("i_max_30d", ">", 5000)),
        ),
    ),
    "travelling": (
        "score_2",
        (
            (("c_sum_1h", ">", 500), ("a_first_7d", ">", 5000)),
            (("c_max_online_1d", ">", 3000), ("d_abroad_1h", ">", 100), ("i_count_1d", ">=", 3)),
            (("a_swipes_1d", ">=", 2), ("d_min_abroad_1d", "<", 9000), ("c_sum_online_30d", ">", 2000)),
            (("a_merchants_1d", ">=", 1), ("i_std_online_30d", ">", 2500)),
        ),
    ),
    "unusual": (
        "score_3",
        (
            (("c_mean_1d", ">", 1000), ("a_last_swipe_7d", ">", 4000)),
            (("c_merchants_30d", ">=", 2), ("d_std_1d", "<", 3000)),
            (("a_min_7d", "<", 8000), ("d_merchants_7d", ">=", 3)),
            (("i_sum_online_1d", ">", 10_000), ("i_last_1d", ">", 5000)),
            (("i_merchants_30d", ">=", 1),),
        ),
    ),
}

#: A rule looks at events with its score above this.
BAND = 990

_COMPARE: dict[str, Callable[[float, float], bool]] = {">": operator.gt, ">=": operator.ge, "<": operator.lt}


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature of the plan: `op` of `field` over the events of key `by` in (t - window, t] that match `where`."""

    name: str
    op: str
    field: str | None
    where: str
    by: str
    window_ms: int


def features() -> list[Feature]:
    """The plan's features, in its order."""
    found = []
    for name, text in FEATURES.items():
        said = yaml.safe_load(text)
        op = next(iter(said))
        field = said[op] if "of" in said else None
        window = int(said["window"][:-1]) * _UNITS[said["window"][-1]]
        found.append(Feature(name, op, field, said.get("where", ""), said["by"], window))
    return found


def condition(rule: str) -> str:
    """When a rule fires, in words that rule files and SQL share."""
    score, clauses = RULES[rule]
    said = [" or ".join(f"{name} {sign} {number}" for name, sign, number in clause) for clause in clauses]
    return " and ".join([f"{score} > {BAND}", *(f"({clause})" for clause in said)])


def rules_yaml() -> str:
    """The plan's features and the three rules as risk-stream reads them."""
    lines = ["stage: trading", "features:", *(f"  {name}: {text}" for name, text in FEATURES.items()), "rules:"]
    for rule in RULES:
        lines += [f"  - id: {rule}", "    on: card_payment", f"    when: {condition(rule)}", "    severity: high"]
        lines += ["    owner: bench", '    summary: "{customer} paid {amount}"', "    why: A measured rule."]
    return "\n".join(lines) + "\n"


def records(count: int) -> Iterator[tuple[int, bytes, bytes]]:
    """(customer's number, key, value) of `count` events of the `worker` benchmark, a millisecond apart."""
    for value in make_events(count, keys=KEYS, per_second=PER_SECOND):
        at = value.index(b'"customer":"C') + 12
        key = value[at : at + 7]
        yield int(key[1:]), key, value


class _Window:
    """The rows of one feature of one key, in whole cents; each question is answered from the rows or their totals."""

    def __init__(self) -> None:
        self.rows: deque[tuple[int, Any]] = deque()
        self.total = self.squares = 0
        self.values: Counter[Any] = Counter()

    def add(self, feature: Feature, time: int, value: Any) -> None:
        self.rows.append((time, value))
        self._count(feature, value, 1)

    def expire(self, feature: Feature, time: int) -> None:
        while self.rows and self.rows[0][0] <= time - feature.window_ms:
            self._count(feature, self.rows.popleft()[1], -1)

    def _count(self, feature: Feature, value: Any, sign: int) -> None:
        if feature.op in {"sum", "mean", "std"}:
            self.total += sign * value
            self.squares += sign * value * value
        elif feature.op == "distinct":
            self.values[value] += sign
            if not self.values[value]:
                del self.values[value]

    def answer(self, op: str) -> float | None:
        """Of the operations that count the present event."""
        n = len(self.rows)
        if op == "count":
            return n
        if op == "distinct":
            return len(self.values)
        if op == "sum":
            return self.total / 100
        if n == 0:
            return None
        if op == "mean":
            return self.total / n / 100
        if op == "std":
            return math.sqrt(n * self.squares - self.total * self.total) / n / 100
        if op == "first":
            return float(self.rows[0][1]) / 100
        extreme: int = (min if op == "min" else max)(value for _, value in self.rows)
        return extreme / 100

    def before(self, op: str, time: int) -> float | None:
        """Of the operations that look at what was before the present event."""
        if not self.rows:
            return None
        last, value = self.rows[-1]
        return (time - last) / 1000 if op == "since" else float(value) / 100


def expected(values: Iterable[bytes]) -> Expected:
    """Every alert there must be, each with all 30 features: plain Python, event by event."""
    plan = features()
    windows: list[dict[str, _Window]] = [{} for _ in plan]
    alerts: dict[int, Alert] = {}
    for i, value in enumerate(values):
        event = orjson.loads(value)
        event["amount"] = round(event["amount"] * 100)
        time, answers = event["time"], {}
        for feature, of_key in zip(plan, windows, strict=True):
            window = of_key.get(event[feature.by])
            if window is None:
                window = of_key[event[feature.by]] = _Window()
            window.expire(feature, time)
            earlier = feature.op in {"last", "since"}
            if earlier:
                answers[feature.name] = window.before(feature.op, time)
            if _WHERE[feature.where](event):
                window.add(feature, time, event[feature.field] if feature.field else None)
            if not earlier:
                answers[feature.name] = window.answer(feature.op)
        fired = frozenset(rule for rule in RULES if _fires(rule, event, answers))
        if fired:
            alerts[i] = Alert(fired, answers)
    return alerts


def _fires(rule: str, event: Mapping[str, Any], values: Mapping[str, float | None]) -> bool:
    score, clauses = RULES[rule]
    return event[score] > BAND and all(
        any((v := values[name]) is not None and _COMPARE[sign](v, number) for name, sign, number in clause)
        for clause in clauses
    )
