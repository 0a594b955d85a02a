"""The engine alone: bytes of JSON to alerts in one process on one core, and how its cost grows."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from bench.plans import make_events, write_plan
from bench.report import table
from risk_stream.catalogue import Decoder, EventBatch, load_catalogue
from risk_stream.engine import INDEX_BITS, Block, Engine, Hop
from risk_stream.rules import load_plan

__all__ = ["run"]

KEYS = 33_000
WARM = 40_000


class Bench:
    """One plan, its decoder and engine, fed from one stream of events."""

    def __init__(self, rules: int, features: int) -> None:
        with tempfile.TemporaryDirectory() as folder:
            events, path = write_plan(Path(folder), rules, features)
            catalogue = load_catalogue(events)
            self.engine = Engine(load_plan([path], catalogue))
        self.decoder = Decoder(catalogue)
        self.alerts = 0

    def feed(self, records: list[bytes], batch: int) -> list[float]:
        """Nanoseconds of processor time per event, a figure per slice of the records."""
        slices = []
        step = max(batch, 10_000 // batch * batch)
        for at in range(0, len(records), step):
            part = records[at : at + step]
            start = time.thread_time_ns()
            for i in range(0, len(part), batch):
                events, _, _ = self.decoder.decode(part[i : i + batch], str)
                self.alerts += len(self.engine.apply(events).alerts)
            slices.append((time.thread_time_ns() - start) / len(part))
        return slices


def _decoding(bench: Bench, records: list[bytes], batch: int) -> float:
    start = time.thread_time_ns()
    for i in range(0, len(records), batch):
        bench.decoder.decode(records[i : i + batch], str)
    return (time.thread_time_ns() - start) / len(records)


def _memory(bench: Bench) -> tuple[int, float]:
    """(keys held, MiB per 100,000 of them)."""
    states = [h.state for h in bench.engine.hops.values() if h.state is not None]
    keys = sum(s.keys for s in states)
    return keys, sum(s.bytes for s in states) / 2**20 / keys * 1e5


def run(quick: bool) -> dict[str, float]:
    """Measure the plan of 200 rules in batches of 1,000, then print what each thing costs."""
    events = 100_000 if quick else 400_000
    records = list(make_events(WARM + events, keys=KEYS))
    bench = Bench(200, 30)
    bench.feed(records[:WARM], 1000)
    bench.alerts = 0
    slices = bench.feed(records[WARM:], 1000)
    ns = statistics.median(slices)
    firing = bench.alerts / events
    decode = _decoding(bench, records[WARM : WARM + 20_000], 1000)
    keys, mib = _memory(bench)
    table(
        ("200 rules, 30 features, 4 keys, batches of 1,000", "ns/event", "events/s a core"),
        [
            ("median slice", ns, 1e9 / ns),
            ("fastest slice", min(slices), 1e9 / min(slices)),
            ("slowest slice", max(slices), 1e9 / max(slices)),
            ("of it decoding to columns", decode, 1e9 / decode),
        ],
    )
    print(f"{firing:.2%} of events fired a rule; {keys:,} keys held, {mib:.0f} MiB per 100,000 keys\n", flush=True)
    figures = _revisions(records[: 20_000 if quick else 60_000])
    _growth(records[: WARM + (20_000 if quick else 60_000)], quick)
    return {
        "events_per_second_per_core": round(1e9 / ns),
        "fastest_events_per_second": round(1e9 / min(slices)),
        "decode_ns": round(decode),
        "firing_share": round(firing, 4),
        "mib_per_100k_keys": round(mib, 1),
        **figures,
    }


def _revisions(records: list[bytes]) -> dict[str, float]:
    """Print what events that come behind others cost, and how many judgements each event brings."""
    rows = list[tuple[str, float, float, float]]()
    figures: dict[str, float] = {}
    for share in (0.0, 0.05):
        ns, revised = _behind(records, share)
        rows.append((f"four hops, {share:.0%} of events behind by up to 2 s", ns, 1e9 / ns, revised))
        figures |= {"behind_ns": round(ns), "behind_revisions_per_event": round(revised, 3)} if share else {}
    for apart in (0, 20):
        ns, revised = _two_channels(records, apart)
        rows.append((f"one hop, one hot key, two channels {apart} ms apart", ns, 1e9 / ns, revised))
        figures |= {"hot_key_ns": round(ns), "hot_key_revisions_per_event": round(revised, 3)} if apart else {}
    table(("what order costs, batches of 1,000", "ns/event", "events/s a core", "revisions per event"), rows)
    return figures


def _behind(records: list[bytes], share: float) -> tuple[float, float]:
    """(ns per event, events judged again per event) of a stream with some events behind."""
    bench, rng = Bench(200, 30), np.random.default_rng(1)
    taken, revised, half = 0, 0, len(records) // 2000 * 1000
    for at in range(0, 2 * half, 1000):
        events, _, _ = bench.decoder.decode(records[at : at + 1000], str)
        back = (rng.random(len(events)) < share) * rng.integers(0, 2000, len(events))
        events = events.with_columns({"time": events.times - back})
        start = time.thread_time_ns()
        result = bench.engine.apply(events)
        if at >= half:
            taken += time.thread_time_ns() - start
            revised += result.revised
    return taken / half, revised / half


def _two_channels(records: list[bytes], apart_ms: int) -> tuple[float, float]:
    """(ns per event, events judged again per event) of the instrument's hop, all events of one instrument.

    Two channels bring every other event; the second one is so many ms behind the first, in blocks of 500.
    """
    bench = Bench(200, 30)
    plan = bench.engine.plan
    hop = Hop(plan, "instrument", reserve_mib=1024)
    events, _, _ = bench.decoder.decode(records, str)
    events = events.with_columns({"instrument": ["I0"] * len(events)})
    order = np.argsort(events.times + apart_ms * (np.arange(len(events)) % 2), kind="stable")
    blocks = list[Block]()
    for offset, at in enumerate(range(0, len(order), 1000)):
        for channel in (0, 1):
            rows = order[at : at + 1000]
            part = events.take(rows[rows % 2 == channel])
            number = 2 * offset + channel
            stamps = (number << INDEX_BITS) + np.arange(len(part), dtype=np.int64)
            copied = EventBatch(part.catalogue, part.table)
            blocks.append(Block(copied.with_columns({"_stamp": stamps}), plan, int(part.times.min())))
    half, taken, revised, judged = len(blocks) // 2, 0, 0, 0
    for at, block in enumerate(blocks):
        start = time.thread_time_ns()
        result = hop.apply([block])
        if at >= half:
            taken += time.thread_time_ns() - start
            revised += result.revised
            judged += len(block.batch)
    return taken / judged, revised / judged


def _growth(records: list[bytes], quick: bool) -> None:
    """Print what rules, features and batch size cost, each against the plan above."""
    rows = []
    for rules, features, batch in [
        *((r, 30, 1000) for r in (50, 200, 1000)),
        *((200, f, 1000) for f in (10, 20)),
        *((200, 30, b) for b in ((64, 5000) if quick else (16, 64, 256, 5000))),
    ]:
        bench = Bench(rules, features)
        bench.feed(records[:WARM], 1000)
        ns = float(np.median(bench.feed(records[WARM:], batch)))
        rows.append((f"{rules} rules, {features} features, batches of {batch:,}", ns, 1e9 / ns))
    table(("how cost grows", "ns/event", "events/s a core"), rows)
