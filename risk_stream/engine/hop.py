"""The whole core on one page: a plan in, batches of events in, alerts out; no I/O, no clock, no randomness.

A `Hop` is one kind of key on one partition: it keeps that key's windows, judges the rules whose features are complete
there and hands each event on to the next key it needs. `Engine` chains the hops of a plan in one process; the live
worker puts a Kafka topic between them instead. Both run the same code on the same `EventBatch`, so a replay says what
the worker said. Time is the event's time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from risk_stream.catalogue import MISSING, EventBatch, EventType
from risk_stream.engine.alert import Alert, alert_id
from risk_stream.engine.view import Features, Floats, Mask, Rows, View, entry_hops, rows_of_types
from risk_stream.engine.view import has_key as _present
from risk_stream.features import Aggregate, KeyState
from risk_stream.rules import Evaluator, Plan, Rule

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Engine", "Hop", "Result"]

#: Index entries that `Hop.apply` looks through for expired keys, per event it applied.
SWEEP_PER_EVENT = 2

#: Texts that one hop keeps for the alerts of `first` and `last`; later ones are shown as unknown.
MOST_TEXTS = 1_000_000


@dataclass(slots=True)
class Result:
    """What a hop says of one batch of n events."""

    alerts: list[Alert] = field(default_factory=list)  # in the order of the events
    stamps: list[int] = field(default_factory=list)  # of the events of `alerts`, side by side
    shadow: list[Alert] = field(default_factory=list)  # of rules in mode `shadow`: counted, never shown
    forwards: dict[str, EventBatch] = field(default_factory=dict)  # next hop -> the events that go there
    judged: int = 0  # events whose journey ended here
    rule_errors: dict[str, int] = field(default_factory=dict)  # rule id -> evaluations that failed


class _Texts:
    """The texts behind the hashes that `first` and `last` of a text field give, to be shown in alerts."""

    def __init__(self) -> None:
        self.known: dict[int, str] = {}

    def learn(self, hashes: NDArray[np.int64], text: Callable[[int], str | None]) -> None:
        """Keep the texts of hashes not seen before; `text(i)` gives the i-th."""
        if len(self.known) >= MOST_TEXTS:
            return
        found, first = np.unique(hashes, return_index=True)
        for hashed, i in zip(found.tolist(), first.tolist(), strict=True):
            if hashed and hashed not in self.known and (said := text(i)) is not None:
                self.known[hashed] = said


def _carried_in(batch: EventBatch, texts: _Texts) -> tuple[dict[str, Floats], dict[str, Mask]]:
    """Aggregates of earlier hops that came with the batch, by id, and where they are inexact.

    Columns `f.ID` hold numbers, `h.ID` text hashes in the same eight bytes, `t.ID` the texts behind them, `x.ID` one
    where the value is a bound.
    """
    values: dict[str, Floats] = {}
    flags: dict[str, Mask] = {}
    for name in batch.table.schema.names:
        space, dot, id = name.partition(".")
        if not dot:
            continue
        if space == "t":
            texts.learn(batch.fixed(f"h.{id}"), batch.table.column(name).to_pylist().__getitem__)
            continue
        column = batch.table.column(name).to_numpy(zero_copy_only=False)
        if space == "x":
            flags[id] = column != 0
        else:
            values[id] = column.view(np.float64)
    return values, flags


class _Owners:
    """Who owns each key of one kind, learnt from events that say so, to fill in the parent key where it is missing."""

    def __init__(self, plan: Plan, kind: str) -> None:
        declared = plan.catalogue.kind(kind)
        self.kind, self.parent = kind, declared.belongs_to
        self.teaches = np.array([t.name in declared.learnt_from for t in plan.catalogue.types])  # by type code
        self.known: dict[int, str | None] = {}  # hash of a key -> its owner

    def fill(self, batch: EventBatch) -> EventBatch:
        """Learn from the batch and complete it, row by row in order; an unknown owner stays missing."""
        if self.parent is None:
            return batch
        here, has_parent = _present(batch, self.kind), _present(batch, self.parent)
        teaches = here & has_parent & self.teaches[batch.types]
        lacks = here & ~has_parent
        if not teaches.any() and not (self.known and lacks.any()):
            return batch
        keys, changed = batch.hashes(self.kind).tolist(), {}
        for i in np.flatnonzero(teaches | lacks).tolist():
            if teaches[i]:
                self.known[keys[i]] = batch.text(self.parent, i)
            elif (owner := self.known.get(keys[i])) is not None:
                changed[i] = owner
        if not changed:
            return batch
        parents = batch.table.column(self.parent).to_pylist() if batch.has(self.parent) else [None] * len(batch)
        for i, owner in changed.items():
            parents[i] = owner
        return batch.with_columns({self.parent: parents})


class Hop:
    """One kind of key on one partition: a deterministic machine over the batches it is given.

    `reserve_mib` bounds its windows' memory; it is committed as it is used. Raises `StateFull` where it is exhausted.
    """

    def __init__(self, plan: Plan, kind: str, *, reserve_mib: int = 1024) -> None:
        self.kind, self.reserve_mib = kind, reserve_mib
        self.seen: dict[str, int] = {}  # channel -> its highest stamp so far
        self.clock = MISSING  # the highest event time so far
        self.duplicates = 0
        self.state: KeyState | None = None
        self._texts, self._owners = _Texts(), _Owners(plan, kind)
        self.use(plan)

    def use(self, plan: Plan) -> None:
        """Judge by `plan` from the next batch on. Windows of features that did not change are kept."""
        known = self._owners.known
        self.plan, self._owners = plan, _Owners(plan, self.kind)
        self._owners.known = known
        layout = plan.layouts.get(self.kind)
        if layout is not None and self.state is not None:
            self.state.set_layout(layout)
        elif layout is not None:
            self.state = KeyState(layout, reserve_mib=self.reserve_mib)
        self._outputs: tuple[Aggregate, ...] = () if layout is None else tuple(layout.aggregates)
        kinds = [k.name for k in plan.catalogue.kinds]
        self._earlier = kinds[: kinds.index(self.kind)]
        self._evaluators: dict[tuple[str, str], Evaluator] = {}

    def fresh(self, batch: EventBatch, channel: str) -> EventBatch:
        """The events of a message that were not applied before: those above its channel's highest stamp."""
        stamps, last = batch.stamps, self.seen.get(channel, MISSING)
        if len(batch) == 0 or int(stamps[-1]) <= last:
            self.duplicates += len(batch)
            return batch.take(np.arange(0))
        self.seen[channel] = int(stamps[-1])
        if int(stamps[0]) > last:
            return batch
        new = np.flatnonzero(stamps > last)
        self.duplicates += len(batch) - len(new)
        return batch.take(new)

    def apply(self, batch: EventBatch) -> Result:
        """Put the events into their keys' windows in the order given, judge them, and say where each goes next."""
        result = Result()
        if len(batch) == 0:
            return result
        self.clock = max(self.clock, int(batch.times.max()))
        batch = self._owners.fill(batch)
        values, flags = self._features(batch)
        going: dict[str, list[Rows]] = {}
        said: list[tuple[int, str, Alert]] = []
        for event_type, rows in rows_of_types(batch):
            for judged_at, goes_to, leg in self._legs(batch, event_type, rows):
                said += self._judge(
                    batch,
                    event_type,
                    judged_at,
                    leg,
                    View(batch, leg, Features(values, flags), self._texts.known),
                    result,
                )
                if goes_to is None:
                    result.judged += len(leg)
                else:
                    going.setdefault(goes_to, []).append(leg)
        stamps = batch.stamps
        for row, _, alert in sorted(said, key=lambda s: s[:2]):
            if alert.mode == "live":
                result.alerts.append(alert)
                result.stamps.append(int(stamps[row]))
            else:
                result.shadow.append(alert)
        onward = self._carry(batch, values, flags) if going else batch
        for kind, legs in going.items():
            index = np.sort(np.concatenate(legs))
            result.forwards[kind] = onward if len(index) == len(batch) else onward.take(index)
        if self.state is not None:
            self.state.sweep(self.clock, SWEEP_PER_EVENT * len(batch))
        return result

    # Features: this hop's windows, and what earlier hops sent along.

    def _features(self, batch: EventBatch) -> tuple[dict[str, Floats], dict[str, Mask]]:
        values, flags = _carried_in(batch, self._texts)
        if self.state is None:
            return values, flags
        layout = self.state.layout
        fed_by = {type_name for type_name, _ in layout.bits}
        masks = np.zeros(len(batch), np.int64)
        for event_type, rows in rows_of_types(batch):
            if event_type.name in fed_by:
                evaluator = self._evaluator(self.kind, event_type.name)
                masks[rows] = evaluator.where_masks(View(batch, rows, Features(), {}))
        columns = np.empty((len(layout.columns), len(batch)), np.int64)
        for j, name in enumerate(layout.columns):
            columns[j] = batch.hashes(name) if batch.catalogue.fields[name].type.is_text else batch.fixed(name)
        for aggregate in self._outputs:
            if aggregate.text and aggregate.field is not None:
                name = aggregate.field
                self._texts.learn(batch.hashes(name), partial(batch.text, name))
        keys, present = batch.keys(self.kind)
        table, inexact = self.state.apply(keys, present, batch.times, masks, columns, batch.hashes("id"))
        by_output = np.ascontiguousarray(table.T)
        for f, aggregate in enumerate(self._outputs):
            values[aggregate.id] = by_output[f]
        if inexact.any():
            for f, aggregate in enumerate(self._outputs):
                bits = (inexact >> f) & 1 != 0
                if bits.any():
                    flags[aggregate.id] = bits
        return values, flags

    def _carry(self, batch: EventBatch, values: Mapping[str, Floats], flags: Mapping[str, Mask]) -> EventBatch:
        """Send along what rules at later hops need of this one."""
        columns: dict[str, Any] = {}
        for aggregate in self.plan.carried(self.kind):
            if (value := values.get(aggregate.id)) is not None:
                if aggregate.text:
                    hashes = columns[f"h.{aggregate.id}"] = value.view(np.int64)
                    columns[f"t.{aggregate.id}"] = [self._texts.known.get(hashed) for hashed in hashes.tolist()]
                else:
                    columns[f"f.{aggregate.id}"] = value
            if (inexact := flags.get(aggregate.id)) is not None:
                columns[f"x.{aggregate.id}"] = inexact.astype(np.int64)
        return batch.with_columns(columns) if columns else batch

    # Rules: which are judged here, on which events.

    def _evaluator(self, kind: str, type_name: str) -> Evaluator:
        evaluator = self._evaluators.get((kind, type_name))
        if evaluator is None:
            evaluator = self._evaluators[kind, type_name] = Evaluator(self.plan, kind, type_name)
        return evaluator

    def _legs(
        self, batch: EventBatch, event_type: EventType, rows: Rows
    ) -> Iterator[tuple[tuple[str, ...], str | None, Rows]]:
        """Split events of one type by their next leg: (hops whose rules are judged now, next hop or None, rows).

        A rule stands at the last hop of the itinerary that has a feature of it. An event without that hop's key never
        comes there: the hop before it that the event does visit judges the rule, and those features are unknown.
        """
        itinerary = self.plan.itinerary(event_type.name)
        started = np.zeros(len(batch), np.bool_)
        for kind in self._earlier:
            started |= _present(batch, kind)
        at = itinerary.index(self.kind) if self.kind in itinerary else 0
        for left, start in ((rows[~started[rows]], 0), (rows[started[rows]], at)):
            for j, kind in enumerate(itinerary):
                if len(left) == 0:
                    break
                if kind == self.kind or j < at:
                    continue
                present = _present(batch, kind)[left]
                if present.any():
                    yield itinerary[start:j], kind, left[present]
                    left = left[~present]
            if len(left):
                yield itinerary[start:], None, left

    def _judge(
        self,
        batch: EventBatch,
        event_type: EventType,
        judged_at: tuple[str, ...],
        rows: Rows,
        view: View,
        result: Result,
    ) -> Iterator[tuple[int, str, Alert]]:
        """(row, rule id, alert) for each rule of the given hops that fires."""
        for kind in judged_at:
            evaluator = self._evaluator(kind, event_type.name)
            for rule, fired in evaluator.fired(view):
                scores = evaluator.score(rule, view, fired)
                for row, score in zip(fired.tolist(), scores.tolist(), strict=True):
                    alert = self._alert(batch, event_type, evaluator, rule, view, row, int(rows[row]), score)
                    yield int(rows[row]), rule.id, alert
            for rule_id, errors in evaluator.take_errors().items():
                result.rule_errors[rule_id] = result.rule_errors.get(rule_id, 0) + errors

    def _alert(
        self,
        batch: EventBatch,
        event_type: EventType,
        evaluator: Evaluator,
        rule: Rule,
        view: View,
        row: int,
        index: int,
        score: float,
    ) -> Alert:
        event = batch.text("id", index) or ""
        features, inexact = evaluator.explain(rule, view, row)
        keys = {k.name: text for k in batch.catalogue.kinds if (text := batch.text(k.name, index))}
        return Alert(
            id=alert_id(rule.id, event),
            rule=rule.id,
            rule_version=rule.version,
            plan=self.plan.version,
            hop=self.kind,
            stage=rule.stage,
            severity=rule.severity,
            score=score,
            action=rule.action,
            owner=rule.owner,
            mode=rule.mode,
            entity=batch.text("entity", index) or "",
            channel=batch.text("channel", index) or "",
            time=int(batch.times[index]),
            type=event_type.name,
            event=event,
            keys=keys,
            features=features,
            inexact=inexact,
            summary=evaluator.sentence(rule, view, row),
            why=rule.why,
        )


