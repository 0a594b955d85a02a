"""What a plan makes of its rules, for their authors: which hops events visit and why, and what one rule asks and costs.

`itineraries` and `hops` explain a whole plan, `explain_rule` one rule of it. All of it follows from the plan alone: no
event is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from risk_stream.features import Aggregate, Bit, Op
from risk_stream.rules.language.expression import MOVED, OVER, SCORE, SEGMENT
from risk_stream.rules.model import Rule, Validity
from risk_stream.rules.plan import Plan
from risk_stream.rules.rule.delay import Delay
from risk_stream.rules.scored import Scored

__all__ = [
    "Cost",
    "Decision",
    "FeatureUse",
    "HopUse",
    "Itinerary",
    "RuleUse",
    "Stop",
    "explain_rule",
    "hops",
    "itineraries",
    "itinerary_of",
    "judged_days",
    "length",
    "waits",
    "window",
    "wording",
]

#: What a model says, by the function that asks it.
_SAYS = {
    SCORE: "score of the model {}",
    OVER: "whether the score of the model {} is over its threshold",
    MOVED: "what moved the score of the model {} most",
    SEGMENT: "segment of the key by the model {}",
}
_UNITS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"))


@dataclass(frozen=True, slots=True)
class Stop:
    """One hop that events of a type visit, and why. Rules and features are names, sorted."""

    hop: str
    key: str  # `must`: each event of the type has it; `may`: some do; `owner`: filled in on the way
    of: tuple[str, ...]  # the hops before this one that fill the key in, whose keys belong to it
    asked_by: tuple[str, ...]  # rules on this type that ask a feature kept here
    asked: tuple[str, ...]  # the features that they ask
    counted_by: tuple[str, ...]  # features kept here that count events of this type
    counted_for: tuple[str, ...]  # the rules on other types that these serve
    decides: tuple[str, ...]  # rules decided here on events of this type
    fills: str  # the owner that is filled in here for a later hop, else ""
    teaches: str  # the owner that events of this type teach here, else ""
    first: bool  # visited whatever the rules: copies of an event meet here
    scored_by: tuple[str, ...] = ()  # models that score events of this type here


@dataclass(frozen=True, slots=True)
class Itinerary:
    """The way of an event type: its stops in order. `told` types visit every hop on every partition instead."""

    type: str
    topic: str  # trades, loans or reference
    stops: tuple[Stop, ...]
    others: tuple[str, ...]  # where events enter that have not the key of the first stop: the first of these they have
    rules: int  # that judge events of this type
    told: bool

    @property
    def used(self) -> bool:
        """Whether a rule judges it, a model scores it, or a feature counts it."""
        return any(stop.asked_by or stop.counted_by or stop.decides or stop.scored_by for stop in self.stops)


@dataclass(frozen=True, slots=True)
class HopUse:
    """What one kind of key keeps, and for whom."""

    hop: str
    features: tuple[str, ...]
    longest: str  # the longest window: so long all events counted here are kept
    owner: str  # the kind it belongs to, else ""
    shared_by: tuple[str, ...]  # the kinds that belong to it, whose events come here
    read_together: tuple[str, ...]  # its features that count events of several such keys, as all of one owner
    read_for: tuple[str, ...]  # event types that come here by an owner only: they have no such key themselves
    types: tuple[str, ...]  # all event types that come here


@dataclass(frozen=True, slots=True)
class FeatureUse:
    """A feature of a rule: an aggregate with key, window and hop, or an expression over others."""

    name: str
    means: str
    key: str  # of an aggregate, else ""; the hop has its name
    window: str
    shared_with: tuple[str, ...]  # other rules for which the same aggregate is kept


@dataclass(frozen=True, slots=True)
class Decision:
    """Where and when a rule is decided on events of one type."""

    type: str
    way: tuple[str, ...]
    hop: str
    after: str  # when it is judged, from the event on; "" for at once
    sure: bool  # whether each event of the type has that key; one without is decided at a hop it does visit, or never


@dataclass(frozen=True, slots=True)
class Cost:
    """What a plan has because of one rule, and would not have without it."""

    hops: dict[str, tuple[str, ...]]  # event type -> hops more
    features: tuple[str, ...]  # of its own, kept for no other rule
    longer: dict[str, tuple[str, str]]  # kind of key -> how long its events are kept without the rule, and with it
    carried: tuple[str, ...]  # features that travel with events to a later hop


@dataclass(frozen=True, slots=True)
class RowUse:
    """One row of a decision table as it is written."""

    when: str
    verdict: str
    reason: str


@dataclass(frozen=True, slots=True)
class RuleUse:
    """One rule as the plan sees it. Where its mode is `off` it costs nothing, and `cost` is what it would cost."""

    rule: str
    file: str
    line: int
    mode: str
    when: str
    severity: str  # where no condition of `levels` holds
    levels: dict[str, str]  # severities that depend on values, from the highest on, and their conditions as written
    features: tuple[FeatureUse, ...]
    decisions: tuple[Decision, ...]
    cost: Cost
    group: str = ""
    share: str = ""  # of the keys for which it is live, nothing where that is all
    days: str = ""  # that it judges, nothing where those are all
    at_most: str = ""  # how many of its alerts are shown, nothing where those are all
    rows: tuple[RowUse, ...] = ()  # of a decision table, from the top; of a rule that fires none


def itineraries(plan: Plan) -> list[Itinerary]:
    """The way of each event type, by name."""
    names = _names(_asking(plan))
    return [itinerary_of(plan, event_type.name, names) for event_type in plan.catalogue.types]


def itinerary_of(plan: Plan, type_name: str, names: dict[str, str] | None = None) -> Itinerary:
    """The way of one event type. `names` are those of aggregates by id. Raises `KeyError` for an unknown type."""
    event_type = plan.catalogue.type(type_name)
    names = _names(_asking(plan)) if names is None else names
    way = plan.itinerary(type_name)
    order = [k.name for k in plan.catalogue.kinds]
    own = sorted(event_type.keys, key=order.index)
    return Itinerary(
        type_name,
        event_type.topic,
        tuple(_stop(plan, type_name, way, hop, names) for hop in way),
        tuple(own[1 : 1 + next((i for i, kind in enumerate(own) if plan.must_have(type_name, kind)), len(own))]),
        sum(type_name in rule.on for rule in plan.judged),
        event_type.broadcast,
    )


def _asking(plan: Plan) -> list[Rule | Scored]:
    """What asks features: the rules that judge and the models that score."""
    return [*plan.judged, *plan.scoring]


def _stop(plan: Plan, type_name: str, way: tuple[str, ...], hop: str, names: dict[str, str]) -> Stop:
    event_type, kind = plan.catalogue.type(type_name), plan.catalogue.kind(hop)
    here = [(rule, aggregate) for rule in _asking(plan) for aggregate in rule.aggregates if aggregate.by == hop]
    counted = [(rule, aggregate) for rule, aggregate in here if type_name in aggregate.of]
    asking = [(rule, aggregate) for rule, aggregate in here if type_name in rule.on]
    must = plan.must_have(type_name, hop)
    before = way[: way.index(hop)]
    parent = kind.belongs_to or ""
    return Stop(
        hop,
        "must" if must else "may" if hop in event_type.keys else "owner",
        () if must else tuple(k for k in before if plan.catalogue.kind(k).belongs_to == hop),
        _sorted(rule.id for rule, _ in asking),
        _sorted(names[aggregate.id] for _, aggregate in asking),
        _sorted(names[aggregate.id] for _, aggregate in counted),
        _sorted(rule.id for rule, _ in counted if type_name not in rule.on),
        _sorted(rule.id for rule in plan.judged if type_name in rule.on and plan.hop_of(rule, type_name) == hop),
        parent if parent in way and not plan.must_have(type_name, parent) else "",
        parent if parent in event_type.keys and type_name in kind.learnt_from else "",
        hop == way[0],
        _sorted(model.id for model in plan.models_at(hop) if type_name in model.on),
    )


def hops(plan: Plan) -> list[HopUse]:
    """What each kind of key that events visit keeps, in hop order."""
    return [_hop(plan, kind) for kind in plan.kinds]


def _hop(plan: Plan, kind: str) -> HopUse:
    layout = plan.layouts.get(kind)
    aggregates = layout.aggregates if layout is not None else ()
    names = _names(_asking(plan))
    coming = [t for t in plan.catalogue.types if kind in plan.itinerary(t.name)]
    children = [k.name for k in plan.catalogue.kinds if k.belongs_to == kind]
    theirs = {t.name for t in coming if any(child in t.keys for child in children)}
    return HopUse(
        kind,
        _sorted(names[a.id] for a in aggregates),
        length(layout.longest_ms) if layout is not None else "",
        plan.catalogue.kind(kind).belongs_to or "",
        tuple(child for child in children if any(child in t.keys for t in coming)),
        _sorted(names[a.id] for a in aggregates if theirs.intersection(a.of)),
        tuple(t.name for t in coming if kind not in t.keys),
        tuple(t.name for t in coming),
    )


def explain_rule(plan: Plan, rule_id: str) -> RuleUse:
    """One rule of a plan: its features, where it is decided, what it costs. Raises `KeyError` for an unknown one."""
    rule = next((r for r in plan.rules if r.id == rule_id), None)
    if rule is None:
        raise KeyError(rule_id)
    live = replace(rule, mode="live") if rule.mode == "off" else rule
    others = [r for r in plan.rules if r.id != rule_id]
    whole = plan if live is rule else _plan(plan, [*others, live])
    return RuleUse(
        rule.id,
        rule.file,
        rule.line,
        rule.mode,
        rule.when,
        rule.severity,
        {band.severity: band.when for band in rule.bands},
        tuple(_feature(plan, rule, name, feature) for name, feature in rule.features),
        tuple(_decision(whole, live, type_name) for type_name in rule.on),
        _cost(whole, _plan(plan, others), live),
        rule.group,
        "" if rule.share is None else str(rule.share),
        judged_days(rule.validity),
        "" if rule.at_most is None else str(rule.at_most),
        tuple(RowUse(row.when, row.verdict, row.reason) for row in rule.table.rows) if rule.table else (),
    )


def _plan(plan: Plan, rules: list[Rule]) -> Plan:
    return Plan(plan.catalogue, rules, plan.wheres, texts=plan.texts, calendars=plan.calendars, models=plan.models)


def _feature(plan: Plan, rule: Rule, name: str, feature: Aggregate | str) -> FeatureUse:
    if isinstance(feature, str):
        return FeatureUse(name, feature, "", "", ())
    shared = _sorted(r.id for r in plan.judged if r.id != rule.id and feature in r.aggregates)
    return FeatureUse(name, wording(feature), feature.by, window(feature), shared)


def _decision(plan: Plan, rule: Rule, type_name: str) -> Decision:
    hop = plan.hop_of(rule, type_name)
    after = "" if rule.after is None else waits(rule.after)
    return Decision(type_name, plan.itinerary(type_name), hop, after, plan.must_have(type_name, hop))


def _cost(whole: Plan, less: Plan, rule: Rule) -> Cost:
    more = {}
    for event_type in whole.catalogue.types:
        had = less.itinerary(event_type.name)
        added = tuple(hop for hop in whole.itinerary(event_type.name) if hop not in had)
        if added:
            more[event_type.name] = added
    kept = {a for r in _asking(less) for a in r.aggregates}
    names = _names([rule])
    longer = {}
    for kind, layout in whole.layouts.items():
        before = less.layouts[kind].longest_ms if kind in less.layouts else 0
        if layout.longest_ms > before:
            longer[kind] = (length(before) if before else "", length(layout.longest_ms))
    travels = {a for kind in whole.kinds for a in whole.carried(kind)}
    travelled = {a for kind in less.kinds for a in less.carried(kind)}
    return Cost(
        more,
        _sorted(names[a.id] for a in rule.aggregates if a not in kept),
        longer,
        _sorted(names[a.id] for a in rule.aggregates if a in travels - travelled),
    )


def _names(rules: Iterable[Rule | Scored]) -> dict[str, str]:
    """A name of each aggregate by its id: of several the first in order; its words, where a scorecard alone asks it."""
    found: dict[str, str] = {}
    asked = tuple(rules)
    for rule in asked:
        for name, feature in rule.features:
            if isinstance(feature, Aggregate):
                found[feature.id] = min(name, found.get(feature.id, name))
    return {a.id: wording(a) for rule in asked for a in rule.aggregates} | found


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))


# Words


def waits(delay: Delay) -> str:
    """When a rule that waits judges, from its event on."""
    if delay.periods is None:
        return f"{length(delay.ms)} after the event"
    days = "business day" if delay.business_days == 1 else "business days"
    return f"at the end of {delay.business_days} {days} ({delay.periods.calendar}) after the event's"


def judged_days(validity: Validity | None) -> str:
    """The days that a rule judges."""
    if validity is None:
        return ""
    ends = [f"{word} {day}" for word, day in (("from", validity.first), ("until", validity.last)) if day is not None]
    return f"{' '.join(ends)} ({validity.calendar})"


def length(ms: int) -> str:
    """A length of time as a rule file writes it, in the largest unit that gives a whole number: 90d, 36h, 10m."""
    unit, name = next(((unit, name) for unit, name in _UNITS if ms % unit == 0), (1, "ms"))
    return f"{ms // unit}{name}"


def window(aggregate: Aggregate) -> str:
    """How far back an aggregate looks, as a rule file writes it."""
    periods = aggregate.periods
    if aggregate.op.is_score:
        return ""
    if periods is None:
        return length(aggregate.window_ms)
    return f"{periods.unit} ({periods.calendar})"


def wording(aggregate: Aggregate) -> str:
    """What an aggregate is, but its key and window: sum amount of transfer where direction == "out"."""
    if aggregate.op.is_score:
        return _SAYS[aggregate.values[1]].format(aggregate.values[0])
    if aggregate.days is not None:
        due, paid, returned = (_step(step) for step in aggregate.steps)
        less = f" less {returned}" if returned else ""
        when = " before the event" if aggregate.before else ""
        what = f"{aggregate.op.value} {aggregate.field} of {due}"
        return f"{what}, paid by {paid}{less}{when} ({aggregate.days.calendar})"
    if aggregate.steps:
        steps = " then ".join(_step(step) for step in aggregate.steps)
        return f"{aggregate.op.value} {steps} within {length(aggregate.within_ms)}"
    types = ", ".join(aggregate.of)
    op = f"{aggregate.op.value} {aggregate.share / 1e6:g}" if aggregate.op is Op.QUANTILE else aggregate.op.value
    what = f"{op} {aggregate.field} of {types}" if aggregate.field else f"{aggregate.op.value} {types}"
    if aggregate.values:
        what = f"{what} among {', '.join(aggregate.values)}"
    return f"{what} where {aggregate.where}" if aggregate.where else what


def _step(step: tuple[Bit, ...]) -> str:
    """One step of a sequence, whose event types share their condition; "" for none."""
    where = step[0][1] if step else ""
    types = ", ".join(event for event, _ in step)
    return f"{types} where {where}" if where else types
