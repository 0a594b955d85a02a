"""The blows: each hurts something at once and brings it back, and says what it did."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple

from bench.chaos.house import DESK_SESSION, SESSION, DeskProcess, House, Worker

__all__ = ["BLOWS", "Hurt", "kinds_of", "order", "rebuild", "strike"]

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
    "desk": 1,
    "desk-pause": 1,
}


class Hurt(NamedTuple):
    """Something is hurt, and it is time to look how long until all moves again; `at`: since when, monotonic seconds."""

    whom: str
    at: float


def order(rounds: int, rng: random.Random, among: Sequence[str] = ()) -> list[str]:
    """Which blows, in which order: every kind once, then by weight; only those of `among` where it has any."""
    kinds = [what for what in BLOWS if not among or what in among]
    first = rng.sample(kinds, len(kinds))
    return (first + rng.choices(kinds, [BLOWS[what] for what in kinds], k=rounds))[:rounds]


def kinds_of(text: str, known: Collection[str], what: str) -> list[str]:
    """Those of `known` that a text names, separated by commas; all where it names none. Raises ValueError."""
    named = [name.strip() for name in text.split(",") if name.strip()]
    for name in named:
        if name not in known:
            raise ValueError(f"{name!r} is no {what}: there are {', '.join(known)}")
    return named or list(known)


def strike(house: House, what: str, rng: random.Random, wait: Callable[[float], None]) -> Iterator[Hurt]:
    """Strike, and give each moment that is to be got over before the blow goes on.

    `wait(seconds)` waits, and raises where the feeder has failed. Servers that are away are counted from their return.
    """
    one, other = rng.sample(house.workers, 2)
    match what:
        case "child":
            yield _now(one, lambda: one.signal_child(signal.SIGKILL))
        case "worker":
            yield _now(one, one.kill, one.start)
        case "both":
            yield _now(one, one.kill, other.kill, one.start, other.start)
        case "broker":
            house.kafka.kill()
            wait(rng.uniform(0.0, 2.0))
            house.kafka.start()
            yield Hurt("kafka", time.monotonic())
        case "redis":
            house.redis_server.kill()
            wait(rng.uniform(0.0, 3.0))
            house.redis_server.start()
            yield Hurt("redis", time.monotonic())
        case "redis-empty":
            began = _empty(house)
            yield Hurt("redis", began)
        case "pause" | "zombie":
            hurt = _now(one, lambda: one.signal_child(signal.SIGSTOP))
            yield hurt  # the other takes over
            wait(max(0.0, hurt.at + 1.5 * SESSION + rng.uniform(0.5, 2.0) - time.monotonic()))
            if what == "pause":
                yield _now(one, lambda: one.signal_child(signal.SIGCONT))
            else:  # it wakes, and who took over dies at once
                one.signal_child(signal.SIGCONT)
                wait(rng.uniform(0.0, 2.0))
                yield _now(other, lambda: other.signal_child(signal.SIGKILL))
        case "roll":
            for worker in (one, other):
                yield _now(worker, worker.stop, worker.start)
        case "desk":
            desk = _at_work(house, rng)
            yield _now(desk, lambda: desk.signal(signal.SIGKILL), desk.stop, desk.start)
        case "desk-pause":
            desk = _at_work(house, rng)
            hurt = _now(desk, lambda: desk.signal(signal.SIGSTOP))
            yield hurt  # the other takes over
            wait(max(0.0, hurt.at + DESK_SESSION + rng.uniform(0.5, 2.0) - time.monotonic()))
            yield _now(desk, lambda: desk.signal(signal.SIGCONT))
        case _:
            raise ValueError(what)


def _at_work(house: House, rng: random.Random) -> DeskProcess:
    """The desk that decides; any where neither says so."""
    return next((desk for desk in house.desks if desk.said("active") == 1), rng.choice(house.desks))


def _now(whom: Worker | DeskProcess, *hurts: Callable[[], object]) -> Hurt:
    at = time.monotonic()
    for hurt in hurts:
        hurt()
    return Hurt(whom.name, at)


def _empty(house: House) -> float:
    """Redis loses all it had, and is filled anew from Kafka while the workers go on; when it was back."""
    house.redis_server.kill()
    for left in house.redis_server.folder.glob("appendonlydir/*"):
        left.unlink()
    house.redis_server.start()
    began = time.monotonic()
    rebuild(house)
    return began


def rebuild(house: House) -> None:
    """`risk-stream rebuild` of this house. Raises `CalledProcessError` where it fails."""
    house.command("rebuild")