class Engine:
    """All hops of a plan in one process, in the fixed order of kinds: what `replay`, tests and benchmarks run."""

    def __init__(self, plan: Plan, *, reserve_mib: int = 1024) -> None:
        self.plan = plan
        self.hops = {k.name: Hop(plan, k.name, reserve_mib=reserve_mib) for k in plan.catalogue.kinds}

    def use(self, plan: Plan) -> None:
        """Judge by `plan` from the next batch on."""
        self.plan = plan
        for hop in self.hops.values():
            hop.use(plan)

    def apply(self, batch: EventBatch) -> Result:
        """Judge a batch to the end of every event's journey; `stamps` are row numbers of `batch`."""
        batch = batch.with_columns({"_stamp": np.arange(len(batch), dtype=np.int64)})
        waiting: dict[str, list[EventBatch]] = {}
        for kind, rows in entry_hops(batch).items():
            waiting.setdefault(kind, []).append(batch if len(rows) == len(batch) else batch.take(rows))
        total = Result()
        said: list[tuple[int, Alert]] = []
        for kind, hop in self.hops.items():
            if kind not in waiting:
                continue
            result = hop.apply(_in_order(waiting.pop(kind)))
            said += zip(result.stamps, result.alerts, strict=True)
            total.shadow += result.shadow
            total.judged += result.judged
            for rule, errors in result.rule_errors.items():
                total.rule_errors[rule] = total.rule_errors.get(rule, 0) + errors
            for onward, events in result.forwards.items():
                waiting.setdefault(onward, []).append(events)
        for stamp, alert in sorted(said, key=lambda s: (s[0], s[1].rule)):
            total.stamps.append(stamp)
            total.alerts.append(alert)
        return total


def _in_order(batches: list[EventBatch]) -> EventBatch:
    """Batches that reached one hop by different ways as one, in the order of their stamps."""
    if len(batches) == 1:
        return batches[0]
    together = EventBatch.concat(batches)
    return together.take(np.argsort(together.stamps, kind="stable"))
