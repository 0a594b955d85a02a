"""Collects what a hop says of blocks: alerts and decisions raised, changed, withdrawn, and events that travel on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from risk_stream.catalogue import EventBatch
from risk_stream.engine.alert import Alert, revision_of
from risk_stream.engine.block import INDEX_BITS, REVISED, TIMED, Forward, Result
from risk_stream.engine.decided import Decided
from risk_stream.engine.drift import drift_alert
from risk_stream.engine.judge import Leg, Said
from risk_stream.engine.machine import Noticed
from risk_stream.engine.plans import InForce
from risk_stream.engine.revise import differs
from risk_stream.engine.view import Features, Mask, Rows
from risk_stream.engine.windows import carry
from risk_stream.features import Aggregate
from risk_stream.rules import RulesAt, add_failures

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Longs = NDArray[np.int64]

__all__ = ["Tell", "first_revised"]


class Tell:
    """What one `apply` of the hop with place `rank` in hop order says. `texts` are those that the hop knows by now."""

    def __init__(self, kind: str, rank: int, texts: Mapping[int, str]) -> None:
        self.kind, self._rank, self._texts = kind, rank, texts
        self.result = Result()
        self._pieces: list[tuple[str, str, EventBatch]] = []  # (kind, plan version, events)
        self._ended: list[Longs] = []

    def done(self) -> Result:
        """All of it."""
        kinds: dict[str, list[tuple[str, list[EventBatch]]]] = {}
        for kind, version, batch in self._pieces:
            runs = kinds.setdefault(kind, [])
            if runs and runs[-1][0] == version:
                runs[-1][1].append(batch)
            else:
                runs.append((version, [batch]))
        self.result.forwards = [
            Forward(kind, version, EventBatch.concat(batches))
            for kind, runs in kinds.items()
            for version, batches in runs
        ]
        if self._ended:
            self.result.ended = np.concatenate(self._ended)
        return self.result

    def first(self, batch: EventBatch, held: InForce, features: Features) -> None:
        """Judge events for the first time; their stamps are those of their rows."""
        if len(batch) == 0:
            return
        result, stamps = self.result, batch.stamps
        legs = held.judge.legs(batch)
        revisions = revision_of(self._rank, 0) | stamps >> INDEX_BITS
        for said in held.judge.judge(batch, legs, features, self._texts, revisions):
            self._say(said.alert, int(stamps[said.row]))
        going: dict[str, list[Rows]] = {}
        for leg in legs:
            if leg.goes_to is not None:
                going.setdefault(leg.goes_to, []).append(leg.rows)
            else:
                result.judged += len(leg.rows)
                if batch.has("_at"):
                    self._ended.append(batch.fixed("_at")[leg.rows])
        if going:
            onward = carry(batch, held.plan.carried(self.kind), features, self._texts)
            for kind, rows in going.items():
                index = np.sort(np.concatenate(rows))
                part = onward if len(index) == len(batch) else onward.take(index)
                self._pieces.append((kind, held.plan.version, part))
        self._count_judged(held, legs)
        self._count_errors(held)

    def noticed(self, held: InForce, batch: EventBatch, noticed: Sequence[Noticed], position: int) -> None:
        """Say which models drift since some events of a batch."""
        for one in noticed:
            if one.signal.begins:
                alert = drift_alert(held.plan, self.kind, batch, one, revision_of(self._rank, position))
                self._say(alert, int(batch.stamps[one.row]))

    def again(
        self,
        held: InForce,
        old: tuple[EventBatch, Features],
        new: tuple[EventBatch, Features],
        facts_differ: Mask,
        stamp: int,
    ) -> int:
        """Judge events as before a block and after it, and say what differs; -> how many stamps were used.

        The events' stamps are `stamp`, and those above it, one for each of which there is something to say.
        """
        n = len(new[0])
        old_legs, new_legs = held.judge.legs(old[0]), held.judge.legs(new[0])
        alerts = self._differences(held, old, new, old_legs, new_legs, stamp >> INDEX_BITS)
        aggregates = held.plan.carried(self.kind)
        goes = _going(new_legs, n)
        onward = (facts_differ | _carries_other(aggregates, old[1], new[1], n) | (goes != _going(old_legs, n))) & (
            goes != ""
        )
        telling = onward.copy()
        telling[[row for row, _, _ in alerts]] = True
        numbers = stamp + np.cumsum(telling) - 1
        for row, _, alert in alerts:
            self._say(alert, int(numbers[row]))
        if onward.any():
            carried = carry(new[0], aggregates, new[1], self._texts).with_columns({"_stamp": numbers})
            for kind in dict.fromkeys(goes[onward].tolist()):
                self._pieces.append((kind, held.plan.version, carried.take(np.flatnonzero(onward & (goes == kind)))))
        self._count_errors(held)
        return int(telling.sum())

    def timed(self, held: InForce, batch: EventBatch, features: Features, position: int) -> None:
        """Judge events whose time has come (column DUE) with the block at a position."""
        revisions = np.full(len(batch), revision_of(self._rank, position), np.int64)
        legs = held.judge.legs_later(batch)
        for said in held.judge.judge(batch, legs, features, self._texts, revisions):
            self._say(said.alert, position << INDEX_BITS | TIMED)
        self.result.timed += len(batch)
        self._count_judged(held, legs)
        self._count_errors(held)

    def timed_again(
        self, held: InForce, old: tuple[EventBatch, Features], new: tuple[EventBatch, Features], position: int
    ) -> None:
        """Say what a block changes of what was said of such events."""
        legs = held.judge.legs_later(new[0])
        for _, _, alert in self._differences(held, old, new, legs, legs, position):
            self._say(alert, position << INDEX_BITS | TIMED)
        self._count_errors(held)

    def _differences(
        self,
        held: InForce,
        old: tuple[EventBatch, Features],
        new: tuple[EventBatch, Features],
        old_legs: list[Leg],
        new_legs: list[Leg],
        position: int,
    ) -> list[tuple[int, str, Alert]]:
        """(row, rule, alert) of all that is to be said of n events judged as before a block and as after it."""
        judge = held.judge
        revisions = np.full(len(new[0]), revision_of(self._rank, position), np.int64)
        before = {(s.row, s.rule.id): s for s in judge.judge(*_args(old, old_legs, self._texts), revisions)}
        judge.take_errors()
        after = {(s.row, s.rule.id): s for s in judge.judge(*_args(new, new_legs, self._texts), revisions)}
        alerts: list[tuple[int, str, Alert]] = []
        for row, rule_id in before.keys() | after.keys():
            alert = self._difference(held, old, new, before.get((row, rule_id)), after.get((row, rule_id)))
            if alert is not None:
                alerts.append((row, rule_id, alert))
        return sorted(alerts, key=lambda a: a[:2])

    def _difference(
        self,
        held: InForce,
        old: tuple[EventBatch, Features],
        new: tuple[EventBatch, Features],
        before: Said | None,
        after: Said | None,
    ) -> Alert | None:
        """What is to be said of a rule on an event; None where nothing is."""
        if after is None:
            assert before is not None
            given = new[0], before.row, new[1], self._texts
            features, inexact, warming = held.judge.explain(before.rule, *given)
            now = {"features": features, "inexact": inexact, "warming": warming}
            return _replace(before.alert, status="withdrawn", was=before.alert.features, **now)
        if before is None:
            was, _, _ = held.judge.explain(after.rule, old[0], after.row, old[1], self._texts)
            return _replace(after.alert, was=was)
        if before.alert == after.alert:
            return None
        if before.alert.mode != after.alert.mode:  # another key, for which the rule is live or no longer is
            return (
                _replace(after.alert, was=before.alert.features)
                if after.alert.mode == "live"
                else _withdrawn(before, after)
            )
        return _replace(after.alert, status="changed", was=before.alert.features)

    def _say(self, alert: Alert, stamp: int) -> None:
        if alert.mode != "live":
            self.result.shadow.append(alert)
        elif isinstance(alert, Decided):
            self.result.decisions.append(alert)
        else:
            self.result.alerts.append(alert)
            self.result.stamps.append(stamp)

    def _count_errors(self, held: InForce) -> None:
        add_failures(self.result.rule_errors, held.judge.take_errors())

    def _count_judged(self, held: InForce, legs: list[Leg]) -> None:
        for leg in legs:
            for kind in leg.judged_at:
                at = RulesAt(held.plan.version, kind, leg.type.name, leg.after)
                self.result.judged_by[at] += len(leg.rows)


def _withdrawn(before: Said, after: Said) -> Alert:
    """What was shown, taken back: what is said instead is not shown."""
    return _replace(after.alert, mode=before.alert.mode, status="withdrawn", was=before.alert.features)


def _replace(alert: Alert, **changed: Any) -> Alert:
    return msgspec.structs.replace(alert, **changed)


def _args(
    side: tuple[EventBatch, Features], legs: list[Leg], texts: Mapping[int, str]
) -> tuple[EventBatch, list[Leg], Features, Mapping[int, str]]:
    return side[0], legs, side[1], texts


def _going(legs: list[Leg], n: int) -> NDArray[np.object_]:
    """Where each of n events goes next, "" for nowhere."""
    goes = np.full(n, "", object)
    for leg in legs:
        goes[leg.rows] = leg.goes_to or ""
    return goes


def _carries_other(aggregates: tuple[Aggregate, ...], old: Features, new: Features, n: int) -> Mask:
    """Which of n events carry other values, or other flags, than before."""
    other = np.zeros(n, np.bool_)
    none = np.zeros(n, np.bool_)
    for aggregate in aggregates:
        a, b = old.values.get(aggregate.id), new.values.get(aggregate.id)
        if a is not None and b is not None:
            other |= differs(a, b)
        elif a is not None or b is not None:
            other |= True
        other |= old.flags.get(aggregate.id, none) != new.flags.get(aggregate.id, none)
        other |= old.warming.get(aggregate.id, none) != new.warming.get(aggregate.id, none)
    return other


def first_revised(position: int) -> int:
    """The stamp of the first revised event of the block at a position."""
    return position << INDEX_BITS | REVISED
