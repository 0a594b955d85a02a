"""Events that came too late, judged afterwards: over the history of their keys, apart from the workers and their state.

The house topics are read from their beginning, twice: once for who owns which key, once for every event that shares a
key with a late one. An `Engine` of its own judges these events and the late ones in the order of their times; alerts
and decisions on the late events are said as `recovered`, everything else it says is dropped. The history is what the
house sent: late events count in each other's, records refused for what they say do not. The rules are today's.

A rule that judges later does so where its time has come by the clocks of the house, though the late event's own key be
idle since. What is due later waits: the note on the event says until when it was judged, and a later run goes on there.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np
import orjson

from risk_stream.catalogue import MISSING, Decoder, EventBatch
from risk_stream.decisions import Decision, decision_of
from risk_stream.engine import Alert, Decided, Engine, broadcast_rows, final, rows_of_types
from risk_stream.kafka import Outgoing, Reader, partition_counts
from risk_stream.rules import Plan
from risk_stream.settings import Settings
from risk_stream.sinks import RECOVERED
from risk_stream.stream.decisions import decision_records
from risk_stream.stream.intake.lifts import AT_REST_MS
from risk_stream.stream.letters.messages import alert_to
from risk_stream.stream.past.history import History, in_order, read_events, refused_for_their_time
from risk_stream.stream.past.mending import Mend
from risk_stream.stream.past.rejects import LATE, Choice, Mended, mend_all, read_rejects, send_all

__all__ = ["RECOVERED_REVISION", "Clocks", "Recovered", "judge", "recover"]

#: Of an alert that was found afterwards: below any revision of a worker, which knows better if it says one.
RECOVERED_REVISION = -1


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was found: late events that were judged, the events of their keys, what was said on the late ones.

    `waiting` are those of them that rules judge later still; at `due`, ms, the first of these has its time.
    """

    found: Mended
    events: int
    history: int
    alerts: list[Alert] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    waiting: int = 0
    due: int = 0


async def recover(
    settings: Settings,
    plan: Plan,
    choice: Choice,
    mends: Sequence[Mend] = (),
    *,
    limit: int = 100_000,
    dry_run: bool = False,
) -> Recovered:
    """Judge the chosen records that came too late, say their alerts and decisions, and note them in `risk.audit`.

    Alerts go to `risk.alerts`, decisions to `risk.decisions`: there the first record of an application is its answer,
    so what is recovered of one that was answered changes nothing, and an officer hears where the verdict is another.

    A record that was noted there is not judged again, but by rules that were not due then and are now. With `dry_run`
    nothing is said and nothing noted.

    Raises:
        BrokerError: Kafka does not answer or takes no record.
    """
    decoder, found = Decoder(plan.catalogue), Mended()
    late_only = Choice(frozenset({LATE}), choice.topics, choice.since, choice.until, choice.text, choice.id)
    clocks = Clocks(int(settings.lateness_seconds * 1000))
    async with Reader(settings.broker) as reader:
        noted = await _noted(reader, settings)
        done = {name for name, until in noted.items() if until is None}
        async for rejects in read_rejects(reader, settings, late_only):
            found.chosen += len(rejects)
            found.done += sum(r.id in done for r in rejects)
            found.cut += sum(not r.whole for r in rejects if r.id not in done)
            again = [r for r in rejects if r.id in noted and r.id not in done and r.whole]
            left = [r for r in rejects if r.id not in noted and r.whole]
            here = left[: max(0, limit - sum(r.id not in noted for _, r, _ in found.accepted))]
            found.left += len(left) - len(here)
            mend_all([*again, *here], found, decoder, mends, latest=None)
        if not found.accepted:
            return Recovered(found, 0, 0)
        values = [value for _, _, value in found.accepted]
        batch, _, _ = decoder.decode(values, lambda i: found.accepted[i][1].id)
        refused = await refused_for_their_time(reader, settings, "future")
        history = History(plan.catalogue)
        history.want(batch, plan.longest_after_ms)
        async for events in read_events(reader, settings, decoder, refused, clocks.saw):
            history.learn(events)
        history.close()
        async for events in read_events(reader, settings, decoder, refused):
            history.add(events)
    now = clocks.now(int(time.time() * 1000) if settings.clock == "live" else None)
    names = [rejected.id for _, rejected, _ in found.accepted]
    dues = _dues(plan, batch)
    before = [noted.get(name) for name in names]
    judged_to = {batch.text("id", i): until for i, until in enumerate(before) if until is not None}
    said = [a for a in judge(plan, batch, history.batches, now) if _is_news(a, judged_to.get(a.event))]
    alerts = [a for a in said if not isinstance(a, Decided)]
    decisions = [decision_of(a) for a in said if isinstance(a, Decided)]
    fresh = [until is None or any(until < due <= now for due in of) for until, of in zip(before, dues, strict=True)]
    open_dues = [
        [due for due in of if due > max(now, MISSING if until is None else until)]
        for until, of in zip(before, dues, strict=True)
    ]
    if not dry_run:
        partitions = partition_counts(settings.broker)
        await send_all(settings.broker, _messages(settings, alerts, decisions, partitions))
        notes = [
            {"kind": "recovered", "record": name, "plan": plan.version} | ({"until": now} if waiting else {})
            for name, is_fresh, waiting in zip(names, fresh, open_dues, strict=True)
            if is_fresh or not waiting
        ]
        await send_all(settings.broker, ((settings.audit_topic, None, orjson.dumps(note), None) for note in notes))
    waiting_ones = [of[0] for of in open_dues if of]
    over = sum(map(len, history.batches))
    return Recovered(found, sum(fresh), over, alerts, decisions, len(waiting_ones), min(waiting_ones, default=0))


