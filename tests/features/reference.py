"""The slow truth about windows: plain lists, exact integers, every value worked out from the definition each time."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_right
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache

from risk_stream.catalogue import text_hash
from risk_stream.features import Aggregate, KindLayout, Op, Periods

MISSING = -(2**63)
NEVER = -(2**62)


@dataclass(frozen=True)
class Event:
    """One event as a key sees it: fields by name in fixed point, MISSING or absent where it has none.

    Ids are hashes; without one given, an event's is above those of all that were made before it.
    """

    time: int
    counts_for: frozenset[tuple[str, str]] = frozenset()
    fields: dict[str, int] = field(default_factory=dict, hash=False)
    key: int | None = 0
    id: int = field(default_factory=itertools.count().__next__)

    @property
    def place(self) -> tuple[int, int]:
        """What events are ordered by."""
        return self.time, self.id


@dataclass
class Log:
    """The events of one key that are kept, oldest first, and what is known of the others."""

    kept: list[Event] = field(default_factory=list)
    gone: list[Event] = field(default_factory=list)
    gone_until: int = NEVER


@dataclass(frozen=True)
class Answer:
    """One aggregate as of one event: `value` None where missing, a text's hash as an int."""

    value: float | int | None
    exact: bool
    at_least: float = -math.inf  # what a flagged count must reach, and must not exceed; of seen, the bits it may have
    at_most: float = math.inf


class Reference:
    """All windows of one kind of key. `apply` puts one event in its place and answers for every aggregate."""

    def __init__(self, layout: KindLayout) -> None:
        self.layout = layout
        self.logs: dict[int, Log] = {}

    def apply(self, event: Event) -> list[Answer]:
        if event.key is None:
            return [Answer(None, exact=True) for _ in self.layout.aggregates]
        log = self.logs.setdefault(event.key, Log())
        place = bisect_right(log.kept, event.place, key=lambda e: e.place)
        before, window = log.kept[:place], log.kept[:place]
        if place and log.kept[place - 1].place == event.place:
            before = window[:-1]
        elif event.counts_for & set(self.layout.bits):
            full = len(log.kept) >= self.layout.cap
            if event.time < log.gone_until or (full and place == 0):
                before, window = [], [event]
                log.gone.append(event)
                log.gone_until = max(log.gone_until, event.time)
            else:
                log.kept.insert(place, event)
                if full:
                    log.gone.append(log.kept.pop(0))
                    log.gone_until = max(log.gone_until, log.gone[-1].time)
                    before = before[1:]
                window = [*before, event]
        return [self._answer(a, log, before, window, event) for a in self.layout.aggregates]

    def _answer(self, a: Aggregate, log: Log, before: list[Event], window: list[Event], event: Event) -> Answer:
        now = event.time
        since = window_start(a, now) - 1
        earlier, inside = _after(since, before), _after(since, window)
        if a.op.is_arrears:
            value = self._past_due(a, earlier if a.before else inside, now)
        elif a.op.is_baseline:
            value = self._standing(a, self._values(a, earlier), event.fields.get(a.field or "", MISSING))
        else:
            value = self._value(a, earlier, inside, now)
        if log.gone_until <= since or log.gone_until < self._newest(a, before, since):
            return Answer(value, exact=True)
        here = {id(e) for e in window}
        gone = [
            e for e in log.gone if since < e.time and e.place <= event.place and id(e) not in here and matches(a, e)
        ]
        whole = sorted([*inside, *gone], key=lambda e: e.place)
        if a.op is Op.SEEN:
            past = [e for e in whole if e.place < event.place]
            return Answer(value, exact=False, at_most=self._value(a, past, past, now) or 0)
        bounds = len(self._events(a, inside)), len(self._events(a, whole))
        return Answer(value, exact=False, at_least=bounds[0], at_most=bounds[1])

    def _newest(self, a: Aggregate, before: list[Event], since: int) -> int:
        """When the event was that last or since asks for, if it is here: no other that is older matters to these."""
        if a.steps or a.op not in {Op.LAST, Op.SINCE}:
            return NEVER
        counts = (lambda e: bool(self._values(a, [e]))) if a.op is Op.LAST else (lambda e: matches(a, e))
        return next((e.time for e in reversed(_after(since, before)) if counts(e)), NEVER)

    def _standing(self, a: Aggregate, past: list[int], own: int) -> float | None:
        """Where the event's own value stands among those before it."""
        n = len(past)
        if own == MISSING or n < a.least:
            return None
        if a.op is Op.PERCENTILE:
            return 100 * sum(v < own for v in past) / n
        mean = Fraction(sum(past), n)
        spread = math.sqrt(sum((v - mean) ** 2 for v in past) / n)
        return float(own - mean) / spread if spread else None

    def _past_due(self, a: Aggregate, window: list[Event], now: int) -> float:
        """Days or amount past due: coin by coin, every payment settles what is left of the oldest instalment."""
        assert a.field is not None
        assert a.days is not None
        money, due = 0, []
        for event in window:
            amount = event.fields.get(a.field, MISSING)
            of_instalments, paid, returned = ([bit for bit in step if bit in event.counts_for] for step in a.steps)
            if amount == MISSING:
                continue
            if of_instalments and amount > 0:
                said = MISSING if a.due is None else event.fields.get(a.due, MISSING)
                due.append([event.time if said == MISSING else said, amount])
            money += amount * (bool(paid) - bool(returned))
        for instalment in sorted(due):
            part = max(0, min(money, instalment[1]))
            instalment[1] -= part
            money -= part
        today = _day(a.days, now)
        open_days = [today - _day(a.days, when) for when, left in due if left]
        if a.op is Op.DAYS_PAST_DUE:
            return float(max([0, *open_days]))
        return sum(left for when, left in due if _day(a.days, when) < today) / 10.0**a.decimals

    def _value(  # noqa: PLR0911 - one for each operation
        self, a: Aggregate, before: list[Event], window: list[Event], now: int
    ) -> float | int | None:
        scale = 10.0**a.decimals
        if a.op in {Op.COUNT, Op.SEQUENCE}:
            return len(self._events(a, window))
        if a.op is Op.SINCE:
            past = {id(e) for e in before}
            times = [e.time for e in self._events(a, window) if id(e) in past]
            return (now - times[-1]) / 1000 if times else None
        if a.op is Op.SEEN:
            found = set(self._values(a, before))
            return sum(2**b for b, text in enumerate(a.values) if _hash_of(text) in found)
        values = self._values(a, window)
        if a.op is Op.SUM:
            return wrapped(sum(values)) / scale
        if a.op is Op.DISTINCT:
            return len(set(values))
        if a.op is Op.LAST:
            values = self._values(a, before)
        if not values:
            return None
        if a.op in {Op.FIRST, Op.LAST}:
            value = values[0 if a.op is Op.FIRST else -1]
            return value if a.text else value / scale
        if a.op is Op.MEAN:
            return wrapped(sum(values)) / (len(values) * scale)
        if a.op is Op.QUANTILE:
            ranked = sorted(values)
            return (
                next(v for i, v in enumerate(ranked, 1) if Fraction(i, len(ranked)) >= Fraction(a.share, 10**6)) / scale
            )
        if a.op is Op.STD:
            n = len(values)
            variance = Fraction(sum(v * v for v in values), n) - Fraction(sum(values), n) ** 2
            return math.sqrt(variance) / scale
        return (min(values) if a.op is Op.MIN else max(values)) / scale

    def _events(self, a: Aggregate, window: list[Event]) -> list[Event]:
        """Those that count, which of a sequence are its completions."""
        return completions(a, window) if a.steps and not a.op.is_arrears else matching(a, window)

    def _values(self, a: Aggregate, events: list[Event]) -> list[int]:
        assert a.field is not None
        values = [e.fields.get(a.field, MISSING) for e in matching(a, events)]
        missing = {MISSING, 0} if a.field in self.layout.text_columns else {MISSING}
        return [v for v in values if v not in missing]


