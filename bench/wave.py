"""What a wave costs a worker without Kafka: one batch from its records to the last hop, in its parts, by its size.

Trades at 5,000 a second with a decision asked for each tenth of them, and a tenth of that from a partner, as in
`decisions`: three origins, five hops, one lane. The events of a wave are few at these rates, so what counts is what a
part costs however few they are.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from bench.decisions import ACCOUNTS, LISTED, PARTNER, RATE, TRADES, fake_name, make_application, write_rules
from bench.report import table
from risk_stream.catalogue import Catalogue, load_catalogue
from risk_stream.engine import Hop
from risk_stream.kafka import Outgoing
from risk_stream.rules import Plan, load_plan
from risk_stream.settings import Settings, load_settings
from risk_stream.stream.hops import Address, Applied, HopPartition, onward
from risk_stream.stream.intake.admission import Admission, Admitted
from risk_stream.stream.intake.origins import Committed, Origin
from risk_stream.stream.letters.channels import Channels
from risk_stream.stream.letters.promises import Promises

__all__ = ["run"]

#: Events of a wave, and how many waves of each size are measured; what comes before them is not.
SIZES = ((1, 400), (10, 300), (50, 200), (200, 100), (1000, 40))
WARM = 20


@dataclass(slots=True)
class Record:
    """A record as Kafka would give it; `timestamp` in ms."""

    offset: int
    timestamp: int
    value: bytes | None


class Worker:
    """Admission and the hop partitions of one lane; messages go from one to the next in memory.

    `ns` is the processor time of each part since it was cleared.
    """

    def __init__(self, catalogue: Catalogue, plan: Plan, settings: Settings) -> None:
        self.catalogue, self.plan, self.settings = catalogue, plan, settings
        self.ns: Counter[str] = Counter()
        self.messages = 0
        names = ("reference", "trades", "loans")
        topics = [*(settings.house_topics[name] for name in names), settings.requests_topic]
        start = Committed(0, plan=plan.version)
        self.origins = {
            topic: Origin(f"{topic}/0", 1, start, lateness_ms=int(settings.lateness_seconds * 1000), targets=())
            for topic in topics
        }
        self._offsets: Counter[str] = Counter()
        self.admission = Admission(
            catalogue,
            hop_topic=settings.hop_topic,
            rejects_topic=settings.rejects_topic,
            counts=lambda _: 1,
            future_ms=None,
        )
        ours = settings.alerts_topic, settings.rejects_topic, settings.audit_topic, settings.decisions_topic
        self.address = Address(settings.hop_topic, *ours, lambda _: 1, 1)
        self.promises = Promises(settings.hop_topic)
        kinds = [kind.name for kind in catalogue.kinds]
        self.hops = {settings.hop_topic(kind): self._hop(kind, kinds[:i], topics) for i, kind in enumerate(kinds)}

    def _hop(self, kind: str, earlier: list[str], topics: list[str]) -> HopPartition:
        origins, hops = [f"{topic}/0" for topic in topics], [f"{self.settings.hop_topic(k)}/0" for k in earlier]
        hop, channels = Hop(self.plan, kind, journal=True), Channels(origins, hops)
        return HopPartition(hop, 0, self.address, channels, lambda _: self.plan, 0)

    def wave(self, records: dict[str, list[bytes]], now: int) -> None:
        """Admit the records of a turn by topic, and have each hop take its turn with what reaches it."""
        runs = []
        for topic, values in records.items():
            first = self._offsets[topic]
            runs.append((topic, [Record(first + i, now, value) for i, value in enumerate(values)]))
            self._offsets[topic] += len(values)
        admitted = Admitted()
        begun = time.thread_time_ns()
        decoded = self.admission.decode([(f"{topic}/0", run) for topic, run in runs], admitted)
        begun = self._took("decode", begun)
        parts = [(self.origins[t], part, r[-1].offset + 1, False) for (t, r), part in zip(runs, decoded, strict=True)]
        self.admission.admit(parts, admitted)
        for origin in self.origins.values():
            origin.handed_over()
        self._took("admit", begun)
        waiting: dict[str, list[Outgoing]] = {}
        self._post(admitted.outgoing, waiting)
        for topic, hop in self.hops.items():
            for out in self._turn(hop, waiting.pop(topic, []), now):
                waiting.setdefault(out.topic, []).append(out)

    def _turn(self, hop: HopPartition, messages: list[Outgoing], now: int) -> list[Outgoing]:
        if not messages:
            return []
        records = []
        for out in messages:
            records.append(Record(self._offsets[out.topic], now, out.value))
            self._offsets[out.topic] += 1
        begun = time.thread_time_ns()
        hop.put((), records)
        begun = self._took("read", begun)
        applied = Applied()
        forwards = hop.take(len(records), applied)
        begun = self._took(f"judge at {hop.kind}", begun)
        found = list(onward([(hop.section(), forwards)], self.address, self.promises))
        hop.said()
        self._took("send on", begun)
        self.messages += len(found)
        return found

    def _post(self, outgoing: list[Outgoing], waiting: dict[str, list[Outgoing]]) -> None:
        for out in outgoing:
            waiting.setdefault(out.topic, []).append(out)
        self.messages += len(outgoing)

    def _took(self, what: str, begun: int) -> int:
        now = time.thread_time_ns()
        self.ns[what] += now - begun
        return now


class Source:
    """What the house, a partner and who asks for decisions send, in their proportions."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._rng, self._sent = settings, random.Random(5), 0
        self.now = 1_767_225_600_000

    def listed(self) -> dict[str, list[bytes]]:
        """The names on the list of sanctions."""
        entries = (
            {"id": f"N{i}", "type": "list_entry", "time": self.now, "list_name": "sanctions", "member": name}
            for i, name in enumerate(fake_name(self._rng) for _ in range(LISTED))
        )
        return {self._settings.house_topics["reference"]: [orjson.dumps(entry) for entry in entries]}

    def wave(self, n: int) -> dict[str, list[bytes]]:
        """The records of the next n events by topic."""
        found: dict[str, list[bytes]] = {}
        for _ in range(n):
            self._sent += 1
            self.now += self._sent % 5 == 0
            topic, event = self._event(self._sent)
            found.setdefault(topic, []).append(orjson.dumps(event))
        return found

    def _event(self, i: int) -> tuple[str, dict[str, Any]]:
        house, rng = self._settings.house_topics, self._rng
        place = rng.randrange(TRADES + RATE + PARTNER)
        if place < TRADES:
            event = {"id": f"T{i}", "type": "trade", "time": self.now, "account": f"A{rng.randrange(ACCOUNTS)}"}
            event |= {"instrument": f"I{i % 500}", "quantity": 10, "price": 7.5, "amount": rng.randrange(100_000)}
            return house["trades"], event
        asked = {"id": f"P{i}", "type": "application", "time": self.now, **make_application(i, rng)}
        return (self._settings.requests_topic if place < TRADES + RATE else house["loans"]), asked


