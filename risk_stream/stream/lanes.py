"""The hop partitions this worker owns: lane i is partition i of every hop topic."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from aiokafka.errors import KafkaError
from faust.types.tuples import TP

from risk_stream.catalogue import MISSING, Catalogue
from risk_stream.catalogue.formats import LaterFormatError
from risk_stream.engine import Hop, Standing
from risk_stream.kafka import FencedError
from risk_stream.models import make_learner
from risk_stream.rules import Plan
from risk_stream.settings import Settings
from risk_stream.sinks import Health, Metrics
from risk_stream.stream.alignment import Progress, evenly
from risk_stream.stream.assignor import Claim
from risk_stream.stream.beside import begin_beside
from risk_stream.stream.hops import Address, Applied, HopPartition, onward
from risk_stream.stream.lane import Lane
from risk_stream.stream.letters.channels import Channels
from risk_stream.stream.letters.promises import Promises
from risk_stream.stream.model_gauges import say_models
from risk_stream.stream.plans import UnknownPlanError
from risk_stream.stream.runs import Runs, Stored, TopicPartition
from risk_stream.stream.state.checkpoint import CheckpointError, Header
from risk_stream.stream.state.log import Reader, StateLog, Writer
from risk_stream.stream.state.restore import check_counts, find_header, read_parts

__all__ = ["Lanes"]

log = logging.getLogger(__name__)

#: Lanes that are opened at the same time.
AT_ONCE = 16

#: Events that are applied at once; more of them wait for the next turn of the loop.
MAX_ROWS = 4096

#: Messages that a partition here may have to take before no more are admitted.
AHEAD = 4

#: How long lanes that are given away are waited for, s: until their outputs are stored and then their checkpoints.
LAST_CHECKPOINT = 1.5

#: How long a worker that has lost a lane waits for the group to say so, s.
GRACE = 5.0


class Lanes:
    """Judges runs of hop topics, and keeps what it knows in checkpoints where there is a `state` topic to keep it in.

    `counts` are the partitions of every topic; `plan_of(version)` gives the plan that a message names.
    """

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        plan: Plan,
        runs: Runs,
        metrics: Metrics,
        counts: Mapping[str, int],
        plan_of: Callable[[str], Plan],
        state: StateLog | None = None,
    ) -> None:
        self.settings, self.plan, self.runs, self.metrics = settings, plan, runs, metrics
        self.kinds = [k.name for k in catalogue.kinds]
        self.lanes: dict[int, Lane] = {}
        self.models: Sequence[tuple[str, Standing]] = ()  # as of the last refresh
        self._state, self._kind_of = state, {settings.hop_topic(kind): kind for kind in self.kinds}
        of = {k: counts[settings.hop_topic(k)] for k in self.kinds} | {"": counts[settings.alerts_topic]}
        ours = settings.alerts_topic, settings.rejects_topic, settings.audit_topic, settings.decisions_topic
        self._address = Address(
            settings.hop_topic,
            *ours,
            of.__getitem__,
            counts[settings.decisions_topic],
            settings.canary_back_topic,
        )
        self._origins = sorted({topic: counts[topic] for topic in settings.origin_topics}.items())
        self._counts = {topic: counts[topic] for topic in (*settings.origin_topics, *self._kind_of)}
        self._plan_of = plan_of
        self.health = Health(plan, plan_of)
        self._work, self._reading = asyncio.Lock(), asyncio.Lock()
        self._closing = set[asyncio.Task[None]]()
        self._promises = Promises(settings.hop_topic)
        self._said_loose = False
        key = settings.models_key.get_secret_value().encode()
        self._make_learner = partial(make_learner, key=key, beside=begin_beside)
        self.poke: Callable[[str], None] = lambda _: None  # have a turn of a kind taken
        runs.stored = self.take_own

    @property
    def durable(self) -> bool:
        """Whether checkpoints are kept: the house wants it, and the broker can."""
        return self._state is not None and self.settings.durable and self.runs.producer.idempotent

    def use(self, plan: Plan) -> None:
        """Another plan is in force."""
        self.plan = plan
        self.health.use(plan)

    def holds(self) -> Claim:
        """What this worker has, for who assigns. Called from another thread."""
        lanes = list(self.lanes.values())
        return max((lane.generation for lane in lanes), default=-1), [lane.number for lane in lanes]

    # What hops say and have heard

    def fronts(self) -> dict[str, int]:
        """Channel of each hop partition here -> its front: what lies at or below it is with the producer."""
        hops = (hop for lane in self.lanes.values() for hop in lane.hops.values())
        return {hop.channel: hop.front for hop in hops if hop.front != MISSING}

    def heard(self) -> dict[str, int]:
        """Channel of each origin, of any worker -> its front as last heard by a hop partition here."""
        fronts = self._of_origins(lambda channels: channels.front)
        return {channel: front for channel, front in fronts.items() if front != MISSING}

    def promised(self) -> dict[str, int]:
        """Channel of each origin, of any worker, that works off a backlog -> how far it has come, as last heard, ms."""
        return self._of_origins(lambda channels: channels.promised)

    def _of_origins(self, what: Callable[[Channels], Mapping[str, int]]) -> dict[str, int]:
        """Channel of an origin -> the highest of what hop partitions here have heard of it."""
        found: dict[str, int] = {}
        for hop in (hop for lane in self.lanes.values() for hop in lane.hops.values()):
            for channel, ms in what(hop.channels).items():
                if channel.rpartition("/")[0] not in self._kind_of:
                    found[channel] = max(found.get(channel, MISSING), ms)
        return found

    # Assignment

    async def assigned(self, mine: set[TopicPartition]) -> None:
        """These and no other partitions are this worker's now. Returns when every lane is ready to go on."""
        async with self._work:
            generation, began = self.runs.generation, time.monotonic()
            self._promises.forget()
            numbers = self._whole(mine)
            for number in set(self.lanes) - numbers:
                self._close(self.lanes.pop(number))
            if not self.durable:
                self._say_loose()
            gate = asyncio.Semaphore(AT_ONCE)

            async def opened(number: int) -> None:
                async with gate:
                    await self._open(number, generation)

            try:
                await asyncio.gather(*(opened(number) for number in sorted(numbers)))
            except LaterFormatError as exc:
                self.runs.refuse(str(exc))
            except (CheckpointError, UnknownPlanError) as exc:
                self.runs.fatal(str(exc))
            except KafkaError as exc:
                self.runs.fatal(f"the windows could not be read back from {self.settings.state_topic}: {exc!r}")
            if numbers:
                took = time.monotonic() - began
                self.metrics.set("risk_stream_restore_seconds", took)
                log.debug("lanes %s are ready after %.3f s", sorted(numbers), took)
            if generation == self.runs.generation and self.durable:
                self._start_checkpoints()

    def _whole(self, mine: set[TopicPartition]) -> set[int]:
        """The numbers of this worker's lanes; ends the process where one is not whole."""
        by_kind = {topic: {p for t, p in mine if t == topic} for topic in self._kind_of}
        numbers = set[int]().union(*by_kind.values())
        for topic, has in by_kind.items():
            if has != numbers:
                torn = min(numbers - has)
                self.runs.fatal(
                    f"partition {torn} of the hop topics is not all this worker's ({topic} is another's): all workers"
                    " of a group must run the same release, and hop topics must have equally many partitions"
                )
        return numbers

    def _say_loose(self) -> None:
        if not self._said_loose:
            self._said_loose = True
            why = (
                "as the settings want it"
                if not self.settings.durable
                else f"{self.settings.broker} has no transactions"
            )
            log.warning("windows are not kept (%s): run one worker; they begin anew when it starts again", why)

    def _start_checkpoints(self) -> None:
        every = self.settings.checkpoint_seconds
        for i, lane in enumerate(self.lanes.values()):
            work = self._checkpointing(lane)
            lane.start(every, every * (i + 1) / len(self.lanes), work)

    async def _open(self, number: int, generation: int) -> None:
        if not self.durable or self._state is None:
            lane = self.lanes.get(number) or self._new_lane(number, None)
            lane.open(None, generation)
            self.lanes[number] = lane
            return
        kept = self.lanes.pop(number, None)
        writer = await self._state.fence(number)
        if kept is not None:
            self._close(kept)
        async with self._state.reader(number) as reader:
            first, end = await reader.bounds()
            if kept is not None and kept.sound and kept.writer is not None and kept.writer.end == end:
                lane = kept
            else:
                found = await find_header(reader, first, end)
                if found is None:
                    lane = await self._begin(number)
                else:
                    lane = await self._restored(reader, first, *found)
        writer.end = end
        self._enter(lane, writer, generation)

    def _enter(self, lane: Lane, writer: Writer, generation: int) -> None:
        """A lane is ready: its partitions are read from where it stands."""
        lane.open(writer, generation)
        self.lanes[lane.number] = lane
        for hop in lane.hops.values():
            hop.forget()
            self.runs.begin((hop.topic, hop.partition), hop.next)
            self.runs.consumer.start_at(TP(hop.topic, hop.partition), hop.next)

    async def _begin(self, number: int) -> Lane:
        """A lane that has no checkpoint: from what is committed, or from the beginning."""
        tps = [TP(self.settings.hop_topic(kind), number) for kind in self.kinds]
        consumer = self.runs.consumer
        committed = await consumer.read_back(tps)
        earliest = await consumer.earliest_offsets(*tps)
        starts = {
            self._kind_of[tp.topic]: committed[tp][0] if tp in committed else int(earliest[tp] or 0) for tp in tps
        }
        if any(starts.values()):
            log.warning("lane %d has no checkpoint: its windows begin anew at %s", number, starts)
        return self._new_lane(number, starts)

    async def _restored(self, reader: Reader, first: int, offset: int, header: Header) -> Lane:
        """A lane as its last checkpoint, at an offset, says. `first` is the first offset there is."""
        check_counts(header, self._counts)
        number = header.lane
        tps = {TP(self.settings.hop_topic(kind), number): kind for kind in self.kinds}
        earliest = await self.runs.consumer.earliest_offsets(*tps)
        for tp, kind in tps.items():
            standing = header.hops.get(kind)
            if standing is not None and int(earliest[tp] or 0) > standing.ring:
                raise CheckpointError(
                    f"{tp.topic}/{tp.partition} begins at offset {earliest[tp]} and is needed from {standing.ring}: it"
                    " was deleted before it was judged; begin anew with another prefix, and keep hop topics longer"
                )
        lane = self._new_lane(number, {kind: int(earliest[tp] or 0) for tp, kind in tps.items()})
        plans = {version: self._plan_of(version) for version in header.plans}
        sizes = await read_parts(
            reader, first, header, offset, {kind: hop.hop for kind, hop in lane.hops.items()}, plans, self._reading
        )
        for kind, standing in header.hops.items():
            if kind in lane.hops:
                lane.hops[kind].go_on(standing)
                lane.savers[kind].size = sizes[kind]
        lane.saved_at(header)
        return lane

    def _new_lane(self, number: int, starts: Mapping[str, int] | None) -> Lane:
        hops = {kind: self._new_hop(kind, number, starts[kind] if starts else 0) for kind in self.kinds}
        return Lane(number, hops, self._counts)

    def _new_hop(self, kind: str, number: int, start: int) -> HopPartition:
        hop = Hop(
            self.plan,
            kind,
            reserve_mib=self.settings.state_mib,
            lateness_ms=int(self.settings.lateness_seconds * 1000),
            ring_events=self.settings.ring_events,
            journal=self.durable,
            make=self._make_learner,
            meter=self.health.meter,
            stopwatch=time.perf_counter_ns,
        )
        earlier = self.kinds[: self.kinds.index(kind)]
        channels = Channels(
            [f"{topic}/{p}" for topic, count in self._origins for p in range(count)],
            [f"{self.settings.hop_topic(k)}/{p}" for k in earlier for p in range(self._address.counts(k))],
        )
        return HopPartition(hop, number, self._address, channels, self._plan_of, start, holds=self.durable)

    def _close(self, lane: Lane) -> None:
        """Give up a lane's writer, which may take a while; nothing waits for it."""
        lane.stop()
        if lane.writer is not None:
            task = asyncio.create_task(lane.writer.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    # Giving lanes away

    async def leave(self) -> None:
        """The lanes are to be given away, or the worker stops: save all that is stored, in bounded time."""
        lanes = [lane for lane in self.lanes.values() if lane.writer is not None]
        for lane in lanes:
            lane.stop()
            lane.closed = True

        if lanes:
            began = time.monotonic()
            last = [asyncio.ensure_future(self._checkpointing(lane, walk=False)()) for lane in lanes]
            await asyncio.wait(last, timeout=LAST_CHECKPOINT)
            unsaved = sorted(lane.number for lane in lanes if not lane.sound)
            took = time.monotonic() - began
            log.debug("lanes are given away after %.3f s%s", took, f", unsaved {unsaved}" if unsaved else "")

    async def stop(self) -> None:
        """Give up all that is open, at the end of the process."""
        for lane in self.lanes.values():
            self._close(lane)
        if self._closing:
            await asyncio.wait(self._closing, timeout=LAST_CHECKPOINT)
        if self._state is not None:
            await self._state.stop()

    # Checkpoints

    def _checkpointing(self, lane: Lane, *, walk: bool = True) -> Callable[[], Awaitable[None]]:
        async def work() -> None:
            try:
                written = await lane.checkpoint(walk=walk)
            except FencedError:
                self._fenced(lane)
                return
            except KafkaError as exc:
                if self.lanes.get(lane.number) is lane:
                    self.runs.fatal(f"a checkpoint was not stored ({exc!r}): it is read back what was")
                return
            if written is None or self._state is None:
                return
            add = self.metrics.add
            for what, n in (("rows", written.deltas), ("images", written.images), ("header", written.header)):
                add("risk_stream_checkpoint_bytes_total", n, what)
            self.metrics.observe("risk_stream_checkpoint_seconds", written.seconds)
            for hop in lane.hops.values():
                self.runs.consumer.stored(TP(hop.topic, hop.partition), lane.saved[hop.kind], lane.generation)
            if lane.since is not None:
                await self._state.trim({lane.number: lane.since})

        return work

    def _fenced(self, lane: Lane) -> None:
        """Another worker has taken the lane. The group says so soon; if not, something is wrong."""
        if self.lanes.get(lane.number) is not lane:
            return
        log.warning("lane %d is another worker's now: nothing more is said of it here", lane.number)
        del self.lanes[lane.number]
        lane.stop()
        generation = self.runs.generation

        def look() -> None:
            if self.runs.generation == generation and lane.number not in self.lanes:
                self.runs.fatal(f"lane {lane.number} was taken by a worker that the group does not know of")

        asyncio.get_running_loop().call_later(GRACE, look)

    # Work

    def are_behind(self) -> bool:
        """Whether some partition here has more than a few messages to take that this worker sent it.

        What enters the stream at a later hop would get ever further ahead of what comes there by way of earlier ones.
        """
        hops = (hop for lane in self.lanes.values() if self._is_open(lane) for hop in lane.hops.values())
        return any(self.runs.underway.end((hop.topic, hop.partition)) > hop.next + AHEAD for hop in hops)

    async def apply(self, kind: str, runs: Iterable[Sequence[Any]]) -> float | None:
        """Runs of hop partitions of a kind have come, those of each together: take one turn.

        -> seconds after which the next is due though nothing comes; None where nothing waits for one.
        """
        async with self._work:
            for messages in runs:
                lane = self.lanes.get(messages[0].partition)
                if lane is None or not self._is_open(lane):
                    continue  # taken by another, or about to be given away
                mine, records = await self.runs.take(messages, partial(self._begin_anew, lane, kind))
                self._put(lane.hops[kind], mine, records)
            return await self._turn(kind)

    def take_own(self, record: Stored) -> None:
        """A message of this worker is stored: where it is the next of a partition here, it need not be read first.

        What a hop takes, and in which order, is what its log holds all the same; that the broker has stored it is what
        a reader would have waited for.
        """
        kind, lane = self._kind_of.get(record.topic), self.lanes.get(record.partition)
        if kind is not None and lane is not None and self._is_open(lane) and self.runs.take_own(record):
            self._put(lane.hops[kind], (), (record,))
            self.poke(kind)

    def _put(self, hop: HopPartition, messages: Sequence[Any], records: Sequence[Any]) -> None:
        try:
            hop.put(messages, records)
        except LaterFormatError as exc:
            self.runs.refuse(f"{hop.channel}: {exc}")

    def _is_open(self, lane: Lane) -> bool:
        return not lane.closed and (not self.durable or lane.generation == self.runs.generation)

    def _begin_anew(self, lane: Lane, kind: str, _: object = None) -> None:
        lane.hops[kind] = self._new_hop(kind, lane.number, 0)
        lane.hops[kind].generation = lane.generation

    async def _turn(self, kind: str) -> float | None:
        """Apply what is due in all partitions of a kind, evenly; -> when the next turn is due, as `apply` says."""
        hops = [lane.hops[kind] for lane in self.lanes.values() if self._is_open(lane)]
        taken, again = self._choose(hops)
        if not any(count for _, count in taken):  # what was read is known already
            for hop, _ in taken:
                self._acknowledge(hop, ())
            return again
        applied = Applied()
        forwards = []
        try:
            for hop, count in taken:
                forwards.append((hop, hop.take(count, applied)))
                await asyncio.sleep(0)  # what one partition had held may be much: heartbeats are not to wait for all
        except LaterFormatError as exc:
            self.runs.refuse(str(exc))
        except UnknownPlanError as exc:
            self.runs.fatal(str(exc))
        sections = [(hop.section(), said) for hop, said in forwards if not hop.remembering]
        applied.outgoing += onward(sections, self._address, self._promises)
        sends = await self.runs.hand_over(applied.outgoing)
        for hop, _ in taken:
            hop.said()
            self._acknowledge(hop, sends)
        self._count(kind, applied)
        return again

    def _choose(self, hops: Sequence[HopPartition]) -> tuple[list[tuple[HopPartition, int]], float | None]:
        """How many records each partition is to take now; and when to look again."""
        # What is only read again is said to nobody, and waits for nobody.
        taken = [(hop, len(hop.waiting)) for hop in hops if hop.remembering and hop.waiting]
        judging = [hop for hop in hops if not hop.remembering]
        waiting = [hop.clocks() for hop in judging]
        progress = [
            Progress(
                int(clock[-1]) if len(clock) else hop.reached,
                len(clock) > 0,
                self.runs.consumer.unread(TP(hop.topic, hop.partition)) > 0
                or self.runs.underway.is_more((hop.topic, hop.partition), hop.read_to),
                hop.patience,
            )
            for hop, (clock, _) in zip(judging, waiting, strict=True)
        ]
        counts, again = evenly(
            progress,
            [clock for clock, _ in waiting],
            [rows for _, rows in waiting],
            limit=MAX_ROWS,
        )
        for hop, n in zip(judging, counts, strict=True):
            if n or (hop.open and hop.open[0].offset < hop.next):
                taken.append((hop, n))
        return taken, again

    def _acknowledge(self, hop: HopPartition, sends: Sequence[asyncio.Future[Any]]) -> None:
        tp, finished, stands = (hop.topic, hop.partition), hop.finished(), hop.next
        if not self.durable:
            self.runs.acknowledge(tp, finished, sends)
            return

        def done(messages: Sequence[Any]) -> None:
            for message in messages:
                self.runs.consumer.done(message, durable=False)
            hop.stored = max(hop.stored, stands)

        self.runs.acknowledge(tp, finished, sends, done)

    def _count(self, kind: str, applied: Applied) -> None:
        add = self.metrics.add
        for alert in applied.alerts:
            if alert.revises:
                add("risk_stream_revisions_total", 1, alert.rule, alert.status)
            else:
                add(
                    "risk_stream_alerts_total",
                    1,
                    alert.rule,
                    alert.severity,
                    alert.stage,
                    self.metrics.entity(alert.entity),
                )
        for alert in applied.shadow:
            add("risk_stream_shadow_alerts_total", 1, alert.rule, alert.severity, alert.stage)
        for rule, failures in applied.rule_errors.items():
            add("risk_stream_rule_errors_total", failures.times, rule)
        self.health.take([*applied.alerts, *applied.decisions], applied.shadow, applied.rule_errors, applied.judged_by)
        for (model, what), n in applied.models.items():
            add("risk_stream_model_events_total", n, model, what)
        for model, ns in applied.models_ns.items():
            add("risk_stream_model_seconds_total", ns / 1e9, model)
        for topic, n in applied.poison.items():
            add("risk_stream_rejects_total", n, topic, "message")
        for name in ("behind", "revised", "known", "dropped", "timed"):
            if n := getattr(applied, name):
                add(f"risk_stream_{name}_events_total", n, kind)
        for events in applied.batches:
            self.metrics.observe("risk_stream_batch_events", events, kind)
        for appended in applied.ended:
            ages = np.maximum(time.time() - appended / 1000.0, 0.0)
            self.metrics.observe("risk_stream_judged_latency_seconds", ages)

    def refresh(self) -> None:
        """Bring gauges of state up to date."""
        total: dict[str, dict[str, float]] = {}
        clocks: dict[str, int] = {}
        for hop in (hop for lane in self.lanes.values() for hop in lane.hops.values()):
            state, sums = hop.hop.state, total.setdefault(hop.kind, {})
            said: dict[str, float] = {"duplicate_events_total": hop.channels.copies, "ring_events": hop.hop.ring_events}
            said |= {"image_cycles_total": hop.hop.cycles, "pending_timers": hop.hop.pending_timers}
            said["held_events"] = len(hop.hold)
            if state is not None:
                said |= {"state_bytes": state.bytes, "state_keys": state.keys}
                said |= {"state_rows": state.rows, "state_dropped_rows_total": state.dropped}
            for name, n in said.items():
                sums[name] = sums.get(name, 0) + n
            sums["warming_features"] = max(sums.get("warming_features", 0), len(hop.hop.warming))
            if hop.channels.clock != MISSING:
                clocks[hop.kind] = min(clocks.get(hop.kind, hop.channels.clock), hop.channels.clock)
        for kind, sums in total.items():
            for name, n in sums.items():
                self.metrics.set(f"risk_stream_{name}", n, kind)
        self.models = say_models(self.metrics, [hop.hop for lane in self.lanes.values() for hop in lane.hops.values()])
        for kind, clock in clocks.items():
            self.metrics.set("risk_stream_clock_lag_seconds", time.time() - clock / 1000, kind)
