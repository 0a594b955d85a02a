"""How many workers and partitions a rate of events needs: arithmetic from a measured cost, each step of it said."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["MEASURED", "Measured", "Sizing", "size"]

#: Partitions of a topic for each worker: so many that workers can be added, and one that dies is shared out.
PER_WORKER = 2


@dataclass(frozen=True, slots=True)
class Measured:
    """What one worker did on one core: events/s with so many keys an event and so many rules on it."""

    rate: float
    keys: int
    rules: int
    rule_us: float  # what one more rule on an event costs, us

    @property
    def event_us(self) -> float:
        """Of one event, all of it, us on one core."""
        return 1e6 / self.rate

    @property
    def step_us(self) -> float:
        """Of one step of an event, us: to admit it is one, to judge it at a key is one; the rules are counted apart."""
        return max(0.0, self.event_us - self.rules * self.rule_us) / (self.keys + 1)


#: `python -m bench worker` (38,000 events/s with checkpoints, 30 features over 4 keys, 200 rules) and `python -m bench
#: engine` (84,000 with 200 rules, 0.72 of it with 1,000: 4.6 us for 800 rules).
MEASURED = Measured(rate=38_000, keys=4, rules=200, rule_us=0.0058)


@dataclass(frozen=True, slots=True)
class Sizing:
    """What a rate needs. Times in us on one core, rates in events/s."""

    rate: float
    event_us: float
    cores: float
    workers: int
    partitions: int
    hottest: float  # the most that one key may bring: a key is on one partition, a partition on one core
    steps: tuple[tuple[str, str, str], ...]  # what, how it is found, result


def size(rate: float, keys: int, rules: int, *, measured: Measured = MEASURED, load: float = 0.6) -> Sizing:
    """What `rate` events/s with `keys` keys and `rules` rules each need, where a core is busy to `load` (0 to 1).

    The rest of a core is for what comes at once: bursts, and the backlog after a worker has died.
    """
    if not (rate > 0 and keys >= 1 and rules >= 0 and measured.rate > 0 and 0 < load <= 1):
        raise ValueError(
            "rate, keys and the measured rate must be above 0, rules at least 0, load above 0 and at most 1"
        )
    event_us = (keys + 1) * measured.step_us + rules * measured.rule_us
    cores = rate * event_us / 1e6
    workers = max(1, math.ceil(cores / load))
    partitions = workers * PER_WORKER
    hottest = load * 1e6 / event_us
    steps = (
        (
            "an event where it was measured",
            f"1 s / {measured.rate:,.0f} events, with {measured.keys} keys and {measured.rules:,} rules",
            f"{measured.event_us:.2f} us",
        ),
        (
            "of it a step (admission, or one key)",
            f"({measured.event_us:.2f} - {measured.rules:,} x {measured.rule_us:g}) us / ({measured.keys} + 1)",
            f"{measured.step_us:.2f} us",
        ),
        (
            f"an event with {keys} keys and {rules:,} rules",
            f"({keys} + 1) x {measured.step_us:.2f} us + {rules:,} x {measured.rule_us:g} us",
            f"{event_us:.2f} us",
        ),
        ("cores that are busy all the time", f"{rate:,.0f} events/s x {event_us:.2f} us", f"{cores:.2f}"),
        ("workers, one core each", f"{cores:.2f} / {load:g} busy, rounded up", f"{workers:,}"),
        ("partitions of each topic", f"{workers:,} x {PER_WORKER}, so that workers can be added", f"{partitions:,}"),
        ("the most one key may bring", f"{load:g} of one core / {event_us:.2f} us", f"{hottest:,.0f} events/s"),
    )
    return Sizing(rate, event_us, cores, workers, partitions, hottest, steps)
