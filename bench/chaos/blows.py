"""The blows: each hurts something at once and brings it back, and says what it did."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.chaos.house import SESSION, House

__all__ = ["BLOWS", "Struck", "order", "rebuild", "strike"]

#: What is hurt -> how often among the blows; the first of each kind are drawn before any comes twice.
BLOWS = {
    "child": 3,
    "worker": 2,
    "both": 2,
    "broker": 3,
    "redis": 1,
    "redis-empty": 1,
    "pause": 2,
    "zombie": 2,
    "roll": 2,
}


@dataclass(frozen=True, slots=True)
class Struck:
    """A blow that was struck; `at` is when, monotonic seconds."""

    what: str
    whom: str
    at: float


def order(rounds: int, rng: random.Random, among: Sequence[str] = ()) -> list[str]:
    """Which blows, in which order: every kind once, then by weight; only those of `among` where it has any."""
    kinds = [what for what in BLOWS if not among or what in among]
    first = rng.sample(kinds, len(kinds))
    return (first + rng.choices(kinds, [BLOWS[what] for what in kinds], k=rounds))[:rounds]


def strike(house: House, what: str, rng: random.Random, wait: Callable[[float], None]) -> Struck:
    """Strike. `wait(seconds)` waits, and raises where the feeder has failed."""
    one, other = rng.sample(house.workers, 2)
    struck = Struck(what, one.name, time.monotonic())
    match what:
        case "child":
            one.signal_child(signal.SIGKILL)
        case "worker":
            one.kill()
            one.start()
        case "both":
            for worker in (one, other):
                worker.kill()
            for worker in (one, other):
                worker.start()
        case "broker":
            house.kafka.kill()
            wait(rng.uniform(0.0, 2.0))
            house.kafka.start()
        case "redis":
            house.redis_server.kill()
            wait(rng.uniform(0.0, 3.0))
            house.redis_server.start()
        case "redis-empty":
            _empty(house)
        case "pause":
            one.signal_child(signal.SIGSTOP)
            wait(1.5 * SESSION + rng.uniform(0.5, 2.0))
            one.signal_child(signal.SIGCONT)
        case "zombie":  # it wakes, and who took over dies at once
            one.signal_child(signal.SIGSTOP)
            wait(1.5 * SESSION + rng.uniform(0.5, 2.0))
            one.signal_child(signal.SIGCONT)
            wait(rng.uniform(0.0, 2.0))
            other.signal_child(signal.SIGKILL)
        case "roll":
            for worker in (one, other):
                worker.stop()
                worker.start()
                wait(rng.uniform(1.0, 3.0))
        case _:
            raise ValueError(what)
    return struck


def _empty(house: House) -> None:
    """Redis loses all it had, and is filled anew from Kafka while the workers go on."""
    house.redis_server.kill()
    for left in house.redis_server.folder.glob("appendonlydir/*"):
        left.unlink()
    house.redis_server.start()
    rebuild(house)


def rebuild(house: House) -> None:
    """`risk-stream rebuild` of this house. Raises `CalledProcessError` where it fails."""
    environment = house.environment()
    subprocess.run([sys.executable, "-m", "risk_stream", "rebuild"], env=environment, check=True, timeout=120)
