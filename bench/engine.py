"""The engine alone: bytes of JSON to alerts in one process on one core, and how its cost grows."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from bench.plans import make_events, write_plan
from bench.report import table
from risk_stream.catalogue import Decoder, load_catalogue
from risk_stream.engine import Engine
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
    _growth(records[: WARM + (20_000 if quick else 60_000)], quick)
    return {
        "events_per_second_per_core": round(1e9 / ns),
        "fastest_events_per_second": round(1e9 / min(slices)),
        "decode_ns": round(decode),
        "firing_share": round(firing, 4),
        "mib_per_100k_keys": round(mib, 1),
    }


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