def _waves(quick: bool) -> Iterator[tuple[int, int]]:
    for size, count in SIZES:
        yield size, max(10, count // 4) if quick else count


def _measured(worker: Worker, source: Source, size: int, count: int) -> dict[str, float]:
    """The median of each part over some waves, us."""
    took: dict[str, list[int]] = {}
    for i in range(WARM + count):
        worker.ns.clear()
        worker.wave(source.wave(size), source.now)
        if i >= WARM:
            for what, ns in worker.ns.items():
                took.setdefault(what, []).append(ns)
    return {what: statistics.median(ns + [0] * (count - len(ns))) / 1000 for what, ns in took.items()}


def run(quick: bool) -> dict[str, float]:
    """Measure waves of several sizes, each upon the state that those before it left."""
    settings = load_settings()
    with tempfile.TemporaryDirectory() as folder:
        events = write_rules(Path(folder))
        catalogue = load_catalogue(events)
        plan = load_plan([Path(folder) / "rules"], catalogue)
    source, worker = Source(settings), Worker(catalogue, plan, settings)
    worker.wave(source.listed(), source.now)
    worker.wave(source.wave(20_000), source.now)
    us = {size: _measured(worker, source, size, count) for size, count in _waves(quick)}
    parts = dict.fromkeys(what for found in us.values() for what in found)
    rows = [(what, *(found.get(what, 0.0) for found in us.values())) for what in parts]
    total = {size: sum(found.values()) for size, found in us.items()}
    table(
        ("us of processor time a wave", *(f"{size:,} events" for size in us)),
        [*rows, ("all", *total.values()), ("all, per event", *(us / size for size, us in total.items()))],
    )
    return {f"wave_of_{size}_us": round(us) for size, us in total.items()}
