"""Whether each rule is well: what it judged, when it fired, how it failed and what it took, since this worker began."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from risk_stream.engine import Alert
from risk_stream.rules import Failures, Plan, RulesAt
from risk_stream.sinks.meter import Meter, Spent
from risk_stream.sinks.prometheus import OTHER, Metrics

__all__ = ["STATES", "Fired", "Health", "RuleHealth", "WorkerHealth", "together"]

#: How a rule may be, from the one to look at first, with what that means.
STATES = {
    "failing": "an evaluation of it failed; its neighbours were judged",
    "idle": "no event of its types came to be judged",
    "silent": "it judged events and never fired",
    "well": "it judges and fires",
}


class Fired(msgspec.Struct):
    """How often a rule fired, and the last time: the latest event's, and the wall clock's when it was said, ms."""

    count: int = 0
    event_time_ms: int | None = None
    wall_time_ms: int | None = None

    def take(self, event_time_ms: int, now_ms: int) -> None:
        """Once more."""
        self.count += 1
        self.event_time_ms = max(event_time_ms, event_time_ms if self.event_time_ms is None else self.event_time_ms)
        self.wall_time_ms = now_ms

    def add(self, more: Fired) -> None:
        """What another worker says too."""
        self.count += more.count
        self.event_time_ms = _later(self.event_time_ms, more.event_time_ms)
        self.wall_time_ms = _later(self.wall_time_ms, more.wall_time_ms)


class RuleHealth(msgspec.Struct):
    """What one rule did.

    `judged` counts an event once, however often late ones had it judged again, and once more at its owner's hop where a
    late event tells the owner. `seconds` is reckoned from `samples` evaluations of the rule alone (`Meter`).
    """

    rule: str
    mode: str = "live"
    judged: int = 0
    live: Fired = msgspec.field(default_factory=Fired)
    shadow: Fired = msgspec.field(default_factory=Fired)
    errors: int = 0
    last_error: str = ""
    error_time_ms: int | None = None
    seconds: float = 0.0
    samples: int = 0

    @property
    def state(self) -> str:
        """One of STATES."""
        if self.errors:
            return "failing"
        if not self.judged:
            return "idle"
        return "well" if self.live.count or self.shadow.count else "silent"

    @property
    def fired_ms(self) -> int | None:
        """When it fired last, live or in shadow, by the wall clock; None where it did not."""
        return _later(self.live.wall_time_ms, self.shadow.wall_time_ms)


class WorkerHealth(msgspec.Struct):
    """The rules of one worker's plan, counted since `since_ms`."""

    plan: str
    since_ms: int
    rules: list[RuleHealth]


def together(workers: Iterable[WorkerHealth]) -> list[RuleHealth]:
    """What several workers say of their rules as if it were one: counts added, the last of all times."""
    found: dict[str, RuleHealth] = {}
    for one in (rule for worker in workers for rule in worker.rules):
        total = found.setdefault(one.rule, RuleHealth(one.rule, one.mode))
        total.judged += one.judged
        total.errors += one.errors
        total.seconds += one.seconds
        total.samples += one.samples
        total.live.add(one.live)
        total.shadow.add(one.shadow)
        if (one.error_time_ms or 0) > (total.error_time_ms or 0):
            total.last_error, total.error_time_ms = one.last_error, one.error_time_ms
    return list(found.values())


def _later(first: int | None, second: int | None) -> int | None:
    return max((time for time in (first, second) if time is not None), default=None)


@dataclass(slots=True)
class _Book:
    """What is counted under one plan."""

    plan: str
    rules: dict[str, RuleHealth]  # by id; `judged` and the figures of time are those of plans before it
    stages: dict[str, str] = field(default_factory=dict)  # by id
    judged: dict[RulesAt, int] = field(default_factory=dict)
    ids: dict[RulesAt, tuple[str, ...]] = field(default_factory=dict)  # of the rules that judge there


