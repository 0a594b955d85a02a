"""Counts what the rules of several sides said, as it is settled: bounded by rules, days and keys, not by events.

A decision is settled and held against outcomes as an alert is, and counted by `DecisionTally`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from typing import TypeVar

from risk_stream.catalogue import MISSING
from risk_stream.engine import Alert, Decided
from risk_stream.workbench.backtest.decided import DecisionTally
from risk_stream.workbench.backtest.examples import Examples, about
from risk_stream.workbench.backtest.outcomes import Outcomes
from risk_stream.workbench.backtest.shown import ShownCount
from risk_stream.workbench.backtest.sides import Sides

__all__ = ["DAY_MS", "Change", "LiveCount", "RuleCount", "Tally"]

DAY_MS = 86_400_000

_Said = TypeVar("_Said", bound=Alert)


@dataclass(slots=True)
class RuleCount:
    """What one rule said on one side."""

    alerts: int = 0
    days: Counter[int] = field(default_factory=Counter)  # day since 1970 UTC -> alerts
    severities: Counter[str] = field(default_factory=Counter)
    keys: Counter[str] = field(default_factory=Counter)  # who the alerts were about -> alerts
    right: int = 0  # about something bad
    wrong: int = 0  # about something that is known to be good
    found: set[int] = field(default_factory=set)  # the bad outcomes that it found
    examples: Examples[Alert] = field(default_factory=Examples)
    limited: ShownCount | None = None  # where its rule limits how many are shown


@dataclass(slots=True)
class LiveCount:
    """What all rules of one side showed: those that are live, for the keys for which they are."""

    alerts: int = 0
    right: int = 0
    wrong: int = 0
    found: set[int] = field(default_factory=set)


@dataclass(slots=True)
class Change:
    """What becomes of alerts of a rule from the first side to the second: added, dropped, or said otherwise."""

    alerts: int = 0
    keys: Counter[str] = field(default_factory=Counter)
    right: int = 0
    wrong: int = 0
    examples: Examples[Alert] = field(default_factory=Examples)

    def add(self, alert: Alert) -> None:
        """Count one."""
        self.alerts += 1
        self.keys[about(alert)] += 1
        self.examples.add(alert.id, alert.time, alert)


class Tally:
    """What was said in [start, end), ms since 1970 UTC, held against outcomes.

    `settle_ms` after an alert's time nothing can change it any more: so long it waits to be counted.
    """

    def __init__(self, sides: Sides, outcomes: Outcomes, start: int, end: int, settle_ms: int) -> None:
        self.sides, self.outcomes, self.start, self.end = sides, outcomes, start, end
        self.settle_ms = settle_ms
        self.first_day, self.last_day = 1 << 62, MISSING  # with events, since 1970
        self.counts: dict[tuple[str, str], RuleCount] = {
            (side, rule.id): RuleCount(limited=None if rule.at_most is None else ShownCount(rule.at_most))
            for side, plan in sides.plans.items()
            for rule in plan.judged
            if rule.table is None
        }
        self.decided = DecisionTally(sides)
        self.live = {side: LiveCount() for side in sides.plans}
        self.changes: dict[tuple[str, str], Change] = {}  # (rule, added | dropped | changed)
        # Of the last side: how often its variants fired, and two of them on one event.
        self.of_variant: Counter[str] = Counter()
        self.together: Counter[tuple[str, str]] = Counter()
        self._waiting: dict[str, Alert] = {}
        self._names = tuple(sides.plans)

    def add(self, alerts: Iterable[Alert], clock: int) -> None:
        """Take in what was said, and count what is settled at a clock, ms; that a model drifts is no rule's doing."""
        waiting = self._waiting
        for alert in (one for one in alerts if one.rule in self.sides.variants):
            before = waiting.get(alert.id)
            if before is None or alert.revision > before.revision:
                waiting[alert.id] = alert
        if clock != MISSING:
            self._settle(clock - self.settle_ms)

    def saw(self, first: int, last: int) -> None:
        """There were events from one time to another, ms."""
        first, last = max(first, self.start), min(last, self.end - 1)
        if first <= last:
            self.first_day = min(self.first_day, first // DAY_MS)
            self.last_day = max(self.last_day, last // DAY_MS)

    def close(self) -> None:
        """The history is over: count what is left."""
        self._settle(1 << 62)

    @property
    def days(self) -> int:
        """Days of the history, from the first with events to the last."""
        return max(0, self.last_day - self.first_day + 1) if self.last_day != MISSING else 0

    def to_find(self, rule: str = "") -> int:
        """The bad outcomes within the history that is over, of all rules or those that one rule is asked to find."""
        bad, for_all, of_rule = self._bad
        return for_all + of_rule[rule] if rule else bad

    @cached_property
    def _bad(self) -> tuple[int, int, Counter[str]]:
        """The bad outcomes within the history: all, those that count for every rule, and of each rule the others."""
        start, end = self.first_day * DAY_MS, (self.last_day + 1) * DAY_MS
        known = [o for o in self.outcomes.known if o.bad and o.holds_in(start, end)] if self.days else []
        return len(known), sum(not o.rules for o in known), Counter(rule for o in known for rule in o.rules)

    def _settle(self, until: int) -> None:
        settled = [alert for alert in self._waiting.values() if alert.time <= until]
        if not settled:
            return
        for alert in settled:
            del self._waiting[alert.id]
        groups: dict[tuple[str, int], list[Alert]] = {}
        for alert in settled:
            if alert.status != "withdrawn" and self.start <= alert.time < self.end:
                groups.setdefault((alert.event, alert.time), []).append(alert)
        for group in groups.values():
            self._count(group)

    def _count(self, group: Sequence[Alert]) -> None:
        """Count all that was said of one event at one time."""
        alerts = [alert for alert in group if not isinstance(alert, Decided)]
        if len(alerts) < len(group):
            for rule, decided in self._by_rule([one for one in group if isinstance(one, Decided)]).items():
                self.decided.add(rule, decided, *self._judged(next(iter(decided.values())), rule))
        last = self._names[-1]
        variants = sorted(alert.rule for alert in alerts if last in self.sides.variants[alert.rule].sides)
        self.of_variant.update(variants)
        self.together.update(combinations(variants, 2))
        for rule, said in self._by_rule(alerts).items():
            judged = self._judged(next(iter(said.values())), rule)
            for side, alert in said.items():
                self._count_one(side, rule, alert, judged)
            if len(self._names) == 2:
                self._count_change(rule, said, judged)

    def _by_rule(self, said: Iterable[_Said]) -> dict[str, dict[str, _Said]]:
        """What was said of one event, by rule and side."""
        found: dict[str, dict[str, _Said]] = {}
        for one in said:
            variant = self.sides.variants[one.rule]
            for side in variant.sides:
                found.setdefault(variant.rule.id, {})[side] = one
        return found

    def _judged(self, alert: Alert, rule: str) -> tuple[bool | None, set[int]]:
        """(whether it is about something bad; None where nobody knows, the bad outcomes that it is about)."""
        of = self.outcomes.of(alert, rule)
        bad = {outcome.number for outcome in of if outcome.bad}
        if bad:
            return True, bad
        return (False if of or self.outcomes.clears(rule) else None), bad

    def _count_one(self, side: str, rule: str, alert: Alert, judged: tuple[bool | None, set[int]]) -> None:
        count = self.counts[side, rule]
        right, bad = judged
        count.alerts += 1
        count.days[alert.time // DAY_MS] += 1
        count.severities[alert.severity] += 1
        count.keys[about(alert)] += 1
        count.right += right is True
        count.wrong += right is False
        count.found |= bad
        count.examples.add(alert.id, alert.time, alert)
        if count.limited is not None:
            count.limited.add(alert)
        if self.sides.is_live(side, rule, alert.keys):
            live = self.live[side]
            live.alerts += 1
            live.right += right is True
            live.wrong += right is False
            live.found |= bad

    def _count_change(self, rule: str, said: dict[str, Alert], judged: tuple[bool | None, set[int]]) -> None:
        before, after = (said.get(name) for name in self._names)
        if before is None or after is None:
            alert, what = (before, "dropped") if before is not None else (after, "added")
        elif (before.severity, before.action, before.score) != (after.severity, after.action, after.score):
            alert, what = after, "changed"
        else:
            return
        assert alert is not None
        change = self.changes.setdefault((rule, what), Change())
        change.add(alert)
        change.right += judged[0] is True
        change.wrong += judged[0] is False
