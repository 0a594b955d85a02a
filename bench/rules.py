"""Five thousand rules in a hundred files: loaded, checked, and one file of them changed beneath a steady stream."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from aiokafka import AIOKafkaProducer

from bench.live import Worker, alerts, environment_of, pin, servers, worker
from bench.plans import make_events, write_house
from bench.report import table
from risk_stream.catalogue import load_catalogue
from risk_stream.engine import make_ready
from risk_stream.rules import PlanSource
from risk_stream.settings import load_settings

__all__ = ["run"]

RULES, FILES = 5000, 100
RATE = 500
TICKS = 25  # sends a second, each of RATE / TICKS events
FIRING = 0.5  # of the events fire a rule, so that few ticks have no alert
WARM = 4.0  # seconds that are not counted
#: From so many seconds after a change counts on nothing changes for so many: the rival.
AFTER, CALM = 0.5, 2.0
#: A change that does not count after so many seconds ends the benchmark.
PATIENCE = 30.0
#: The file that is changed.
CHANGED = "desk-007.yaml"


def _change(folder: Path, turn: int) -> None:
    """Write a rule file with another score in each of its rules."""
    path = folder / CHANGED
    lines = path.read_text().splitlines()
    path.write_text("\n".join(f"    score: {turn}" if line.startswith("    score:") else line for line in lines) + "\n")


@dataclass(slots=True)
class _Files:
    """Seconds that it takes in one process, nothing else going on in it."""

    load: float  # all files read, checked and joined to a plan
    load_cpu: float  # the same, in processor time
    ready: float  # that plan compiled
    check: float  # the command `rules check`, from start to end
    reload: float  # one file changed: what the worker's thread does until the plan can be used; median of three
    reload_cpu: float


def _of_files() -> _Files:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        events = write_house(folder, RULES, FILES)
        settings = load_settings(rules=[folder / "rules"], events=[events])
        command = [sys.executable, "-m", "risk_stream", "rules", "check"]
        began = time.perf_counter()
        subprocess.run(command, env=environment_of(settings), check=True, stdout=subprocess.DEVNULL)
        check = time.perf_counter() - began
        catalogue = load_catalogue(events)
        began, cpu = time.perf_counter(), time.process_time()
        source = PlanSource(settings.rules, catalogue)
        load, load_cpu = time.perf_counter() - began, time.process_time() - cpu
        began = time.perf_counter()
        kept = make_ready(source.plan)
        ready = time.perf_counter() - began
        reloads = []
        for turn in (11, 12, 13):
            _change(folder / "rules", turn)
            began, cpu = time.perf_counter(), time.process_time()
            plan = source.poll()
            assert plan is not None
            kept = make_ready(plan)
            reloads.append((time.perf_counter() - began, time.process_time() - cpu))
        assert kept
    wall, cpu = np.median(np.array(reloads), axis=0).tolist()
    return _Files(load, load_cpu, ready, check, wall, cpu)


@dataclass(slots=True)
class _Seen:
    """Alerts as they came: when, and by which plan."""

    times: list[float] = field(default_factory=list)
    plans: list[str] = field(default_factory=list)

    def gap(self, begin: float, end: float) -> float:
        """The longest time without an alert between two moments, ms."""
        times = np.array([begin, *(t for t in self.times if begin <= t < end), end])
        return float(np.diff(times).max() * 1000)


@dataclass(frozen=True, slots=True)
class _Change:
    """When a file was saved, when the first alert by the new plan came, and how long nothing changed after it."""

    saved: float
    counts: float
    until: float


async def _produce(running: Worker, stop: asyncio.Event) -> None:
    """Send at the rate until told to stop."""
    producer = AIOKafkaProducer(bootstrap_servers=running.settings.broker, linger_ms=0, acks=1)
    await producer.start()
    topic, sent = running.settings.house_topics["trades"], 0
    events = make_events(RATE * 3600, keys=33_000, per_second=RATE)
    began = time.perf_counter()
    while not stop.is_set():
        for event in itertools.islice(events, RATE // TICKS):
            await producer.send(topic, event, partition=0)
            sent += 1
        await asyncio.sleep(max(0.0, began + sent / RATE - time.perf_counter()))
    await producer.stop()


async def _follow(running: Worker, seen: _Seen) -> None:
    """Note the alerts that come, until cancelled."""
    async for now, alert in alerts(running.settings):
        seen.times.append(now)
        seen.plans.append(alert["plan"])


async def _beneath_a_stream(running: Worker, changes: int) -> tuple[_Seen, list[_Change]]:
    """What came while a file was changed so many times."""
    seen, stop, made = _Seen(), asyncio.Event(), list[_Change]()
    follower = asyncio.create_task(_follow(running, seen))
    producing = asyncio.create_task(_produce(running, stop))
    await _until(lambda: bool(seen.times), "no alert came")
    await asyncio.sleep(WARM)
    for turn in range(changes):
        before = seen.plans[-1]
        _change(running.settings.rules[0], 20 + turn)
        saved = time.perf_counter()
        await _until(partial(_another, seen, before), "a changed file does not count")
        counts = time.perf_counter()
        await asyncio.sleep(AFTER + CALM)
        made.append(_Change(saved, counts, time.perf_counter()))
    stop.set()
    await producing
    follower.cancel()
    await asyncio.gather(follower, return_exceptions=True)
    return seen, made


def _another(seen: _Seen, before: str) -> bool:
    """Whether the last alert is by another plan."""
    return seen.plans[-1] != before


async def _until(holds: Callable[[], bool], otherwise: str) -> None:
    deadline = time.perf_counter() + PATIENCE
    while not holds():
        if time.perf_counter() > deadline:
            raise SystemExit(f"{otherwise} after {PATIENCE:g} s: is the machine busy?")
        await asyncio.sleep(0.02)


def run(quick: bool) -> dict[str, float]:
    """Ten changes of a file among a hundred, or two."""
    of_files = _of_files()
    with (
        servers() as (broker, redis),
        worker(broker, redis, "bench-rules", 1, write=write_house, rules=RULES, files=FILES, firing=FIRING) as running,
    ):
        pin(running.ready())
        seen, changes = asyncio.run(_beneath_a_stream(running, 2 if quick else 10))
    pauses = [seen.gap(change.saved, change.counts + AFTER) for change in changes]
    rivals = [seen.gap(change.counts + AFTER, change.until) for change in changes]
    in_force = [change.counts - change.saved for change in changes]
    table(
        (f"{RULES:,} rules in {FILES} files", "seconds", "of them on a core"),
        [
            ("read and checked", f"{of_files.load:.2f}", f"{of_files.load_cpu:.2f}"),
            ("compiled", f"{of_files.ready:.2f}", ""),
            ("risk-stream rules check, start to end", f"{of_files.check:.2f}", ""),
            ("one file changed: read, checked, compiled", f"{of_files.reload:.2f}", f"{of_files.reload_cpu:.2f}"),
            ("one file changed: saved to its first alert, looked at each second", f"{max(in_force):.2f}", ""),
        ],
    )
    table(
        (f"longest time without an alert, ms, {RATE * FIRING:,.0f} alerts/s", "median", "longest"),
        [
            ("from the saving of a file to half a second after it counts", float(np.median(pauses)), max(pauses)),
            ("from then to the next", float(np.median(rivals)), max(rivals)),
        ],
    )
    return {
        "rules": RULES,
        "files": FILES,
        "load_s": round(of_files.load, 2),
        "load_cpu_s": round(of_files.load_cpu, 2),
        "compile_s": round(of_files.ready, 2),
        "check_s": round(of_files.check, 2),
        "reload_s": round(of_files.reload, 2),
        "reload_cpu_s": round(of_files.reload_cpu, 2),
        "in_force_s": round(max(in_force), 2),
        "reload_pause_ms": round(max(pauses), 1),
        "still_pause_ms": round(max(rivals), 1),
    }