class Health:
    """Counts for the rules of the plan in force; those of a plan before it are kept where a rule is in both.

    `plan_of(version)` gives the plan that judged, `now` the wall clock, s. Written by the worker's loop, read by the
    thread that serves.
    """

    def __init__(
        self,
        plan: Plan,
        plan_of: Callable[[str], Plan],
        meter: Meter | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.meter = meter or Meter()
        self._plan_of, self._now = plan_of, now
        self._since = self._now_ms()
        self._book = _Book(plan.version, {})
        self.use(plan)

    def use(self, plan: Plan) -> None:
        """Another plan is in force."""
        before = {health.rule: health for health in self._whole(self._book)}
        rules = {rule.id: before.get(rule.id, RuleHealth(rule.id)) for rule in plan.judged}
        for rule in plan.judged:
            rules[rule.id].mode = rule.mode
        self.meter.use(plan.version, set(rules))
        stages = {rule.id: rule.stage for rule in plan.judged}
        self._book = _Book(plan.version, rules, stages)  # at once, as another thread reads it

    def take(
        self,
        alerts: Iterable[Alert] = (),
        shadow: Iterable[Alert] = (),
        errors: Mapping[str, Failures] | None = None,
        judged_by: Mapping[RulesAt, int] | None = None,
    ) -> None:
        """What judging brought forth; what late events changed of earlier alerts does not count."""
        now, book = self._now_ms(), self._book
        for alert in alerts:
            if not alert.revises and alert.rule in book.rules:
                book.rules[alert.rule].live.take(alert.time, now)
        for alert in shadow:
            if not alert.revises and alert.rule in book.rules:
                book.rules[alert.rule].shadow.take(alert.time, now)
        for rule, failures in (errors or {}).items():
            if (health := book.rules.get(rule)) is not None:
                health.errors += failures.times
                health.last_error, health.error_time_ms = failures.last, now
        for at, n in (judged_by or {}).items():
            if at not in book.ids:
                rules = self._plan_of(at.plan).rules_at(at.kind, at.type, at.after)
                book.ids[at] = tuple(rule.id for rule in rules)
            book.judged[at] = book.judged.get(at, 0) + n

    def worker(self) -> WorkerHealth:
        """All of it, as it stands."""
        book = self._book
        return WorkerHealth(book.plan, self._since, self._whole(book))

    def page(self) -> bytes:
        """All of it as JSON."""
        return msgspec.json.encode(self.worker())

    def say(self, metrics: Metrics, most: int) -> None:
        """Put it into the metrics: what all of the first `most` rules say under their ids, the rest together."""
        judged, seconds, fired, failed, info = (dict[tuple[str, ...], float]() for _ in range(5))
        book = self._book
        for i, health in enumerate(self._whole(book)):
            label = (health.rule if i < most else OTHER,)
            if i < most:
                info[health.rule, book.stages[health.rule], health.mode] = 1.0
            judged[label] = judged.get(label, 0.0) + health.judged
            seconds[label] = seconds.get(label, 0.0) + health.seconds
            for mode, last in (("live", health.live), ("shadow", health.shadow)):
                if last.wall_time_ms is not None:
                    fired[health.rule, mode] = last.wall_time_ms / 1000
            if health.error_time_ms is not None:
                failed[(health.rule,)] = health.error_time_ms / 1000
        metrics.replace("risk_stream_rule_info", info)
        metrics.replace("risk_stream_rule_judged_total", judged)
        metrics.replace("risk_stream_rule_seconds_total", seconds)
        metrics.replace("risk_stream_rule_last_fired_timestamp_seconds", fired)
        metrics.replace("risk_stream_rule_last_error_timestamp_seconds", failed)

    def _whole(self, book: _Book) -> list[RuleHealth]:
        """Every rule with what it judged and took, in the order of the plan."""
        judged: dict[str, int] = {}
        for at, n in list(book.judged.items()):
            for rule_id in book.ids[at]:
                judged[rule_id] = judged.get(rule_id, 0) + n
        found = []
        for rule_id, health in list(book.rules.items()):
            spent = self.meter.spent.get(rule_id, Spent())
            more = {"judged": health.judged + judged.get(rule_id, 0)}
            found.append(msgspec.structs.replace(health, **more, seconds=spent.seconds, samples=spent.samples))
        return found

    def _now_ms(self) -> int:
        return int(self._now() * 1000)
