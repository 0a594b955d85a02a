"""The rules of one plan at one hop: which are judged on which events, where those go next, and what is said."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from risk_stream.catalogue import EventBatch, EventType
from risk_stream.engine.alert import Alert, alert_id
from risk_stream.engine.decided import REQUEST, decided
from risk_stream.engine.view import DUE, Features, Rows, View, has_key, rows_of_types
from risk_stream.rules import Delay, Evaluator, Failures, Plan, Rule, add_failures

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Longs = NDArray[np.int64]

__all__ = ["Judge", "Leg", "Meter", "Said"]

#: Told of rules and the events that they have just judged, for who measures what rules take; it changes neither.
Meter: TypeAlias = Callable[[Evaluator, View], None]


#: Rows of which texts are read one by one: fewer than it takes to read those of a column together.
_FEW = 8


@dataclass(frozen=True, slots=True)
class Leg:
    """Events of one type that are judged by the rules of the same hops and go on to the same one."""

    type: EventType
    judged_at: tuple[str, ...]  # the hops whose rules are judged now
    goes_to: str | None
    rows: Rows
    after: Delay | None = None  # by which rules: those that judge so long after the event


@dataclass(frozen=True, slots=True)
class Said:
    """A rule that fired on the event in a row of a batch."""

    row: int
    rule: Rule
    alert: Alert


@dataclass(slots=True)
class Judge:
    """One plan at the hop of one kind of key. Remembers nothing of events."""

    plan: Plan
    kind: str
    meter: Meter | None = None
    errors: dict[str, Failures] = field(default_factory=dict)  # by rule id
    _evaluators: dict[tuple[str, str, Delay | None], Evaluator] = field(default_factory=dict)

    def legs(self, batch: EventBatch) -> list[Leg]:
        """Split a batch by the next leg of its events' journeys."""
        return [leg for event_type, rows in rows_of_types(batch) for leg in self._legs(batch, event_type, rows)]

    def _legs(self, batch: EventBatch, event_type: EventType, rows: Rows) -> Iterator[Leg]:
        """The legs of events of one type.

        A rule stands at the last hop of the itinerary that has a feature of it. An event without that hop's key never
        comes there: the hop before it that the event does visit judges the rule, and those features are unknown.
        """
        itinerary = self.plan.itinerary(event_type.name)
        kinds = [k.name for k in self.plan.catalogue.kinds]
        at = itinerary.index(self.kind) if self.kind in itinerary else 0
        for left, start in self._sides(batch, rows, kinds[: kinds.index(self.kind)], at):
            for j, kind in enumerate(itinerary):
                if len(left) == 0:
                    break
                if kind == self.kind or j < at or not batch.has(kind):
                    continue
                present = has_key(batch, kind)[left]
                if present.all():
                    yield Leg(event_type, itinerary[start:j], kind, left)
                    left = left[:0]
                elif present.any():
                    yield Leg(event_type, itinerary[start:j], kind, left[present])
                    left = left[~present]
            if len(left):
                yield Leg(event_type, itinerary[start:], None, left)

    @staticmethod
    def _sides(batch: EventBatch, rows: Rows, earlier: list[str], at: int) -> list[tuple[Rows, int]]:
        """Rows, and the place in the itinerary from which on the rules are not judged yet.

        That is its beginning where this is an event's first hop: it has the key of no earlier one.
        """
        keyed = [has_key(batch, kind) for kind in earlier if batch.has(kind)]
        if not keyed:
            return [(rows, 0)]
        started = np.logical_or.reduce(keyed)[rows]
        return [(rows, at)] if started.all() else [(rows[~started], 0), (rows[started], at)]

    def legs_later(self, batch: EventBatch) -> list[Leg]:
        """Split events whose time to be judged has come (column DUE) by type and by the rules for which it has."""
        found, afters = [], self.plan.afters(self.kind)
        for event_type, rows in rows_of_types(batch):
            dues, times = batch.fixed(DUE)[rows], batch.times[rows]
            for after in afters.get(event_type.name, ()):
                due = rows[after.due(times) == dues]
                if len(due):
                    found.append(Leg(event_type, (self.kind,), None, due, after))
        return found

    def judge(
        self, batch: EventBatch, legs: list[Leg], features: Features, texts: Mapping[int, str], revisions: Longs
    ) -> list[Said]:
        """What fires on the events of some legs, in the order of rows, then of rule ids; `revisions` [n] are theirs."""
        said: list[Said] = []
        for leg in legs:
            view = View(batch, leg.rows, features, texts)
            for kind in leg.judged_at:
                evaluator = self._evaluator(kind, leg.type.name, leg.after)
                for rule, fired in evaluator.fired(view):
                    scores = evaluator.score(rule, view, fired)
                    rows = leg.rows[fired]
                    shown = _Texts(batch, rows.tolist())
                    revised = revisions[rows].tolist()
                    for i, (row, score, at) in enumerate(zip(fired.tolist(), scores.tolist(), shown.rows, strict=True)):
                        alert = self._alert(batch, leg.type, evaluator, rule, view, row, shown, i, score, revised[i])
                        said.append(Said(at, rule, alert))
                add_failures(self.errors, evaluator.take_errors())
                if self.meter is not None:
                    self.meter(evaluator, view)
        return sorted(said, key=lambda s: (s.row, s.rule.id))

    def explain(
        self, rule: Rule, batch: EventBatch, row: int, features: Features, texts: Mapping[int, str]
    ) -> tuple[dict[str, Any], list[str], list[str]]:
        """What a rule names of an event, fired or not: values by name, the names of bounds, those still warming."""
        type_name = batch.catalogue.types[int(batch.types[row])].name
        evaluator = self._evaluator(self.plan.hop_of(rule, type_name), type_name, rule.after)
        named = evaluator.explain(rule, View(batch.take([row]), np.arange(1), features.take(np.array([row])), texts), 0)
        add_failures(self.errors, evaluator.take_errors())
        return named

    def take_errors(self) -> dict[str, Failures]:
        """Rule id -> evaluations that failed since this was last asked."""
        errors, self.errors = self.errors, {}
        return errors

    def _evaluator(self, kind: str, type_name: str, after: Delay | None) -> Evaluator:
        evaluator = self._evaluators.get((kind, type_name, after))
        if evaluator is None:
            evaluator = Evaluator(self.plan, kind, type_name, after)
            self._evaluators[kind, type_name, after] = evaluator
        return evaluator

    def _alert(
        self,
        batch: EventBatch,
        event_type: EventType,
        evaluator: Evaluator,
        rule: Rule,
        view: View,
        row: int,
        shown: _Texts,
        i: int,
        score: float,
        revision: int,
    ) -> Alert:
        """What is said of a row of the view, which is the i-th of those shown."""
        event, index = shown.of("id", i) or "", shown.rows[i]
        features, inexact, warming = evaluator.explain(rule, view, row)
        keys = {k.name: text for k in batch.catalogue.kinds if (text := shown.of(k.name, i))}
        alert = Alert(
            id=alert_id(rule.id, event),
            revision=revision,
            rule=rule.id,
            rule_version=rule.version,
            plan=self.plan.version,
            hop=self.kind,
            stage=rule.stage,
            severity=evaluator.severity(rule, view, row),
            score=score,
            action=rule.action,
            owner=rule.owner,
            mode=rule.mode_of(keys),
            at_most=rule.at_most,
            entity=shown.of("entity", i) or "",
            channel=shown.of("channel", i) or "",
            time=int((batch.times if rule.after is None else batch.fixed(DUE))[index]),
            event_time=None if rule.after is None else int(batch.times[index]),
            type=event_type.name,
            event=event,
            keys=keys,
            features=features,
            inexact=inexact,
            warming=warming,
            summary=evaluator.sentence(rule, features),
            why=rule.why,
        )
        if rule.table is None:
            return alert
        ruling = evaluator.decide(rule, view, row, features, inexact)
        return decided(alert, ruling, shown.of(REQUEST, i))


class _Texts:
    """Text fields of some rows of a batch, each read for all of them together where they are more than a few."""

    __slots__ = ("_batch", "_read", "rows")

    def __init__(self, batch: EventBatch, rows: list[int]) -> None:
        self.rows, self._batch = rows, batch
        self._read: dict[str, list[str | None]] = {}

    def of(self, name: str, i: int) -> str | None:
        """That of the i-th row."""
        if len(self.rows) < _FEW:
            return self._batch.text(name, self.rows[i])
        found = self._read.get(name)
        if found is None:
            found = self._read[name] = self._batch.texts(name, self.rows)
        return found[i]
