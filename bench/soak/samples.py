"""What is looked at every few seconds of a soak: each process's memory, files, threads and tasks, and what waits."""

from __future__ import annotations

import re
import statistics
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import psutil
import redis

from bench.chaos.flow import Flow
from bench.chaos.house import House
from bench.soak.slope import Slope, fit

__all__ = ["OURS", "Sample", "Samples", "Seen"]

#: What a process of the house is called here; the servers are looked at too, but are not ours.
OURS = ("worker", "supervisor", "spare", "desk")

_TASKS = re.compile(r"^risk_stream_(?:desk_)?tasks (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Seen:
    """One process at one moment; memory in MiB: what is resident, and its proportional part of what several share."""

    pid: int
    rss: float
    pss: float
    files: int
    threads: int
    tasks: float | None = None  # of its event loop; None where it does not say


@dataclass(frozen=True, slots=True)
class Sample:
    """One moment: seconds since the beginning, processes by name, Redis's data in MiB, records that wait."""

    at: float
    processes: dict[str, Seen] = field(default_factory=dict)
    redis: float | None = None
    lag: int = 0


class Samples:
    """Looks every `every` seconds, in a thread of its own, from `start` to `stop`; each look is a line of `file`."""

    def __init__(self, house: House, flow: Flow, every: float, file: Path) -> None:
        self.house, self.flow, self.every, self.file = house, flow, every, file
        self.taken: list[Sample] = []
        self._began = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="samples", daemon=True)

    def start(self) -> None:
        """Begin; times are counted from now on."""
        self._began = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(30)

    def slope(self, what: str, since: float, *names: str) -> Slope:
        """How something of these processes grows together from `since` on, by Theil and Sen.

        A process that ends and is followed by another begins a run of its own, which counts once it has been there for
        as long as the warm-up.
        """
        runs: list[tuple[list[float], list[float]]] = []
        born: dict[tuple[str, int], float] = {}
        before: dict[str, int] = {}
        for sample in self.taken:
            there = {name: seen for name, seen in sample.processes.items() if name.partition("-")[0] in names}
            pids = {name: seen.pid for name, seen in there.items()}
            for name, pid in pids.items():
                born.setdefault((name, pid), sample.at)
            values = [getattr(seen, what) for seen in there.values()]
            values = [value for value in values if value is not None]
            since_birth = min((sample.at - at for one, at in born.items() if one in pids.items()), default=0.0)
            if sample.at < since or since_birth < since or not values:
                continue
            if pids != before or not runs:
                runs.append(([], []))
            before = pids
            runs[-1][0].append(sample.at)
            runs[-1][1].append(float(sum(values)))
        return fit(runs)

    def redis_slope(self, since: float) -> Slope:
        """How Redis's data grow, MiB an hour."""
        held = [(sample.at, sample.redis) for sample in self.taken if sample.redis is not None and sample.at >= since]
        return fit([([at for at, _ in held], [mib for _, mib in held])])

    def grown(self, what: str, since: float, *names: str) -> float:
        """What a count is at the last look, less what it mostly was from `since` on, summed over these processes."""
        total = 0.0
        for name in self.taken[-1].processes if self.taken else ():
            if name.partition("-")[0] not in names:
                continue
            counts = [getattr(s.processes[name], what) for s in self.taken if s.at >= since and name in s.processes]
            counts = [count for count in counts if count is not None]
            total += counts[-1] - statistics.median(counts) if counts else 0.0
        return total

    def starts(self) -> int:
        """How many processes at work took the place of others."""
        pids = {(name, seen.pid) for s in self.taken for name, seen in s.processes.items() if name.startswith("worker")}
        return len(pids) - len({name for name, _ in pids})

    def take(self) -> None:
        """Look now, and keep what is seen: a run that is broken off has shown what it has shown."""
        self.taken.append(self._look())
        with self.file.open("ab") as out:
            out.write(orjson.dumps(self.taken[-1]) + b"\n")

    def _look(self) -> Sample:
        held = None
        try:
            with redis.Redis.from_url(self.house.settings.redis, socket_timeout=1.0) as client:
                held = float(client.info("memory")["used_memory"]) / 2**20
        except redis.RedisError:
            pass  # it is stopped just now
        processes = {name: seen for name, pid, port in self._there() if (seen := _seen(pid, port)) is not None}
        return Sample(time.monotonic() - self._began, processes, held, self.flow.lag())

    def _run(self) -> None:
        while not self._stop.wait(max(0.0, self.every * (len(self.taken) + 1) - (time.monotonic() - self._began))):
            self.take()

    def _there(self) -> Iterator[tuple[str, int, int | None]]:
        """(name, process id, port of its metrics) of each process that is there."""
        for worker in self.house.workers:
            which = worker.name.rpartition("-")[2]
            found: Sequence[tuple[str, int | None, int | None]] = [(f"supervisor-{which}", worker.supervisor, None)]
            children = worker.children
            found = [*found, *((f"worker-{which}", pid, worker.port) for pid in children[:1])]
            found = [*found, *((f"spare-{which}", pid, None) for pid in children[1:2])]
            yield from ((name, pid, port) for name, pid, port in found if pid is not None)
        for desk in self.house.desks:
            if desk.process.running and desk.process.pid is not None:
                yield desk.name, desk.process.pid, desk.port
        for name, server in (("kafka", self.house.kafka), ("redis", self.house.redis_server)):
            process = server.process
            if process is not None and process.running and process.pid is not None:
                yield name, process.pid, None


def _seen(pid: int, port: int | None) -> Seen | None:
    try:
        process = psutil.Process(pid)
        memory = process.memory_full_info()
        files, threads = process.num_fds(), process.num_threads()
    except (psutil.Error, OSError):
        return None
    return Seen(pid, memory.rss / 2**20, memory.pss / 2**20, files, threads, None if port is None else _tasks(port))


def _tasks(port: int) -> float | None:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=3) as answer:
            said = _TASKS.search(answer.read().decode())
    except OSError:
        return None
    return None if said is None else float(said[1])
