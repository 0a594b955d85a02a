"""Judge a set of events: per key a list of them in order, every window counted again from it for every event."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from risk_stream.catalogue import Catalogue, text_hash
from risk_stream.features import Aggregate, Op
from risk_stream.rules import Delay, Plan, Rule
from tests.oracle.clocks import CALENDARS, is_business_day
from tests.oracle.logic import Value, evaluate
from tests.oracle.tables import points_of, ruling_of

__all__ = ["Judged", "Ruling", "Verdict", "judge_all"]

Event = Mapping[str, Any]

_hash = cache(text_hash)


@dataclass(frozen=True)
class Verdict:
    """One rule fired on one event; `features` holds every aggregate the rule names."""

    rule: str
    event: str
    features: Mapping[str, Value | float]
    severity: str


@dataclass(frozen=True)
class Ruling:
    """What a decision table says of one event; `points` are those of its score."""

    table: str
    event: str
    verdict: str
    row: int
    points: Value


@dataclass(frozen=True)
class _Row:
    time: int
    event: Event


@dataclass(frozen=True)
class Judged:
    """What is true of one accepted event: the verdicts of its plan's live rules, and the features they ask for."""

    event: Event
    plan: Plan
    verdicts: list[Verdict]
    features: Mapping[str, Value | float]  # aggregate id -> value
    #: Rules that judged later, with the features that each asked, and as of which time.
    later: dict[str, tuple[int, Mapping[str, Value | float]]] = field(default_factory=dict)
    rulings: list[Ruling] = field(default_factory=list)  # of decision tables that are live


def judge_all(
    accepted: Iterable[tuple[Event, Plan]], clock_of: Callable[[str, str], float] = lambda kind, key: -math.inf
) -> list[Judged]:
    """The truth about a set of accepted events, each with the plan it was admitted under; in whatever order given.

    Events stand in order of time, and of the hash of their id where times are equal. Copies are one event.
    `clock_of(kind, key)` is how far time has come at last where a key is kept: later nothing is judged.
    """
    by_id = {event["id"]: (event, plan) for event, plan in accepted}
    in_order = sorted(by_id.values(), key=lambda pair: (pair[0]["time"], _hash(pair[0]["id"])))
    oracles: dict[str, Oracle] = {}
    house = House()
    judged, visits = [], []
    for event, plan in in_order:
        oracle = oracles.setdefault(plan.version, Oracle(plan, house))
        one, places = oracle.judge(event)
        judged.append(one)
        visits.append(places)
    for one, places in zip(judged, visits, strict=True):
        oracles[one.plan.version].judge_later(one, places, clock_of)
    return judged


@dataclass
class House:
    """What is known of keys, under whichever plan."""

    logs: dict[tuple[str, str], list[_Row]] = field(default_factory=dict)
    owner: dict[tuple[str, str], str] = field(default_factory=dict)


