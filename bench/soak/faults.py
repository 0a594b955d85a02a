"""What befalls a house in a soak: each fault takes its seconds and is over when it returns."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import signal
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from bench.chaos.house import House
from tests.live.servers import ROOT, Kafka, RedisServer

__all__ = ["FAULTS", "Clocks", "Fault", "PatientKafka", "PatientRedis"]

#: Waits so many seconds; raises where the feeder or the officers have failed.
Wait: TypeAlias = Callable[[float], None]

#: How long things last, s, before `pace` makes them shorter.
STOPPED, CRAWLING, FULL, JUMPED = 4.0, 6.0, 8.0, 6.0

#: How far clocks jump, forward and back, s: the worker's, and the desk's, whose log goes on at its own latest time.
JUMPS = {"worker": 3600, "desk": 5}


class PatientKafka(Kafka):
    """A broker that is waited for: after an hour of logs its machine reads from the disk what it begins with."""

    patience = 300.0


class PatientRedis(RedisServer):
    """A Redis that lives on where its disk is full, as on a full disk; the kernel would end it at a limit of ours."""

    def argv(self) -> list[str]:
        """Redis, started by a shell that has it pass over the signal of a file that cannot grow."""
        return ["/bin/sh", "-c", 'trap "" XFSZ; exec "$@"', "redis", *super().argv()]


class Clocks:
    """The clocks of a house's workers and desks, each ahead by what a file says; see `shifted`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._files = {whose: folder / whose for whose in JUMPS}
        for file in self._files.values():
            file.write_bytes(struct.pack("<d", 0.0))

    def set(self, way: int) -> None:
        """Ahead by their jump (1), behind by it (-1), or right (0)."""
        for whose, file in self._files.items():
            with file.open("r+b") as there:  # the same file: processes have it mapped
                there.write(struct.pack("<d", float(way * JUMPS[whose])))

    def around(self) -> Mapping[str, Mapping[str, str]]:
        """The environment in which processes count by them, by command."""
        path = os.pathsep.join((str(Path(__file__).parent / "shifted"), str(ROOT)))
        return {whose: {"PYTHONPATH": path, "SOAK_CLOCK": str(file)} for whose, file in self._files.items()}


class Fault:
    """A house and how its faults come; `pace` shortens them."""

    def __init__(self, house: House, clocks: Clocks, rng: random.Random, wait: Wait, pace: float = 1.0) -> None:
        self.house, self.clocks, self.rng, self._wait, self.pace = house, clocks, rng, wait, pace

    def wait(self, seconds: float) -> None:
        """A part of a fault."""
        self._wait(seconds * self.pace)

    def slow_redis(self) -> None:
        """Redis stands still, then runs for a twentieth of the time."""
        try:
            self._tell_redis(signal.SIGSTOP)
            self.wait(STOPPED)
            for _ in range(int(CRAWLING * self.pace / 0.42)):
                self._tell_redis(signal.SIGCONT)
                self._wait(0.02)
                self._tell_redis(signal.SIGSTOP)
                self._wait(0.4)
        finally:
            self._tell_redis(signal.SIGCONT)

    def full_disk(self) -> None:
        """No file of Redis, the workers or the desk can grow; rules that cannot be taken give them something to say."""
        pids = [pid for worker in self.house.workers for pid in (worker.supervisor, *worker.children)]
        pids += [desk.process.pid for desk in self.house.desks]
        server = self.house.redis_server.process
        pids.append(None if server is None else server.pid)
        limited = [pid for pid in pids if pid is not None]
        try:
            for pid in limited:
                _limit_files(pid, 1)
            self.wait(FULL)
        finally:
            for pid in limited:
                _limit_files(pid, resource.RLIM_INFINITY)

    def broker(self) -> None:
        """Kafka is stopped, as for an upgrade, and comes back with what it had."""
        self.house.kafka.stop()
        self._wait(self.rng.uniform(0.0, 1.0))
        self.house.kafka.start()

    def clock(self) -> None:
        """The clocks of workers and desk jump ahead, back, behind, and are right again."""
        try:
            for way in (1, 0, -1):
                self.clocks.set(way)
                self.wait(JUMPED)
        finally:
            self.clocks.set(0)

    def _tell_redis(self, number: signal.Signals) -> None:
        process = self.house.redis_server.process
        if process is not None and process.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, number)


#: Name -> the fault.
FAULTS: Mapping[str, Callable[[Fault], None]] = {
    "slow redis": Fault.slow_redis,
    "full disk": Fault.full_disk,
    "clock jump": Fault.clock,
    "broker restart": Fault.broker,
}


def _limit_files(pid: int, most: int) -> None:
    """Let files of a process grow to so many bytes at most."""
    with contextlib.suppress(ProcessLookupError):
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, hard))
