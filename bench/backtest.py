"""A history through rules in force and changed ones in one pass: how fast, by how many processes, in what memory."""

from __future__ import annotations

import multiprocessing
import statistics
import tempfile
import time
from dataclasses import dataclass
from hashlib import blake2b
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec
import psutil

from bench.plans import make_events, write_plan
from bench.report import table
from risk_stream.catalogue import load_catalogue
from risk_stream.rules import load_plan
from risk_stream.workbench.backtest import backtest, lines_of

__all__ = ["run"]

#: A year has windows of 30 days full many times over, and the first fifth of the events has too: 1,000,000 in 60 days.
PER_DAY = 16_667
#: One rule in so many is another after the change, and these features are.
EVERY, WIDER = 5, ("c_sum_1h", "a_sum_1d", "d_std_1d")
LATENESS_MS = 10_000


@dataclass(frozen=True)
class Turn:
    """One run in processes of its own."""

    processes: int
    events: int
    seconds: float
    cpu_seconds: float
    peak_mib: float  # of the process that judges, where it is one
    found: str  # a hash of all that the report says
    alerts: int
    differing: int

    @property
    def per_second(self) -> float:
        """Events a second of wall time."""
        return self.events / self.seconds


def run(quick: bool) -> dict[str, float | bool]:
    """Write a history to disk, judge it by one, two and four processes in turn, and a fifth of it for memory."""
    events, rounds = (250_000, 1) if quick else (5_000_000, 2)
    with tempfile.TemporaryDirectory() as folder:
        whole, part = (Path(folder) / name for name in ("whole.jsonl", "part.jsonl"))
        _write(whole, events)
        _write(part, events // 5)
        small = _turn(folder, part, 1)
        pairs = [(_turn(folder, whole, 1), _turn(folder, whole, 2)) for _ in range(rounds)]
        four = _turn(folder, whole, 4)
    one = pairs[0][0]
    turns = [small, *(turn for pair in pairs for turn in pair), four]
    table(
        ("200 rules and 200 changed, 30 features, 4 keys", "events", "s", "events/s", "events/s and core", "MiB"),
        [_row(turn) for turn in turns],
    )
    print(f"{one.alerts:,} alerts of both, {one.differing} rules differ\n", flush=True)
    same = {turn.found for turn in turns if turn is not small}
    per_core = one.events / one.cpu_seconds
    return {
        "events": one.events,
        "events_per_second_per_core": round(per_core),
        "events_per_second": round(one.per_second),
        "speedup_2_cores": round(statistics.median(a.seconds / b.seconds for a, b in pairs), 2),
        "identical_1_2_4": len(same) == 1,
        "rss_growth_share": round(one.peak_mib / small.peak_mib - 1, 3),
        "peak_mib": round(one.peak_mib),
    }


def _row(turn: Turn) -> tuple[object, ...]:
    name = f"{turn.processes} process{'es' * (turn.processes > 1)}"
    return name, turn.events, turn.seconds, turn.per_second, turn.events / turn.cpu_seconds, turn.peak_mib


def _write(path: Path, events: int) -> None:
    with path.open("wb") as file:
        file.writelines(line + b"\n" for line in make_events(events, per_second=PER_DAY / 86_400))


def _turn(folder: str, history: Path, processes: int) -> Turn:
    """One run in a process of its own, so that its memory is its own."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_judge, args=(folder, history, processes, there))
    process.start()
    there.close()
    try:
        turn: Turn = here.recv()
    finally:
        process.join()
    return turn


def _judge(folder: str, history: Path, processes: int, answer: Connection) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as own:
        types, path = write_plan(Path(own), 200, 30)
        changed = Path(own) / "changed.yaml"
        changed.write_text(_changed(path.read_text()))
        catalogue = load_catalogue(types)
        plans = {"before": load_plan([path], catalogue), "after": load_plan([changed], catalogue)}
    me = psutil.Process()
    before, started = _cpu(me), time.perf_counter()
    report = backtest(plans, lines_of(history), lateness_ms=LATENESS_MS, processes=processes)
    seconds, spent = time.perf_counter() - started, _cpu(me) - before
    report.counted.seconds, report.counted.processes = 0.0, 0
    found = blake2b(msgspec.json.encode(report), digest_size=16).hexdigest()
    alerts = sum(side.live for side in report.sides.values())
    answer.send(
        Turn(processes, report.counted.events, seconds, spent, _peak_mib(), found, alerts, len(report.differing))
    )


def _cpu(process: psutil.Process) -> float:
    """Seconds of processor time of a process and of its children that have ended."""
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


def _peak_mib() -> float:
    """The most memory that this process has held since it began (not what it was forked from had)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return psutil.Process().memory_info().rss / 2**20


def _changed(text: str) -> str:
    """The rules after the change: one in `EVERY` with other limits, three features over twice the time."""
    lines, number = [], 0
    for line in text.splitlines():
        name = line.strip().split(":")[0]
        if name in WIDER:
            line = line.replace("window: 1h", "window: 2h").replace("window: 1d", "window: 2d")
        elif name == "when":
            number += 1
            if number % EVERY == 0:
                line = line.replace("0.5", "0.6").replace(" 2 ", " 2.5 ").replace(">= 3", ">= 4")
        lines.append(line)
    return "\n".join(lines) + "\n"
