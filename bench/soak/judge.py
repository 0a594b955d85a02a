"""The verdict on a soak: its logs read once more and judged by one engine to which nothing happened.

As for chaos, but made for tens of millions of events: origins are read side by side, in the order of event time, and no
more of them is held than lies within the lateness. Lateness, plans and copies are decided again on the way.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import orjson
from aiokafka.structs import ConsumerRecord
from numpy.typing import NDArray

from bench.chaos.compare import Difference, Key, compare, fold, same_finals
from bench.chaos.house import House
from bench.chaos.judge import Judgement, Switches, audit_of
from bench.chaos.stream import ORIGINS
from bench.chaos.truth import Lift, Origin, Verdict
from risk_stream.catalogue import MISSING, Catalogue, Decoder, EventBatch, load_catalogue, text_hash
from risk_stream.engine import Engine
from risk_stream.kafka import Reader, Span
from risk_stream.rules import Plan, plan_of_texts

__all__ = ["judge_soak"]

#: Events that the undisturbed engine takes at once.
BLOCK = 4000

#: Which plan an event came under, as an index; and the origin's own offset.
_PLAN = "_plan"


@dataclass
class _Refused:
    """Places of records that must have been refused, by reason."""

    late: set[tuple[str, int, int]] = field(default_factory=set)
    future: set[tuple[str, int, int]] = field(default_factory=set)
    wrong: set[tuple[str, int, int]] = field(default_factory=set)


class _Source:
    """One origin's log, read part by part; `clock` is the highest event time read, None at its end."""

    def __init__(
        self,
        origin: Origin,
        records: AsyncIterator[list[ConsumerRecord]],
        decoder: Decoder,
        house: House,
        lifts: Sequence[Lift],
        switches: Sequence[tuple[int, int]],
        refused: _Refused,
    ) -> None:
        self.origin, self._records, self._decoder, self._refused = origin, records, decoder, refused
        self.clock: int | None = MISSING
        self._lateness, self._future = house.shape.lateness_ms, int(house.settings.future_seconds * 1000)
        self._carry = MISSING
        ordered = sorted(lifts)
        self._lift_at = np.array([lift.offset for lift in ordered], np.int64)
        self._lifted = np.maximum.accumulate(np.array([MISSING, *(lift.clock for lift in ordered)], np.int64))
        self._switch_at = np.array([offset for offset, _ in switches], np.int64)
        self._plans = np.array([plan for _, plan in switches], np.int64)

    async def read(self) -> EventBatch | None:
        """The next events that were in time; None where the log ends."""
        records = await anext(self._records, None)
        if records is None:
            self.clock = None
            return None
        topic, partition = self.origin
        batch, rows, rejects = self._decoder.decode(
            [r.value for r in records], lambda i: f"{topic}/{partition}/{records[i].offset}"
        )
        self._refused.wrong |= {(topic, partition, records[reject.index].offset) for reject in rejects}
        offsets = np.fromiter((r.offset for r in records), np.int64, len(records))[rows]
        stamps = np.fromiter((r.timestamp for r in records), np.int64, len(records))[rows]
        ahead = batch.times - stamps > self._future
        self._refused.future |= {(topic, partition, o) for o in offsets[ahead].tolist()}
        batch, offsets = batch.take(np.flatnonzero(~ahead)), offsets[~ahead]
        late = self._late(batch.times, offsets)
        self._refused.late |= {(topic, partition, o) for o in offsets[late].tolist()}
        batch, offsets = batch.take(np.flatnonzero(~late)), offsets[~late]
        plans = self._plans[np.searchsorted(self._switch_at, offsets, side="right") - 1]
        self.clock = max(self._carry, MISSING + 1)
        return batch.with_columns({_PLAN: plans})

    def _late(self, times: NDArray[np.int64], offsets: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which are behind the clock as it was before them: of all before, and of the lifts up to them."""
        before = np.maximum.accumulate(np.concatenate(([self._carry], times)))
        self._carry = int(before[-1])
        lifted = self._lifted[np.searchsorted(self._lift_at, offsets, side="right")]
        clocks = np.maximum(before[:-1], lifted)
        found: NDArray[np.bool_] = (clocks != MISSING) & (times < clocks - self._lateness)
        return found


async def _in_order(sources: Sequence[_Source], lateness_ms: int) -> AsyncIterator[EventBatch]:
    """What all origins brought, in the order of (time, id), copies beside each other."""
    held, left = list[EventBatch](), list(sources)
    while left:
        source = min(left, key=lambda s: s.clock or 0)
        batch = await source.read()
        if batch is None:
            left.remove(source)
        elif len(batch):
            held.append(batch)
        upto = min((s.clock for s in left if s.clock is not None), default=None)
        if upto == MISSING or not held or (upto is not None and sum(map(len, held)) < BLOCK):
            continue
        together = EventBatch.concat(held)
        ready = np.ones(len(together), np.bool_) if upto is None else together.times < upto - lateness_ms
        held = [together.take(np.flatnonzero(~ready))] if not ready.all() else []
        order = np.lexsort((together.hashes("id"), together.times))
        yield together.take(order[ready[order]])


class _Undisturbed:
    """An engine that takes everything in order, and the verdicts that stand in the end."""

    def __init__(self, plans: Sequence[Plan], chosen: Mapping[str, int]) -> None:
        self._plans, self._engine = plans, Engine(plans[0])
        self._chosen = {text_hash(event): plan for event, plan in chosen.items()}
        self._revisions: dict[Key, int] = {}
        self.verdicts: dict[Key, Verdict] = {}
        self.events, self.copies = 0, 0
        self.differences: list[Difference] = []
        self._last = 0

    def take(self, batch: EventBatch) -> None:
        """The next events, each maybe several times."""
        names, plans = batch.hashes("id"), batch.fixed(_PLAN)
        first = np.ones(len(batch), np.bool_)
        first[1:] = names[1:] != names[:-1]
        self.copies += int((~first).sum())
        begins = np.flatnonzero(first)
        lowest, highest = np.minimum.reduceat(plans, begins), np.maximum.reduceat(plans, begins)
        of = np.where(lowest == highest, lowest, self._last)
        for i in np.flatnonzero(lowest != highest).tolist():
            plan = self._chosen.get(int(names[begins[i]]))
            if plan is None:
                event = str(batch.text("id", int(begins[i])))
                self.differences.append(Difference("changed", ("copies under two plans", event), None, None))
            else:
                of[i] = plan
        events = batch.take(begins)
        self.events += len(events)
        for at in range(0, len(events), BLOCK):
            rows = np.arange(at, min(at + BLOCK, len(events)))
            for number in np.unique(of[rows]).tolist():
                self._judge(events.take(rows[of[rows] == number]), number)

    def _judge(self, events: EventBatch, number: int) -> None:
        if number != self._last:
            self._engine.use(self._plans[number])
            self._last = number
        for alert in self._engine.apply(events).alerts:
            key = alert.rule, alert.event
            if alert.revision < self._revisions.get(key, 0):
                continue
            self._revisions[key] = alert.revision
            if alert.status == "withdrawn":
                self.verdicts.pop(key, None)
                continue
            said = orjson.loads(alert.to_json())
            self.verdicts[key] = Verdict(said["plan"], said["time"], said["features"], said["keys"])


async def _replay(
    house: House,
    plans: Sequence[Plan],
    lifts: Mapping[Origin, Sequence[Lift]],
    switches: Switches,
    chosen: dict[str, int],
) -> tuple[_Undisturbed, _Refused]:
    catalogue: Catalogue = plans[0].catalogue
    versions = {plan.version: number for number, plan in enumerate(plans)}
    told, refused, decoder = _Undisturbed(plans, chosen), _Refused(), Decoder(catalogue)
    async with contextlib.AsyncExitStack() as stack:
        sources = []
        for index in range(len(ORIGINS)):
            origin = house.origin(index)
            reader = await stack.enter_async_context(Reader(house.settings.broker))
            spans = [span for span in await reader.spans([origin[0]]) if span.partition == origin[1]]
            named = [(offset, versions[plan]) for offset, plan in switches[origin]]
            source = _Source(origin, _filled(reader, spans), decoder, house, lifts.get(origin, ()), named, refused)
            sources.append(source)
        async for batch in _in_order(sources, house.shape.lateness_ms):
            told.take(batch)
    return told, refused


async def _filled(reader: Reader, spans: Sequence[Span]) -> AsyncIterator[list[ConsumerRecord]]:
    async for records in reader.read(spans):
        if records:
            yield records


def judge_soak(house: House, texts: Sequence[str]) -> Judgement:
    """Read all logs of a house that is at rest, and compare; `texts` are the rule files that were good, in turn."""
    catalogue, found = load_catalogue(), Judgement()
    plans = [plan_of_texts({"rules.yaml": text}, catalogue) for text in texts]
    numbers = {plan.version: number for number, plan in enumerate(plans)}
    lifts, switches, chosen, held = audit_of(house, plans[0].version)
    copies = {event: numbers[plan] for event, plan in chosen.items()}
    told, refused = asyncio.run(_replay(house, plans, lifts, switches, copies))
    found.said = said = fold(house.read(house.settings.alerts_topic))
    differences, flagged = compare(told.verdicts, said.standing())
    differences += [Difference("changed", key, "one name, one content", "two") for key in said.contradictions]
    in_rejects = list(_rejects(house, refused))
    in_redis = _redis(house, said.final)
    owners = [Difference("changed", ("owner of", account), owner, None) for account, owner in held]
    found.differences = [*told.differences, *owners, *differences, *in_rejects, *in_redis]
    of = {how: sum(d.how == how for d in differences) for how in ("lost", "doubled", "changed")}
    found.figures = {
        "events": told.events,
        "copies": told.copies,
        "too_late": len(refused.late),
        "too_early": len(refused.future),
        "poison": len(refused.wrong),
        "plans": len({plan for changes in switches.values() for _, plan in changes}),
        "lifts": sum(map(len, lifts.values())),
        "alerts": len(told.verdicts),
        "alert_records": said.records,
        "flagged_values": flagged,
        **of,
        "reject_differences": len(in_rejects),
        "redis_differences": len(in_redis),
        "differences": len(found.differences),
    }
    return found


def _rejects(house: House, refused: _Refused) -> Iterator[Difference]:
    """Where risk.rejects does not hold exactly what must have been refused, and why."""
    said: dict[str, set[tuple[str, int, int]]] = defaultdict(set)
    for record in house.read(house.settings.rejects_topic):
        reject = orjson.loads(record.value)
        reason = reject["reason"] if reject["reason"] in {"late", "future"} else "wrong"
        said[reason].add((reject["topic"], reject["partition"], reject["offset"]))
    for reason in ("late", "future", "wrong"):
        wanted = getattr(refused, reason)
        yield from (Difference("reject lost", (reason, str(place)), place, None) for place in wanted - said[reason])
        yield from (Difference("reject doubled", (reason, str(place)), None, place) for place in said[reason] - wanted)


def _redis(house: House, final: Mapping[Key, dict[str, object]]) -> list[Difference]:
    """Where Redis does not hold what the log says in the end, of the newest alerts that it keeps."""
    there = {(str(a["rule"]), str(a["event"])): a for a in house.redis_alerts().values() if a}
    newest = sorted(final, key=lambda key: (int(str(final[key]["time"])), key), reverse=True)
    oldest = min((int(str(a["time"])) for a in there.values()), default=0)
    kept = {key for key in newest[: house.settings.redis_alerts] if int(str(final[key]["time"])) > oldest}
    if len(there) < min(len(final), house.settings.redis_alerts):
        kept = set(newest[: house.settings.redis_alerts])
    wanted = {key: alert for key, alert in final.items() if key in kept or key in there}
    said = fold(())
    said.final = wanted
    return [Difference(f"{d.how} in redis", d.key, d.wanted, d.got) for d in same_finals(said, there)]