def _dues(plan: Plan, batch: EventBatch) -> list[list[int]]:
    """Of each event when rules judge it later, ms ascending."""
    dues: list[set[int]] = [set() for _ in range(len(batch))]
    for event_type, rows in rows_of_types(batch):
        for rule in plan.judged:
            if rule.after is not None and event_type.name in rule.on:
                for row, due in zip(rows.tolist(), rule.after.due(batch.times[rows]).tolist(), strict=True):
                    dues[row].add(due)
    return [sorted(of) for of in dues]


def _is_news(alert: Alert, until: int | None) -> bool:
    """Whether it was not said when its event was judged up to `until`; None where it never was."""
    return until is None or (alert.event_time is not None and alert.time > until)


def _messages(
    settings: Settings, alerts: Iterable[Alert], decisions: Sequence[Decision], partitions: Mapping[str, int]
) -> Iterable[tuple[str, bytes | None, bytes, int | None]]:
    """Alerts and decisions, each where a worker would say it; `partitions` are those of each topic."""
    out: list[Outgoing] = [alert_to(settings.alerts_topic, a, partitions[settings.alerts_topic]) for a in alerts]
    if decisions:
        topic = settings.decisions_topic
        out += decision_records(topic, decisions, partitions[topic])
    for one in out:
        yield one.topic, one.key, one.value, one.partition


def judge(plan: Plan, late: EventBatch, history: Sequence[EventBatch], now: int | None = None) -> list[Alert]:
    """What is said of the events of `late`, judged among those of `history`; an event that is in both is one.

    These are alerts, and the judgements of decision tables.

    Rules that judge later do so where they are due by `now`, ms; None: as far as the history reaches.
    """
    wanted = {late.text("id", row) for row in range(len(late))}
    latest = late.times.max() + plan.longest_after_ms
    engine, said = Engine(plan), list[Alert]()  # what tables decide among them
    for batch in in_order([late, *history]):
        rows = np.flatnonzero(batch.times <= latest)
        if len(rows):
            result = engine.apply(batch.take(rows))
            said += [*result.alerts, *result.decisions]
    if now is not None:
        said += engine.advance(now).alerts
    recovered = {"status": RECOVERED, "revision": RECOVERED_REVISION, "was": None}
    return [
        msgspec.structs.replace(alert, **recovered)
        for alert in final(alert for alert in said if alert.event in wanted)
        if now is None or alert.event_time is None or alert.time <= now
    ]


class Clocks:
    """How far time has come in the house, as workers see it: the lowest clock of the origins that are not quiet.

    An origin is a partition of a house topic. It is quiet where nothing came for a minute before the newest record.
    """

    def __init__(self, lateness_ms: int) -> None:
        self.lateness_ms = lateness_ms
        self._origins: dict[str, tuple[int, int]] = {}  # highest event time, newest broker time, ms

    def saw(self, origin: str, events: EventBatch, appended: int) -> None:
        """Events of an origin, the last of which the broker got at `appended`, ms."""
        times = events.times[~broadcast_rows(events)]  # what every hop is told of moves no clock
        if len(times):
            clock, newest = self._origins.get(origin, (MISSING, MISSING))
            self._origins[origin] = max(clock, int(times.max())), max(newest, appended)

    def now(self, wall_ms: int | None) -> int:
        """What can no longer change: no event still accepted stands before this, ms; MISSING where none came.

        `wall_ms` is the wall clock, where event times go by it: it goes on where nothing comes from anywhere.
        """
        if not self._origins:
            return MISSING
        newest = max(appended for _, appended in self._origins.values())
        now = min(clock for clock, appended in self._origins.values() if appended >= newest - AT_REST_MS)
        if wall_ms is not None and newest < wall_ms - AT_REST_MS:
            now = max(now, wall_ms - AT_REST_MS - self.lateness_ms)
        return now - self.lateness_ms


async def _noted(reader: Reader, settings: Settings) -> dict[str, int | None]:
    """The names of records that were recovered before; until when, ms, where rules judge them later than that."""
    found: dict[str, int | None] = {}
    async for records in reader.read(await reader.spans([settings.audit_topic])):
        for record in records:
            if b'"recovered"' in (record.value or b""):
                said = orjson.loads(record.value)
                if said.get("kind") == "recovered":
                    name, until = str(said.get("record")), said.get("until")
                    had = found.get(name, MISSING)
                    found[name] = None if until is None or had is None else max(had, int(until))
    return found
