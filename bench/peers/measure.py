"""Run one peer on one core over a filled topic: how fast, at what cost, and was every alert right."""

from __future__ import annotations

import bisect
import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson
import psutil

from bench.live import CORE
from bench.peers.alerts import Alert, Comparison, Expected, Said, compare
from bench.peers.topics import follow

__all__ = ["Measured", "SilentPeerError", "Task", "measure", "number", "of_event", "one_core"]


@dataclass(frozen=True, slots=True)
class Task:
    """What there is to do: a filled topic and what must be said of it."""

    broker: str
    topic: str
    events: int
    settled: int  # the speed is that of the events from this one on
    expected: Expected
    threshold: float = 0.0  # of the plain job's rule on sums

    @property
    def first(self) -> Expected:
        """What must be said of the events before `settled`."""
        return {event: alert for event, alert in self.expected.items() if event < self.settled}


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of one peer."""

    events_per_second: float
    cpu_per_million: float  # seconds of its processor time for a million events
    memory: float  # the most of it that was resident, MiB
    comparison: Comparison
    note: str = ""  # what must be known of this run

    def __str__(self) -> str:
        return f"{self.events_per_second:,.0f} events/s, {self.comparison}{self.note and ', ' + self.note}"


class SilentPeerError(Exception):
    """Raised when a peer ran and said nothing; with the end of its log."""


class _Usage:
    """Processor time and memory of a process and all its children, over time."""

    def __init__(self, pid: int) -> None:
        self.process = psutil.Process(pid)
        self.at: list[float] = []  # ms since 1970, as the broker's stamps
        self.cpu: list[float] = []
        self.memory = 0.0

    def sample(self) -> None:
        cpu = memory = 0.0
        with contextlib.suppress(psutil.Error):  # it ended: what was seen last holds
            for process in (self.process, *self.process.children(recursive=True)):
                times = process.cpu_times()
                cpu += times.user + times.system
                memory += process.memory_info().rss / 2**20
        if not self.cpu or cpu >= self.cpu[-1]:
            self.at.append(time.time() * 1000)
            self.cpu.append(cpu)
        self.memory = max(self.memory, memory)

    def until(self, at: float) -> float:
        """Seconds of processor time used up to a time, between two samples in proportion."""
        i = bisect.bisect(self.at, at)
        if i == 0 or i == len(self.at):
            return self.cpu[min(i, len(self.cpu) - 1)]
        share = (at - self.at[i - 1]) / (self.at[i] - self.at[i - 1])
        return self.cpu[i - 1] + share * (self.cpu[i] - self.cpu[i - 1])


@contextmanager
def one_core() -> Iterator[None]:
    """Processes started in this block have one core, with all their threads, from their first instruction on."""
    before = psutil.Process().cpu_affinity() or []
    if (os.cpu_count() or 1) > 1:
        psutil.Process().cpu_affinity([CORE])
    try:
        yield
    finally:
        psutil.Process().cpu_affinity(before)


def number(event: str) -> int:
    """Of an event, from its id, which ends in it."""
    return int(event.rpartition("-")[2])


def of_event(records: Sequence[tuple[int, bytes]]) -> list[Said]:
    """Alerts as the rivals write them: the event's id, each rule as a boolean, each feature as a number or null."""
    found = []
    for at, value in records:
        said = orjson.loads(value)
        event = number(said.pop("id"))
        rules = frozenset(name for name, fired in said.items() if fired is True)
        found.append(Said(event, at, Alert(rules, {k: v for k, v in said.items() if not isinstance(v, bool)})))
    return found


def measure(
    task: Task,
    alerts: str,
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    read: Callable[[Sequence[tuple[int, bytes]]], list[Said]] = of_event,
    records: Callable[[Expected], int] = len,
) -> Measured:
    """Start the command on one core and follow what it writes to `alerts` until it has said everything.

    Args:
        records: how many records the peer writes for what is expected.

    Raises:
        SilentPeerError: it said nothing.
    """
    with tempfile.TemporaryDirectory() as place:
        log = Path(place) / "log"
        with log.open("wb") as out:
            given = {**os.environ, **(environment or {})}
            with one_core():
                process = subprocess.Popen(command, env=given, stdout=out, stderr=out, cwd=place)
            usage = _Usage(process.pid)
            try:
                wanted = records(task.expected)
                found = follow(task.broker, alerts, wanted, lambda: process.poll() is None, usage.sample)
            finally:
                _end(process)
        if not found:
            raise SilentPeerError(f"it said nothing; its log ends: {log.read_text(errors='replace')[-1500:]}")
    times = sorted(at for at, _ in found)
    began, ended = times[min(records(task.first), len(times) - 1)], times[-1]
    millions = (task.events - task.settled) / 1e6
    return Measured(
        millions * 1e6 / max(ended - began, 1) * 1000,
        (usage.until(ended) - usage.until(began)) / millions,
        usage.memory,
        compare(read(found), task.expected),
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