class Oracle:
    """The rules of a plan over events that come in order, as plain as they can be said."""

    def __init__(self, plan: Plan, house: House) -> None:
        self.plan, self.house = plan, house
        self.catalogue: Catalogue = plan.catalogue
        self.kinds = [k.name for k in self.catalogue.kinds]

    def judge(self, event: Event) -> tuple[Judged, dict[str, tuple[list[_Row], int]]]:
        """What every live rule says at once of the next event, in the order of rule ids; and where the event is."""
        event = dict(event)
        places = self._visit(event)
        found = []
        features: dict[str, Value | float] = {}
        rulings = []
        for rule in sorted(self.plan.rules, key=lambda r: r.id):
            if rule.mode != "live" or event["type"] not in rule.on or rule.after is not None:
                continue
            named = {n: self._name(n, rule, event, places) for n, f in _features(rule) if isinstance(f, Aggregate)}
            features |= {f.id: named[n] for n, f in _features(rule) if isinstance(f, Aggregate)}
            if rule.table is not None:
                if self._holds(rule.when, rule, event, places):
                    rulings.append(self._ruling(rule, event, places))
                continue
            if self._is_shown(rule, event) and self._holds(rule.when, rule, event, places):
                found.append(Verdict(rule.id, event["id"], named, self._severity(rule, event, places)))
        return Judged(event, self.plan, found, features, rulings=rulings), places

    def judge_later(
        self,
        judged: Judged,
        places: Mapping[str, tuple[list[_Row], int]],
        clock_of: Callable[[str, str], float],
    ) -> None:
        """What the rules say that judge an event later, all events being in their keys' lists by now."""
        event = judged.event
        for rule in self.plan.rules:
            if rule.mode != "live" or event["type"] not in rule.on or rule.after is None:
                continue
            aggregates = [(name, f) for name, f in _features(rule) if isinstance(f, Aggregate)]
            [kind] = {f.by for _, f in aggregates}
            due = _due(rule.after, event["time"])
            if kind not in places or due > clock_of(kind, event[kind]):
                continue
            place = due, _hash(event["id"])
            rows = [row for row in places[kind][0] if (row.time, _hash(row.event["id"])) <= place]
            rows.append(_Row(due, {"id": event["id"], "type": "nothing that counts"}))
            then = {kind: (rows, len(rows) - 1)}
            named = {name: self._name(name, rule, event, then) for name, _ in aggregates}
            judged.later[rule.id] = due, {f.id: named[name] for name, f in aggregates}
            if self._is_shown(rule, event) and self._holds(rule.when, rule, event, then):
                judged.verdicts.append(Verdict(rule.id, event["id"], named, self._severity(rule, event, then)))

    # The journey: which keys the event comes to, completed with owners on the way, put into each key's list.

    def _visit(self, event: dict[str, Any]) -> dict[str, tuple[list[_Row], int]]:
        """kind -> (the key's rows, the event's own position), for each key it visits."""
        places: dict[str, tuple[list[_Row], int]] = {}
        needed = self._needed(event["type"])
        for kind in self.kinds:
            key = event.get(kind)
            if key is None or (places and kind not in needed):
                continue
            declared = self.catalogue.kind(kind)
            parent = declared.belongs_to
            if parent is not None:
                if event.get(parent) is None:
                    event[parent] = self.house.owner.get((kind, key))
                elif event["type"] in declared.learnt_from:
                    self.house.owner.setdefault((kind, key), event[parent])
            rows = self.house.logs.setdefault((kind, key), [])
            rows.append(_Row(event["time"], event))
            places[kind] = (rows, len(rows) - 1)
        return places

    def _needed(self, type_name: str) -> set[str]:
        """The kinds of key whose windows this type feeds or is asked about."""
        needed = set()
        for rule in self.plan.rules:
            if rule.mode == "off":
                continue
            theirs = rule.aggregates if rule.table is not None else ()  # of the cards and rules that it asks
            for feature in (*(feature for _, feature in _features(rule)), *theirs):
                if isinstance(feature, Aggregate) and (type_name in feature.of or type_name in rule.on):
                    needed.add(feature.by)
        # An owner that the event may not say is found by way of the kinds that belong to it.
        ways = [kind for kind in needed if not self._said(type_name, kind)]
        for kind in ways:
            owned = [k.name for k in self.catalogue.kinds if k.belongs_to == kind]
            needed |= set(owned)
            ways += owned
        return needed

    def _said(self, type_name: str, kind: str) -> bool:
        """Whether each event of a type says its key of a kind."""
        event_type = self.catalogue.type(type_name)
        return any(f.required for f in event_type.all_fields if f.name == event_type.keys.get(kind))

    def _written(self, rule: Rule) -> dict[str, Any]:
        """A rule as its file has it; nothing of one that a test has made of others."""
        rules = _read_file(self.plan.texts.get(rule.file, "")).get("rules", ())
        return next((dict(written) for written in rules if written["id"] == rule.id), {})

    def _judges(self, rule: Rule, event: Event) -> bool:
        """Whether the event is of a day that the rule judges, as its file says it."""
        written = self._written(rule)
        day = _period("today", written.get("calendar", "utc"), event["time"])
        assert isinstance(day, dt.date)
        return written.get("from", day) <= day <= written.get("until", day)

    def _is_shown(self, rule: Rule, event: Event) -> bool:
        """Whether a rule judges the event, and is live for its key: it may be for a share of them, by their hashes."""
        mode = self._written(rule).get("mode")
        if not self._judges(rule, event) or not isinstance(mode, dict):
            return self._judges(rule, event)
        key = event.get(mode["by"])
        place = Fraction(_hash(f"{rule.id}\0{key}") + 2**63, 2**64)
        return key is not None and place < Fraction(mode["live"].removesuffix("%")) / 100

    def _holds(self, text: str, rule: Rule, event: Event, places: Mapping[str, tuple[list[_Row], int]]) -> bool:
        return evaluate(text, lambda name: self._name(name, rule, event, places)) is True

    def _severity(self, rule: Rule, event: Event, places: Mapping[str, tuple[list[_Row], int]]) -> str:
        for band in rule.bands:
            if self._holds(band.when, rule, event, places):
                return band.severity
        return rule.severity

    # Decision tables, scorecards, and rules that a table asks.

    def _ruling(self, rule: Rule, event: Event, places: Mapping[str, tuple[list[_Row], int]]) -> Ruling:
        written = _read_file(self.plan.texts[rule.file])
        verdict, row = ruling_of(written, lambda name: self._name(name, rule, event, places))
        score = written.get("score")
        points = None if score is None else evaluate(str(score), lambda n: self._name(n, rule, event, places))
        return Ruling(rule.id, event["id"], verdict, row, points)

    def _asked(self, name: str, rule: Rule, event: Event, places: Mapping[str, tuple[list[_Row], int]]) -> Value:
        """What another file says: whether its rule fires, or the points of its card."""
        function, _, other = name.removesuffix('")').partition('("')
        if function == "fired":
            [asked] = [one for one in self.plan.rules if one.id == other]
            if not self._judges(asked, event):
                return False
            return evaluate(asked.when, lambda n: self._name(n, asked, event, places))
        [card] = [file for text in self.plan.texts.values() if (file := _read_file(text)).get("scorecard") == other]
        written = card.get("features") or {}

        def look(part: str) -> Value:
            """A name of the card's file; an aggregate is looked up in those that the rule asks."""
            if not isinstance(written.get(part), dict):
                return evaluate(written[part], look) if part in written else self._field(event, part)
            feature = getattr(rule.meaning(f"{other}.{part}"), "aggregate")  # noqa: B009 - the only one of its kind
            return self._of_place(feature, places)

        return points_of(card, look)

    # Names: a feature of the rule, else a field of the event.

    def _name(self, name: str, rule: Rule, event: Event, places: Mapping[str, tuple[list[_Row], int]]) -> Value:
        if '("' in name:
            return self._asked(name, rule, event, places)
        feature = dict(_features(rule)).get(name)
        if isinstance(feature, str):
            return evaluate(feature, lambda n: self._name(n, rule, event, places))
        if feature is None and name in self._constants(rule.file):
            constant = self._constants(rule.file)[name]
            if not isinstance(constant, dict):
                return self._field({name: constant}, name)
            by = self._name(constant["by"], rule, event, places)
            chosen = constant.get(by, constant.get("otherwise")) if isinstance(by, str) else None
            return self._field({name: chosen}, name)
        if feature is None:
            return self._field(event, name)
        return self._of_place(feature, places)

    def _of_place(self, feature: Aggregate, places: Mapping[str, tuple[list[_Row], int]]) -> Value:
        if feature.by not in places:
            return None
        rows, at = places[feature.by]
        return self._aggregate(feature, rows, at)

    def _constants(self, file: str) -> dict[str, Any]:
        """What a rule file declares as constants."""
        constants: dict[str, Any] = _read_file(self.plan.texts.get(file, "")).get("constants") or {}
        return constants

    def _field(self, event: Event, name: str) -> Value:
        value = event.get(name)
        if value is None or isinstance(value, str | bool):
            return value
        return Fraction(str(value))

    def _aggregate(self, feature: Aggregate, rows: list[_Row], at: int) -> Value:
        now = rows[at].time
        inside = [(i, r) for i, r in enumerate(rows[: at + 1]) if _in_window(feature, r.time, now)]
        if feature.op.is_baseline:
            past = [r for i, r in inside if i < at and self._counts(feature, r.event)]
            return self._standing(feature, past, rows[at].event)
        if feature.op.is_arrears:
            return self._past_due(feature, [r for i, r in inside if i < at or not feature.before], now)
        if feature.steps:
            counted = self._completions(feature, inside)
        else:
            counted = [(i, r) for i, r in inside if self._counts(feature, r.event)]
        if feature.op in {Op.COUNT, Op.SEQUENCE}:
            return Fraction(len(counted))
        if feature.op is Op.SINCE:
            earlier = [r.time for i, r in counted if i < at]
            return Fraction(now - earlier[-1], 1000) if earlier else None
        assert feature.field is not None
        values = [(i, self._field(r.event, feature.field)) for i, r in counted]
        if feature.op is Op.SEEN:
            earlier_values = {v for i, v in values if i < at}
            return tuple(text for text in feature.values if text in earlier_values)
        return self._of_values(feature, [(i, v) for i, v in values if v is not None], at)

    def _past_due(self, feature: Aggregate, rows: list[_Row], now: int) -> Fraction:
        """Days or amount past due: what is paid in all, set against what had fallen due by each day, day after day."""
        assert feature.days is not None
        paid, due_on = Fraction(0), dict[dt.date, Fraction]()
        due, pays, returns = feature.steps
        for row in rows:
            amount = self._field(row.event, feature.field or "")
            if not isinstance(amount, Fraction):
                continue
            paid += amount * (self._fits(pays, row.event) - self._fits(returns, row.event))
            if self._fits(due, row.event) and amount > 0:
                when = _period("today", feature.days.calendar, row.event.get(feature.due or "time", row.time))
                assert isinstance(when, dt.date)
                due_on[when] = due_on.get(when, Fraction(0)) + amount
        today = _period("today", feature.days.calendar, now)
        assert isinstance(today, dt.date)
        paid, owed = max(paid, Fraction(0)), Fraction(0)
        late = []
        for day in sorted(due_on):
            owed += due_on[day] if day < today else 0
            late += [(today - day).days] if owed > paid else []
        return Fraction(max(late, default=0)) if feature.op is Op.DAYS_PAST_DUE else max(owed - paid, Fraction(0))

    def _completions(self, feature: Aggregate, inside: list[tuple[int, _Row]]) -> list[tuple[int, _Row]]:
        """The rows at which one more sequence is complete: each as early as can be, and none begins before that."""
        found: list[tuple[int, _Row]] = []
        begun: list[list[_Row]] = []  # every way to begin a sequence behind the last that is complete
        for i, row in inside:
            begun = [way for way in begun if row.time - way[0].time < feature.within_ms]
            begun += [[*way, row] for way in [[], *begun] if self._fits(feature.steps[len(way)], row.event)]
            if any(len(way) == len(feature.steps) for way in begun):
                found.append((i, row))
                begun = []
        return found

    def _standing(self, feature: Aggregate, past: list[_Row], event: Event) -> Value:
        """Where the event's own value stands among those of rows before it."""
        assert feature.field is not None
        own = self._field(event, feature.field)
        values: list[Any] = [v for v in (self._field(r.event, feature.field) for r in past) if v is not None]
        if own is None or len(values) < feature.least:
            return None
        assert isinstance(own, Fraction)
        if feature.op is Op.PERCENTILE:
            return Fraction(100 * sum(v < own for v in values), len(values))
        mean = sum(values, Fraction(0)) / len(values)
        spread = math.sqrt(sum((v - mean) ** 2 for v in values) / len(values))
        return (own - mean) / Fraction(spread) if spread else None

    def _of_values(self, feature: Aggregate, values: list[tuple[int, Any]], at: int) -> Value:
        op = feature.op
        if op is Op.LAST:
            earlier = [v for i, v in values if i < at]
            return earlier[-1] if earlier else None
        found = [v for _, v in values]
        if op is Op.SUM:
            return sum(found, Fraction(0))
        if op is Op.DISTINCT:
            return Fraction(len(set(found)))
        if not found:
            return None
        match op:
            case Op.MEAN:
                return sum(found, Fraction(0)) / len(found)
            case Op.MIN:
                return min(found)
            case Op.MAX:
                return max(found)
            case Op.FIRST:
                return found[0]
            case Op.QUANTILE:
                wanted = Fraction(feature.share, 10**6) * len(found)
                return next(v for n, v in enumerate(sorted(found), 1) if n >= wanted)
            case Op.STD:
                mean = sum(found, Fraction(0)) / len(found)
                return Fraction(math.sqrt(sum((v - mean) ** 2 for v in found) / len(found)))
        raise AssertionError(op)

    def _counts(self, feature: Aggregate, event: Event) -> bool:
        return self._fits([(of, feature.where) for of in feature.of], event)

    def _fits(self, step: Iterable[tuple[str, str]], event: Event) -> bool:
        """Whether an event is of one of some types and meets the condition that goes with it."""
        return any(
            event["type"] == of and (not where or evaluate(where, lambda name: self._field(event, name)) is True)
            for of, where in step
        )


