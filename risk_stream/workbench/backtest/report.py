"""What a backtest found, as data: by rule and side, what differs, and which rules go together."""

from __future__ import annotations

from dataclasses import dataclass, field

from risk_stream.engine import Alert
from risk_stream.rules.explain import Cost, explain_rule
from risk_stream.workbench.backtest.edits import Edited, edits
from risk_stream.workbench.backtest.outcomes import Judged
from risk_stream.workbench.backtest.tables import TableReport, tables
from risk_stream.workbench.backtest.tally import Change, RuleCount, Tally

__all__ = [
    "Count",
    "Counted",
    "Differing",
    "Overlap",
    "Report",
    "RuleReport",
    "SideReport",
    "report",
]

#: Keys that are named of those that alerts are about, and pairs of rules.
MOST_KEYS, MOST_PAIRS = 10, 20


@dataclass(frozen=True, slots=True)
class Count:
    """What a rule said on one side."""

    mode: str
    alerts: int
    days: tuple[int, ...]  # alerts of each day of the history
    severities: dict[str, int]
    about: int  # customers, or other keys where an alert has none
    judged: Judged
    examples: tuple[Alert, ...]
    shown: int  # of the alerts, were they said in the order of their times: all but where `at_most` limits them


@dataclass(frozen=True, slots=True)
class Differing:
    """Alerts that only one side has, or that the sides say otherwise."""

    alerts: int
    right: int
    wrong: int
    keys: tuple[tuple[str, int], ...]  # those with the most
    more_keys: int
    examples: tuple[Alert, ...]


