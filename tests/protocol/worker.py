"""A worker process: one producer with a queue per target, and what admission and hops have in common as senders."""

from __future__ import annotations

import random
from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any

from tests.protocol.world import INF, NEG, Channel, Fronts, Item, Items

if TYPE_CHECKING:
    from tests.protocol.broker import Broker

__all__ = ["Sender", "Worker"]


class Worker:
    """One process: all its senders share an idempotent producer, so each target has its records in queue order."""

    def __init__(self, broker: Broker, name: int) -> None:
        self.broker, self.name, self.mutant = broker, name, broker.mutant
        self.queues: dict[Any, deque[tuple[list[Sender], int, Any]]] = defaultdict(deque)
        self.senders: list[Sender] = []
        self.slow = {target for target in broker.logs if broker.rng.random() < 0.15}  # answers come late, sends wait

    def put(self, target: Any, senders: list[Sender], tag: int, record: Any) -> None:
        """Queue a record; `tag` is the offset of the input that brought it, INF where no input did."""
        if self.mutant == "fronts_overtake" and isinstance(record, Fronts):
            target = "fronts", target
        self.queues[target].append((senders, tag, record))
        for sender in senders:
            sender.tags[target].append(tag)

    def send(self, target: Any, rng: random.Random) -> None:
        """The head of a queue reaches its log, twice if a retry does so, and is acknowledged."""
        queue = self.queues[target]
        if self.mutant == "reordered_sends" and rng.random() < 0.1 and len(queue) < 3:
            queue.rotate(-1)
        senders, tag, record = queue.popleft()
        where = target[1] if target[0] == "fronts" else target
        for _ in range(1 + (rng.random() < 0.08)):
            self.broker.append(where, record)
        for sender in senders:
            sender.acknowledged(where)
            sender.tags[target].remove(tag)

    def tell(self, target: Channel) -> None:
        """Fronts that changed, or of a new generation, in one record to one target."""
        told = []
        self.senders = [sender for sender in self.senders if not sender.stopped]
        for sender in self.senders:
            if target in sender.reach and sender.told.get(target) != (front := sender.front()):
                sender.told[target] = front
                told.append((sender, (sender.channel, sender.generation, front)))
        if told:
            self.put(target, [sender for sender, _ in told], INF, Fronts(tuple(news for _, news in told)))


class Sender:
    """A channel at its owner: outputs wait in its worker's queues until they are acknowledged."""

    stopped = False

    def __init__(self, worker: Worker, channel: Channel, generation: int, targets: list[Channel]) -> None:
        self.worker, self.broker, self.mutant = worker, worker.broker, worker.mutant
        self.channel, self.generation, self.targets = channel, generation, targets
        self.tags: dict[Any, list[int]] = defaultdict(list)  # not yet acknowledged, by target
        self.told: dict[Channel, int] = {}  # target -> the front it was told last
        self.reach = frozenset(targets)
        self.going: dict[Channel, list[tuple[int, int, Item]]] = defaultdict(list)  # (tag, plan, item) of the batch
        self.offset = 0
        worker.senders.append(self)

    def front(self) -> int:
        """The channel sends nothing at or below it any more (but revisions)."""
        raise NotImplementedError

    def acknowledged(self, target: Any) -> None:
        """A target has a record of this generation."""

    def busy(self) -> bool:
        """Whether an output is not acknowledged."""
        return any(self.tags.values())

    def durable(self) -> int:
        """Every output of the inputs below this offset is acknowledged."""
        return min([self.offset, *(tag for tags in self.tags.values() for tag in tags)])

    def put(self, target: Any, tag: int, record: Any) -> None:
        """Queue a record for a sink's topic or a hop."""
        self.worker.put(target, [self], tag, record)

    def send(self, rng: random.Random) -> None:
        """One record of a target that has one of ours."""
        waiting = [target for target, tags in self.tags.items() if tags]
        target = rng.choice(waiting)
        if target not in self.worker.slow or self.broker.calm or rng.random() < 0.05:
            self.worker.send(target, rng)

    def flush(self, rng: random.Random) -> None:
        """Queue what the batch in hand brings: per target in stamp order, a record for each run of one plan.

        A record may be cut anywhere, even within a block. Only the last of a target carries the front: behind it
        nothing may come that is older than the front less L.
        """
        for target, items in self.going.items():
            if self.mutant == "grouped_by_plan":
                items.sort(key=lambda x: (x[2].stamp >> 20, x[1]))
            runs: list[list[tuple[int, int, Item]]] = []
            for entry in items:
                if not runs or runs[-1][0][1] != entry[1] or rng.random() < 0.25:
                    runs.append([])
                runs[-1].append(entry)
            for i, run in enumerate(runs):
                says = i == (0 if self.mutant == "front_on_first_part" else len(runs) - 1)
                front = self.front() if says else NEG
                record = Items(self.channel, self.generation, front, run[0][1], tuple(item for _, _, item in run))
                self.put(target, run[0][0], record)
        self.going.clear()