@cache
def _read_file(text: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(text) or {}
    return read


def _in_window(feature: Aggregate, time: int, now: int) -> bool:
    """Whether an event at `time` is in the window as of `now`, which is not before it."""
    if feature.periods is None:
        return now - feature.window_ms < time
    unit, calendar = feature.periods.unit, feature.periods.calendar
    return _period(unit, calendar, time) == _period(unit, calendar, now)


def _due(after: Delay, time: int) -> int:
    """When an event at `time` is judged: so much later, or when so many business days behind its own are over."""
    if after.periods is None:
        return time + after.ms
    calendar = CALENDARS[after.periods.calendar]
    day = _period("business_day", after.periods.calendar, time)
    assert isinstance(day, dt.date)
    left = after.business_days
    while left:
        day += dt.timedelta(days=1)
        left -= is_business_day(calendar, day)
    zone = ZoneInfo(calendar["timezone"])
    end = day + dt.timedelta(days=1)
    return round(dt.datetime(end.year, end.month, end.day, tzinfo=zone).timestamp() * 1000)


def _period(unit: str, name: str, time: int) -> object:
    """What two moments share that are in the same day, week, ... of a calendar."""
    calendar = CALENDARS[name]
    moment = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=time)
    day = moment.astimezone(ZoneInfo(calendar["timezone"])).date()
    match unit:
        case "today":
            return day
        case "this_week":
            return day.isocalendar()[:2]
        case "this_month":
            return day.year, day.month
        case "this_quarter":
            return day.year, (day.month - 1) // 3
        case "this_year":
            return day.year
        case "business_day":
            while not is_business_day(calendar, day):
                day += dt.timedelta(days=1)
            return day
    raise AssertionError(unit)


def _features(rule: Rule) -> Iterable[tuple[str, Aggregate | str]]:
    return rule.features
