"""Hops on logs as they are in the worker, without a broker: origins, channels, copies, crashes, checkpoints, plans.

Everything is driven by one seeded random source. Records are real serialised messages; receivers drop by stamp what
they had; a hop that dies begins again from its last checkpoint and reads its log again; an origin's owner that dies
begins again from its last commit and says all since again, cut into other records.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np
import orjson

from risk_stream.catalogue import MISSING, Catalogue, Decoder, EventBatch, text_hash
from risk_stream.engine import INDEX_BITS, Alert, Block, Contradiction, Forward, Hop, Result, entry_hops
from risk_stream.rules import Plan

Place = tuple[str, int]  # kind of key, partition
#: Deaths in one run: who begins again says more to all behind it, who die more often, and some runs would take minutes.
MOST_DEATHS = 100


@dataclass
class Settings:
    """One way of running: how many partitions, how late an event may be, how much is done at a time."""

    partitions: int = 2
    lateness_ms: int = 60_000
    ring_events: int = 0
    records_at_once: int = 4
    rows_in_record: int = 5
    crashes: float = 0.1
    checkpoints: float = 0.3
    fronts: float = 0.5


@dataclass
class Origin:
    """One partition of a house topic and its owner."""

    name: str
    events: list[dict[str, Any]]
    switch_at: int  # the offset from which its events come under the second plan
    offset: int = 0
    clock: int = MISSING
    committed: tuple[int, int] = (0, MISSING)


@dataclass
class Channels:
    """What a hop has heard of its senders."""

    seen: dict[str, int] = field(default_factory=dict)
    fronts: dict[str, int] = field(default_factory=dict)

    def copy(self) -> Channels:
        return Channels(dict(self.seen), dict(self.fronts))


@dataclass
class Checkpoint:
    """What a hop's owner has saved, and from where its log must be read again."""

    position: int = -1
    channels: Channels = field(default_factory=Channels)
    parts: list[bytes] = field(default_factory=list)
    read_from: int = 0


class Node:
    """The owner of one hop partition."""

    def __init__(self, cluster: Cluster, place: Place) -> None:
        self.cluster, self.place = cluster, place
        self.name = f"{place[0]}/{place[1]}"
        self.saved = Checkpoint()
        self.begin()

    def begin(self) -> None:
        """As a new owner: from the last checkpoint."""
        cluster, saved = self.cluster, self.saved
        self.hop = cluster.new_hop(self.place[0])
        self.channels = saved.channels.copy()
        if saved.position >= 0:
            self.hop.restore(saved.parts, cluster.plans)
            again = Channels()
            blocks = [self.block(offset, again) for offset in range(saved.read_from, saved.position + 1)]
            middle = cluster.random.randrange(len(blocks) + 1)
            self.hop.remember(blocks[:middle])
            self.hop.remember(blocks[middle:])
        self.next = saved.position + 1
        self.parts = list(saved.parts)

    def block(self, offset: int, channels: Channels) -> Block:
        """One record as a block, with what is new of it; without events where it says fronts alone."""
        record = self.cluster.logs[self.place][offset]
        if isinstance(record, dict):
            for channel, front in record.items():
                channels.fronts[channel] = max(channels.fronts.get(channel, MISSING), front)
            return Block(self.cluster.nothing, self.hop.plan, self.clock(channels), offset)
        batch, meta = EventBatch.from_ipc(self.cluster.catalogue, record)
        channel = meta["channel"]
        stamps = (offset << INDEX_BITS) + np.arange(len(batch))
        fresh = np.flatnonzero(batch.stamps > channels.seen.get(channel, MISSING))
        channels.seen[channel] = max(channels.seen.get(channel, MISSING), int(batch.stamps[-1]))
        channels.fronts[channel] = max(channels.fronts.get(channel, MISSING), int(meta["front"]))
        batch = batch.with_columns({"_stamp": stamps}).take(fresh)
        return Block(batch, self.cluster.plans[meta["plan"]], self.clock(channels), offset)

    def clock(self, channels: Channels) -> int:
        return min(channels.fronts.get(sender, MISSING) for sender in self.cluster.senders(self.place[0]))

    def step(self, records: int) -> None:
        """Apply some records of the log."""
        end = min(len(self.cluster.logs[self.place]), self.next + records)
        blocks, front = [], self.clock(self.channels)  # what is sent may be as old as the clock before allows
        for offset in range(self.next, end):
            block = self.block(offset, self.channels)
            blocks.append(block)
            self.cluster.note(self.place, block)
        self.next = end
        result = self.hop.apply(blocks)
        self.cluster.said(result)
        for one in result.contradictions:  # a hop that reads its log again says the same of the same
            assert self.cluster.contradictions.setdefault((self.place[0], one.key, one.said), one) == one
        for forward in result.forwards:
            self.cluster.send(self.name, forward, front)
        self.cluster.tell_front(self.place[0], self.name, self.clock(self.channels))

    def checkpoint(self) -> None:
        """Save what has changed, and a little of the whole."""
        cycles = self.hop.cycles
        self.parts += self.hop.delta(self.next - 1)
        images = self.hop.images(self.cluster.random.choice([0] * 10 + [1, 1, 1 << 30]))
        if self.cluster.random.random() < 0.5 and len(images) > 1 and self.hop.cycles > cycles:
            self.parts = self.hop.delta(self.next - 1)  # all that came before the images may go
        self.parts += images
        self.saved = Checkpoint(self.next - 1, self.channels.copy(), list(self.parts), self.hop.reads_from)