@cache
def _hash_of(text: str) -> int:
    return text_hash(text)


def window_start(a: Aggregate, now: int) -> int:
    """The earliest time in an aggregate's window as of `now`."""
    sliding = now - a.window_ms + 1
    if a.periods is None:
        return sliding
    begun = bisect_right(a.periods.starts, now)
    return max(sliding, int(a.periods.starts[begun - 1])) if begun else sliding


def _day(days: Periods, time: int) -> int:
    """The number of a day, those before and behind the calendar's having 24 hours."""
    first, last, number = int(days.starts[0]), int(days.starts[-1]), bisect_right(days.starts, time) - 1
    if time < first:
        return math.floor(Fraction(time - first, 86_400_000))
    return number + (time - last) // 86_400_000 if number == len(days.starts) - 1 else number


def matches(a: Aggregate, event: Event) -> bool:
    """Whether an event counts for an aggregate."""
    return not event.counts_for.isdisjoint(a.bits)


def matching(a: Aggregate, events: list[Event]) -> list[Event]:
    """Those that count for an aggregate."""
    bits = a.bits
    return [e for e in events if not e.counts_for.isdisjoint(bits)]


def _after(since: int, events: list[Event]) -> list[Event]:
    """Those behind a time, of events in the order of their places."""
    return events[bisect_right(events, since, key=lambda e: e.time) :]


def completions(a: Aggregate, events: list[Event]) -> list[Event]:
    """The events that complete a sequence: with each of them there are more sequences one behind another than before.

    most[j]: as many as there can be, none beginning before another has ended, among the first j.
    """
    fits = [[any(bit in event.counts_for for bit in step) for step in a.steps] for event in events]
    most = [0]
    found = []
    for j, last in enumerate(events):
        # One more than there were so far: so it begins where there were as many already.
        more = fits[j][-1] and any(
            most[i] == most[-1]
            and fits[i][0]
            and last.time - first.time < a.within_ms
            and _in_order(fits[i + 1 : j], len(a.steps))
            for i, first in enumerate(events[:j])
        )
        most.append(most[-1] + more)
        if most[-1] > most[-2]:
            found.append(last)
    return found


def _in_order(fits: list[list[bool]], steps: int) -> bool:
    """Whether events between the first and the last of so many steps hold the others in order."""
    step = 1
    for fitting in fits:
        step += step < steps - 1 and fitting[step]
    return step == steps - 1


def _quantile(values: list[int], share: Fraction) -> int:
    """The least value that at least a share of the values does not exceed."""
    return min(v for v in values if Fraction(sum(other <= v for other in values), len(values)) >= share)


def wrapped(n: int) -> int:
    """The int64 that n becomes modulo 2**64."""
    return (n + 2**63) % 2**64 - 2**63