@dataclass(frozen=True, slots=True)
class RuleReport:
    """One rule on all sides."""

    rule: str
    sides: dict[str, Count]  # those that have it
    edited: Edited | None
    added: Differing | None
    dropped: Differing | None
    changed: Differing | None  # with another severity, score or action
    cost: Cost | None  # of a rule that was edited: what the last plan has because of it


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two rules that fired on the same events."""

    rules: tuple[str, str]
    events: int
    share: float  # of the events of the rarer one


@dataclass(frozen=True, slots=True)
class SideReport:
    """All rules of one side."""

    plan: str
    rules: int
    live: int  # alerts of live rules
    shadow: int
    judged: Judged  # of live rules
    tables: int  # that decide


@dataclass(slots=True)
class Counted:
    """What a run counted beside alerts."""

    events: int = 0
    late: int = 0
    refused: int = 0
    first_refused: str = ""
    revised: int = 0
    seconds: float = 0.0
    processes: int = 1
    errors: dict[str, int] = field(default_factory=dict)  # rule -> evaluations that failed


@dataclass(frozen=True, slots=True)
class Report:
    """A backtest of one plan, or of two: what was in force, and what is to be."""

    sides: dict[str, SideReport]
    first_day: int  # since 1970 UTC
    days: int
    counted: Counted
    outcomes: int
    others_good: bool  # whether what has no outcome counts as good
    rules: tuple[RuleReport, ...]
    tables: tuple[TableReport, ...]
    overlaps: tuple[Overlap, ...]
    silent: tuple[str, ...]  # rules of the last side that never fired
    inseparable: tuple[tuple[str, str], ...]  # pairs that fired on the same events and no others

    @property
    def differing(self) -> list[RuleReport]:
        """The rules that differ between the sides, in what they are or in what they said."""
        return [r for r in self.rules if r.edited or r.added or r.dropped or r.changed]

    @property
    def edited(self) -> list[Edited]:
        """What changed in the files, by id of the rule or table."""
        found = [*(rule.edited for rule in self.rules), *(table.edited for table in self.tables)]
        return sorted((one for one in found if one is not None), key=lambda one: one.rule)


def report(tally: Tally, counted: Counted) -> Report:
    """The report of a tally that is closed."""
    sides = tally.sides
    names = tuple(sides.plans)
    differ = {}
    if len(names) == 2:
        differ = {one.rule: one for one in edits(*sides.plans.values())}
    alerting = {rule.id for plan in sides.plans.values() for rule in plan.judged if rule.table is None}
    deciding = {rule.id for plan in sides.plans.values() for rule in plan.judged if rule.table is not None}
    ids = sorted(alerting | (differ.keys() - deciding))
    last = names[-1]
    return Report(
        {name: _side(tally, name) for name in names},
        tally.first_day if tally.days else 0,
        tally.days,
        counted,
        len(tally.outcomes.known),
        tally.outcomes.complete,
        tuple(_rule(tally, rule_id, differ.get(rule_id)) for rule_id in ids),
        tables(tally, differ),
        _overlaps(tally),
        tuple(rule for side, rule in tally.counts if side == last and not tally.counts[side, rule].alerts),
        _inseparable(tally),
    )


def _side(tally: Tally, name: str) -> SideReport:
    plan, live = tally.sides.plans[name], tally.live[name]
    counts = [count for (side, _), count in tally.counts.items() if side == name]
    all_of = sum(count.alerts for count in counts)
    judged = Judged.of(live.right, live.wrong, len(live.found), tally.to_find())
    deciding = len(plan.judged) - len(counts)
    return SideReport(plan.version, len(counts), live.alerts, all_of - live.alerts, judged, deciding)


def _rule(tally: Tally, rule_id: str, edited: Edited | None) -> RuleReport:
    sides = {
        name: _count(tally, name, rule_id, tally.counts[name, rule_id])
        for name in tally.sides.plans
        if (name, rule_id) in tally.counts
    }
    differing = {what: _differing(tally.changes.get((rule_id, what))) for what in ("added", "dropped", "changed")}
    last = list(tally.sides.plans.values())[-1]
    judged = edited is not None and any(rule.id == rule_id for rule in last.rules)
    cost = explain_rule(last, rule_id).cost if judged else None
    return RuleReport(rule_id, sides, edited, differing["added"], differing["dropped"], differing["changed"], cost)


def _count(tally: Tally, side: str, rule_id: str, count: RuleCount) -> Count:
    rule = tally.sides.rule(side, rule_id)
    assert rule is not None
    days = tuple(count.days[tally.first_day + day] for day in range(tally.days))
    judged = Judged.of(count.right, count.wrong, len(count.found), tally.to_find(rule_id))
    severities = dict(sorted(count.severities.items()))
    mode = rule.mode if rule.share is None else f"{rule.mode} {rule.share}"
    shown = count.alerts if count.limited is None else count.limited.shown
    return Count(mode, count.alerts, days, severities, len(count.keys), judged, count.examples.drawn, shown)


def _differing(change: Change | None) -> Differing | None:
    if change is None:
        return None
    keys = sorted(change.keys.items(), key=lambda item: (-item[1], item[0]))
    examples = change.examples.drawn
    return Differing(
        change.alerts, change.right, change.wrong, tuple(keys[:MOST_KEYS]), len(keys[MOST_KEYS:]), examples
    )


def _overlaps(tally: Tally) -> tuple[Overlap, ...]:
    found = []
    for (a, b), events in tally.together.items():
        rarer = min(tally.of_variant[a], tally.of_variant[b])
        found.append(Overlap(_rules(tally, a, b), events, events / rarer))
    found.sort(key=lambda o: (-o.share, -o.events, o.rules))
    return tuple(found[:MOST_PAIRS])


def _inseparable(tally: Tally) -> tuple[tuple[str, str], ...]:
    return tuple(
        _rules(tally, a, b)
        for (a, b), events in sorted(tally.together.items())
        if events == tally.of_variant[a] == tally.of_variant[b]
    )


def _rules(tally: Tally, a: str, b: str) -> tuple[str, str]:
    """The ids of the rules of two variants."""
    return tally.sides.variants[a].rule.id, tally.sides.variants[b].rule.id