class Cluster:
    """A house: `streams` are the origins' logs; from `switches[i]` on origin i's events come under the second plan."""

    def __init__(
        self,
        catalogue: Catalogue,
        plans: Sequence[Plan],
        streams: Sequence[list[dict[str, Any]]],
        switches: Sequence[int],
        settings: Settings,
        random: Random,
    ) -> None:
        self.catalogue, self.settings, self.random = catalogue, settings, random
        self.order, self.plans = list(plans), {plan.version: plan for plan in plans}
        self.decoder = Decoder(catalogue)
        self.nothing = EventBatch.empty(catalogue)
        said = {name for stream in streams for event in stream for name in event}
        keys = [k.name for k in catalogue.kinds if k.name in said]  # a hop that no event can come to has nothing to say
        owners = {catalogue.kind(key).belongs_to for key in keys}
        self.kinds = [k.name for k in catalogue.kinds if k.name in keys or k.name in owners]
        self.origins = [Origin(f"house/{i}", s, w) for i, (s, w) in enumerate(zip(streams, switches, strict=True))]
        self.logs: dict[Place, list[bytes | dict[str, int]]] = defaultdict(list)
        places = [(kind, p) for kind in self.kinds for p in range(settings.partitions)]
        self.alerts: list[Alert] = []
        self.admitted: dict[str, Plan] = {}  # id -> the plan of the copy that its first hop read first
        self.accepted: dict[str, dict[str, Any]] = {}
        self.contradictions: dict[tuple[str, str, str], Contradiction] = {}  # by kind, key and owner said
        self.totals = Result()
        self.deaths = 0
        self.told: dict[str, int] = {}
        self.flying: dict[tuple[str, Place], list[bytes | dict[str, int]]] = {}
        self.nodes = {place: Node(self, place) for place in places}

    def new_hop(self, kind: str) -> Hop:
        """A hop as a new owner makes it, with whichever plan is the newest it knows."""
        return Hop(
            self.order[self.random.randrange(len(self.order))],
            kind,
            reserve_mib=8,
            lateness_ms=self.settings.lateness_ms,
            ring_events=self.settings.ring_events,
            journal=self.settings.crashes > 0,
        )

    def senders(self, kind: str) -> list[str]:
        earlier = self.kinds[: self.kinds.index(kind)]
        hops = [f"{k}/{p}" for k in earlier for p in range(self.settings.partitions)]
        return [*(o.name for o in self.origins), *hops]

    def note(self, place: Place, block: Block) -> None:
        """The first of an event's copies that its first hop reads decides which plan it is judged by."""
        for row in range(len(block.batch)):
            event = block.batch.text("id", row) or ""
            self.admitted.setdefault(event, block.plan)

    def said(self, result: Result) -> None:
        self.alerts += result.alerts
        for name in ("behind", "revised", "copies", "dropped"):
            setattr(self.totals, name, getattr(self.totals, name) + getattr(result, name))
        assert result.rule_errors == {}

    # Sending

    def send(self, channel: str, forward: Forward, front: int) -> None:
        """Events to the partitions of a kind of key, in records of any size."""
        partitions = forward.batch.partition(forward.kind, self.settings.partitions)
        for p in range(self.settings.partitions):
            rows = np.flatnonzero(partitions == p)
            while len(rows):
                cut = self.random.randint(1, self.settings.rows_in_record)
                meta: dict[str, str | int] = {"channel": channel, "front": front, "plan": forward.plan_version}
                assert (np.diff(forward.batch.take(rows).stamps) > 0).all()
                self.post(channel, (forward.kind, p), forward.batch.take(rows[:cut]).to_ipc(**meta))
                rows = rows[cut:]

    def tell_front(self, kind: str, channel: str, front: int) -> None:
        """Say a front to all who may hear from this channel, now and then."""
        if front > self.told.get(channel, MISSING) and self.random.random() < self.settings.fronts:
            self.told[channel] = front
            self.say_front(kind, channel, front)

    def say_front(self, kind: str, channel: str, front: int) -> None:
        """Say a front to all who may hear from this channel."""
        later = self.kinds if kind == "" else self.kinds[self.kinds.index(kind) + 1 :]
        for other in later:
            for p in range(self.settings.partitions):
                self.post(channel, (other, p), {channel: front})

    def post(self, channel: str, to: Place, record: bytes | dict[str, int]) -> None:
        """On its way: records of one channel arrive at one partition in order, but not at several together."""
        self.flying.setdefault((channel, to), []).append(record)

    def arrive(self, way: tuple[str, Place], most: int) -> None:
        """The next records on a way stand in the log."""
        records = self.flying[way]
        self.logs[way[1]] += records[:most]
        self.flying[way] = records[most:]

    def settle(self, channel: str, *, dead: bool) -> None:
        """All that a channel sent has arrived; or, its owner being dead, some of it and the rest never will."""
        for way in [way for way in self.flying if way[0] == channel]:
            self.arrive(way, self.random.randint(0, len(self.flying[way])) if dead else len(self.flying[way]))
            self.flying[way] = []
        if dead:
            self.told.pop(channel, None)

    def admit(self, origin: Origin, most: int) -> None:
        """Take some events of an origin in; what is too late is refused."""
        events = origin.events[origin.offset : origin.offset + most]
        if origin.offset < origin.switch_at:
            events = events[: origin.switch_at - origin.offset]
        plan = self.order[0 if origin.offset < origin.switch_at else -1]
        good, stamps, front = [], [], origin.clock
        for i, event in enumerate(events):
            if origin.clock == MISSING or event["time"] >= origin.clock - self.settings.lateness_ms:
                good.append(event)
                stamps.append(origin.offset + i)
                self.accepted[event["id"]] = event
            origin.clock = max(origin.clock, event["time"])
        origin.offset += len(events)
        if good:
            batch, _, rejects = self.decoder.decode([orjson.dumps(e) for e in good], str)
            assert rejects == []
            batch = batch.with_columns({"_stamp": stamps})
            for kind, rows in entry_hops(batch).items():
                self.send(origin.name, Forward(kind, plan.version, batch.take(rows)), front)
        self.tell_front("", origin.name, origin.clock)

    # Running

    def run(self) -> None:
        """Everything, in some order, until all logs are read."""
        random, settings = self.random, self.settings
        while True:
            waiting: list[Any] = [o for o in self.origins if o.offset < len(o.events)]
            waiting += [way for way, records in self.flying.items() if records]
            waiting += [n for n in self.nodes.values() if n.next < len(self.logs[n.place])]
            if not waiting:
                return self.close()
            actor = random.choice(waiting)
            if isinstance(actor, tuple):
                self.arrive(actor, random.randint(1, 3))
            elif isinstance(actor, Origin):
                self.admit(actor, random.randint(1, 8))
                if random.random() < 0.3:
                    self.settle(actor.name, dead=False)
                    actor.committed = (actor.offset, actor.clock)
                elif self.dies():
                    self.settle(actor.name, dead=True)
                    actor.offset, actor.clock = actor.committed
            else:
                actor.step(random.randint(1, settings.records_at_once))
                if random.random() < settings.checkpoints:
                    self.settle(actor.name, dead=False)
                    actor.checkpoint()
                if self.dies():
                    self.settle(actor.name, dead=True)
                    actor.begin()

    def dies(self) -> bool:
        """Whether who has just done something dies of it."""
        dead = self.deaths < MOST_DEATHS and self.random.random() < self.settings.crashes
        self.deaths += dead
        return dead

    def close(self) -> None:
        """Everybody says how far he is, which may be later than his last event, and nobody dies."""
        for origin in self.origins:
            if origin.clock != MISSING:
                self.say_front("", origin.name, origin.clock + self.random.choice([0, 5000, 600_000]))
        for kind in self.kinds:
            for p in range(self.settings.partitions):
                node = self.nodes[kind, p]
                for way in [way for way in self.flying if way[1] == node.place]:
                    self.arrive(way, len(self.flying[way]))
                while node.next < len(self.logs[node.place]):
                    node.step(self.settings.records_at_once)
                self.say_front(kind, node.name, node.clock(node.channels))

    def clock_of(self, kind: str, key: str) -> int:
        """How far time has come where a key is kept."""
        partition = text_hash(key) % (1 << 64) % self.settings.partitions
        node = self.nodes[kind, partition]
        return node.clock(node.channels)


def accepted_of(cluster: Cluster) -> list[tuple[Mapping[str, Any], Plan]]:
    """The accepted events, each with the plan it was admitted under."""
    return [(event, cluster.admitted[id]) for id, event in cluster.accepted.items()]
