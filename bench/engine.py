"""The engine alone: bytes of JSON to alerts in one process on one core, and how its cost grows."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.plans import make_events, write_plan
from bench.report import table
from risk_stream.catalogue import Decoder, EventBatch, load_catalogue
from risk_stream.engine import INDEX_BITS, Block, Engine, Hop, View
from risk_stream.rules import Evaluator, Plan, load_plan
from risk_stream.sinks import Meter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Longs = NDArray[np.int64]

__all__ = ["run"]

KEYS = 33_000
WARM = 40_000

#: Of skewed channels: events in all, and how much slower they come than they are made.
SKEW_EVENTS, SLOWER = 60_000, 10

#: Of large keys: rows in all, within how many ms, and how many rows of its key an event behind has before it.
KEY_ROWS, KEY_HOUR, BEHIND = 100_000, 3_600_000, 5

#: Keys whose memory is looked at.
HELD_KEYS = 10_000


class Bench:
    """One plan, its decoder and engine, fed from one stream of events."""

    def __init__(self, rules: int, features: int, meter: Meter | None = None) -> None:
        with tempfile.TemporaryDirectory() as folder:
            events, path = write_plan(Path(folder), rules, features)
            catalogue = load_catalogue(events)
            self.engine = Engine(load_plan([path], catalogue), meter=meter)
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
    figures = _metered(records)
    figures |= _revisions(records[: 20_000 if quick else 60_000])
    figures |= _skews(records, quick)
    figures |= _large_keys(quick)
    figures |= _bytes_of_keys()
    figures |= _growth(records[: WARM + (20_000 if quick else 60_000)], quick)
    return {
        "events_per_second_per_core": round(1e9 / ns),
        "fastest_events_per_second": round(1e9 / min(slices)),
        "slowest_events_per_second": round(1e9 / max(slices)),
        "decode_ns": round(decode),
        "firing_share": round(firing, 4),
        "keys": keys,
        "mib_per_100k_keys": round(mib, 1),
        **figures,
    }


class _Switched(Meter):
    """A meter that can be turned off, for whose clock time stands still meanwhile; it knows what it took."""

    def __init__(self) -> None:
        super().__init__(lambda: time.perf_counter_ns() - self.off_ns)
        self.on, self.off_ns, self.took_ns = False, 0, 0

    def __call__(self, evaluator: Evaluator, view: View) -> None:
        if self.on:
            begun = time.thread_time_ns()
            super().__call__(evaluator, view)
            self.took_ns += time.thread_time_ns() - begun


def _metered(records: list[bytes]) -> dict[str, float]:
    """Print what it costs that rules are measured as they judge: each slice of the records with it and without."""
    step, slices = 2_000, (len(records) - WARM) // 4_000 * 2
    ns: dict[bool, list[float]] = {True: [0.0] * slices, False: [0.0] * slices}
    took, samples = 0, 0
    for swapped in (False, True):
        meter = _Switched()
        bench = Bench(200, 30, meter)
        bench.feed(records[:WARM], 1000)
        for i in range(slices):
            meter.on = (i % 2 == 0) is swapped
            begun = time.perf_counter_ns()
            [ns[meter.on][i]] = bench.feed(records[WARM + i * step : WARM + (i + 1) * step], 1000)
            if not meter.on:
                meter.off_ns += time.perf_counter_ns() - begun
        took += meter.took_ns
        samples += sum(spent.samples for spent in meter.spent.values())
    share = took / (step * sum(ns[True]))
    ratio = statistics.median(on / off for on, off in zip(ns[True], ns[False], strict=True))
    table(
        ("200 rules, batches of 1,000", "samples", "% of the time", "% of the time without"),
        [("rules measured as they judge", samples, 100 * share, 100 * ratio)],
    )
    return {"metered_share": round(share, 4), "metered_ratio": round(ratio, 3)}


def _revisions(records: list[bytes]) -> dict[str, float]:
    """Print what events that come behind others cost, and how many judgements each event brings."""
    rows = list[tuple[str, float, float, float]]()
    figures: dict[str, float] = {}
    for share in (0.0, 0.05):
        ns, revised = _behind(records, share)
        rows.append((f"four hops, {share:.0%} of events behind by up to 2 s", ns, 1e9 / ns, revised))
        name = "behind" if share else "not_behind"
        figures |= {f"{name}_ns": round(ns), f"{name}_revisions_per_event": round(revised, 3)}
    for apart in (0, 20):
        ns, revised = _two_channels(records, apart)
        rows.append((f"one hop, one hot key, two channels {apart} ms apart", ns, 1e9 / ns, revised))
        name = "hot_key" if apart else "hot_key_together"
        figures |= {f"{name}_ns": round(ns), f"{name}_revisions_per_event": round(revised, 3)}
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


def _skews(records: list[bytes], quick: bool) -> dict[str, float]:
    """Print what it costs where one of two channels is behind the other in event time, as in a backlog."""
    rows = list[tuple[str, float, float, float]]()
    figures: dict[str, float] = {}
    bench = Bench(200, 30)
    events, _, _ = bench.decoder.decode(records[:SKEW_EVENTS], str)
    start = int(events.times[0])
    events = events.with_columns({"time": start + (events.times - start) * SLOWER})
    for size in (64, 1000):
        for apart in (None, 100, 1000, 5000):
            ns, revised = _skewed(bench.engine.plan, events, apart, size, 2000 if quick else 8000)
            what = "one channel" if apart is None else f"two channels {apart / 1000:g} s apart"
            rows.append((f"{what}, records of {size:,}", ns, 1e9 / ns, revised))
            name = f"skew_{0 if apart is None else apart}ms_{size}"
            figures |= {f"{name}_ns": round(ns), f"{name}_revisions_per_event": round(revised, 3)}
    table(("four hops, 5,000 events/s", "ns/event", "events/s a core", "revisions per event"), rows)
    return figures


def _skewed(plan: Plan, events: EventBatch, apart_ms: int | None, size: int, measured: int) -> tuple[float, float]:
    """(ns per event, events judged again per event) of four hops; every other event comes by the channel behind.

    Each record holds `size` rows of one channel, and the two take turns; None is for one channel with all events. What
    comes before those that are measured is given in order.
    """
    engine = Engine(plan)
    second = np.arange(len(events)) % 2 if apart_ms is not None else np.zeros(len(events), np.int64)
    arrives = events.times + (apart_ms or 0) * second
    order = np.argsort(arrives, kind="stable")[: np.count_nonzero(arrives <= events.times[-1])]  # both still bring some
    measured = max(1, measured // (2 * size)) * 2 * size
    before, after = np.sort(order[:-measured]), order[-measured:]
    for at in range(0, len(before), 1000):
        engine.apply(events.take(before[at : at + 1000]))
    ahead, behind = after[second[after] == 0], after[second[after] == 1]
    turns = max(len(ahead), len(behind)) // size + 1
    taken, revised = 0, 0
    for turn in range(turns):
        for channel in (ahead, behind):
            part = events.take(channel[turn * size : (turn + 1) * size])
            if len(part):
                begun = time.thread_time_ns()
                result = engine.apply(part)
                taken += time.thread_time_ns() - begun
                revised += result.revised
    return taken / measured, revised / measured


def _large_keys(quick: bool) -> dict[str, float]:
    """Print what an event costs at a hop of 8 features whose keys have few rows or very many; the rows are as many."""
    rows = list[tuple[str, float, float, float, float]]()
    figures: dict[str, float] = {}
    for per_key in (10, 1000, KEY_ROWS):
        together, alone, behind, revised = _large_key(per_key, 100 if quick else 400)
        rows.append((f"{per_key:,} rows a key", together, alone, behind, revised))
        name = f"key_of_{per_key}"
        figures |= {f"{name}_us": round(together, 2), f"{name}_alone_us": round(alone)}
        figures |= {f"{name}_behind_us": round(behind), f"{name}_revisions_per_event": round(revised, 3)}
    head = (
        "us/event at one hop",
        "in order, 1,000 a block",
        "in order, one a block",
        f"{BEHIND} rows behind",
        "revisions",
    )
    table(head, rows)
    return figures


def _large_key(per_key: int, measured: int) -> tuple[float, float, float, float]:
    """(us per event in order in blocks of 1,000, in blocks of one, of one behind others; revisions of each of these).

    A key's rows lie evenly within the last hour, which is in all windows but one of a minute. One behind comes after
    one in front, has BEHIND newer rows of its key, and is a block by itself.
    """
    bench, keys, step = Bench(200, 30), KEY_ROWS // per_key, KEY_HOUR // KEY_ROWS
    hop = Hop(bench.engine.plan, "customer", lateness_ms=KEY_HOUR)
    ahead = KEY_ROWS + 2000 + measured
    events, _, _ = bench.decoder.decode(list(make_events(ahead + measured)), str)
    numbers = np.arange(ahead)
    since, offset = int(events.times[0]), 0

    def apply(rows: Longs, own: Longs, back: int = 0) -> tuple[int, int]:
        """(ns, revisions) of a block of rows, with the keys and times that are `own` to these numbers."""
        nonlocal offset
        offset += 1
        part = events.take(rows)
        stamps = (offset << INDEX_BITS) + np.arange(len(part), dtype=np.int64)
        names = [f"C{n % keys}" for n in own.tolist()]
        part = part.with_columns({"_stamp": stamps, "customer": names, "time": since + own * step - back})
        block = Block(part, bench.engine.plan, since)
        begun = time.thread_time_ns()
        result = hop.apply([block])
        return time.thread_time_ns() - begun, result.revised

    blocks = [apply(some, some)[0] for some in np.split(numbers[: KEY_ROWS + 2000], (KEY_ROWS + 2000) // 1000)]
    back = (2 * BEHIND - 1) * keys * step // 2
    alone, behind = list[int](), list[tuple[int, int]]()
    for i in range(measured):
        own = numbers[KEY_ROWS + 2000 + i :][:1]
        alone.append(apply(own, own)[0])
        behind.append(apply(np.array([ahead + i]), own, back))
    cost = statistics.median(ns for ns, _ in behind)
    revised = sum(n for _, n in behind) / measured
    return min(blocks[-2:]) / 1e6, statistics.median(alone) / 1000, cost / 1000, revised


def _bytes_of_keys() -> dict[str, float]:
    """Print the memory of a key's windows at a hop of 8 features, where each key has so many rows."""
    rows = []
    figures: dict[str, float] = {}
    for per_key in (1, 16):
        bench, keys = Bench(200, 30), HELD_KEYS
        hop = Hop(bench.engine.plan, "customer")
        records = list(make_events(keys * per_key))
        for at in range(0, len(records), 1000):
            events, _, _ = bench.decoder.decode(records[at : at + 1000], str)
            stamps = (at << INDEX_BITS) + np.arange(len(events), dtype=np.int64)
            names = [f"C{n % keys}" for n in range(at, at + len(events))]
            events = events.with_columns({"_stamp": stamps, "customer": names})
            hop.apply([Block(events, bench.engine.plan, int(events.times[0]))])
        state = hop.state
        assert state is not None
        assert state.keys == keys
        rows.append((f"{keys:,} keys of {per_key} rows", state.bytes / keys))
        figures[f"bytes_per_key_of_{per_key}"] = round(state.bytes / keys)
    table(("windows of 8 features", "bytes a key"), rows)
    return figures


def _growth(records: list[bytes], quick: bool) -> dict[str, float]:
    """Print what rules, features and batch size cost, each against the plan above."""
    rows = []
    figures: dict[str, float] = {}
    for rules, features, batch in [
        *((r, 30, 1000) for r in (50, 200, 1000)),
        *((200, f, 1000) for f in (10, 20)),
        *((200, 30, b) for b in ((64, 5000) if quick else (16, 64, 256, 5000))),
    ]:
        bench = Bench(rules, features)
        bench.feed(records[:WARM], 1000)
        ns = float(np.median(bench.feed(records[WARM:], batch)))
        rows.append((f"{rules} rules, {features} features, batches of {batch:,}", ns, 1e9 / ns))
        figures[f"rules_{rules}_features_{features}_batch_{batch}_ns"] = round(ns)
    table(("how cost grows", "ns/event", "events/s a core"), rows)
    more = figures["rules_1000_features_30_batch_1000_ns"] - figures["rules_50_features_30_batch_1000_ns"]
    return {"rule_ns": round(more / 950, 2), **figures}
