"""A lane: partition i of every hop at one owner, with one fenced checkpoint; and the restore from it."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from tests.protocol.broker import Header, Transaction
from tests.protocol.hop import Hop
from tests.protocol.windows import CHUNKS
from tests.protocol.worker import Worker
from tests.protocol.world import HOPS, stats

if TYPE_CHECKING:
    from tests.protocol.schedule import Schedule

__all__ = ["Lane"]

Part = tuple[Any, ...]  # ("image", cycle, hop, chunk, image) or ("journal", hop, operations)


class Lane:
    """Checkpoints are a journal of operations and, walking round, images of chunks taken where the hop stands."""

    stopped = False

    def __init__(self, schedule: Schedule, p: int, generation: int, worker: Worker) -> None:
        self.broker, self.mutant, self.worker = worker.broker, worker.mutant, worker
        self.p, self.generation, self.place = p, generation, ("lane", p)
        self.broker.fenced[p] = generation  # from here on, checkpoints of older owners fail; only then is anything read
        self.hops = [Hop(schedule, s, p, generation, worker) for s in range(HOPS)]
        self.tells = schedule.tells
        self.parts: list[Part] = []  # of the next transaction, in the order they are written
        self.under_way: tuple[list[dict[str, Any]], list[Part]] | None = None  # headers at n, and parts up to n
        self.start, self.cycle = 0, 1
        self.begun: dict[int, int] = {}  # cycle -> the transaction with its first image
        self.restore()
        self.walk = [(s, c) for s in range(HOPS) for c in range(CHUNKS)]

    def restore(self) -> None:
        """Read the state topic from the last header's start, each hop's log from its mark."""
        done = self.broker.state[self.p]
        if not done:
            return
        header = done[-1].header
        assert header is not None
        self.start, self.cycle = header.start, header.cycle + 1
        images: list[dict[int, Any]] = [{} for _ in range(HOPS)]
        journal: list[list[Any]] = [[] for _ in range(HOPS)]
        for transaction in done[self.start :]:
            for part in transaction.parts:
                if part[0] == "image":
                    _, _, hop, chunk, image = part
                    if chunk not in images[hop] or image[0] >= images[hop][chunk][0]:
                        images[hop][chunk] = image
                else:
                    journal[part[1]].append(part[2])
        for hop in self.hops:
            if self.mutant != "images_only":
                hop.restore(header.hops[hop.hop], images[hop.hop], journal[hop.hop])
            else:
                hop.restore(header.hops[hop.hop], images[hop.hop], [])

    def image(self) -> None:
        """The next chunk of the walk, as of the hop's position; belongs to the next checkpoint not yet begun."""
        hop, chunk = self.walk.pop(0)
        x = self.hops[hop]
        part = ("image", self.cycle, hop, chunk, x.windows.image(chunk, x.position))
        self.parts.append(part)
        if not self.walk:
            self.walk = [(s, c) for s in range(HOPS) for c in range(CHUNKS)]
            self.cycle += 1

    def images(self, rng: random.Random) -> None:
        """As many images as the time between two batches allows."""
        for _ in range(rng.choice((1, 2, 4))):
            self.image()

    def begin(self, rng: random.Random | None = None) -> None:
        """Between two blocks: n of every hop, all that is not rows as of it, and the journal up to it."""
        headers = [x.saved() for x in self.hops]
        for x in self.hops:
            self.parts.append(("journal", x.hop, x.windows.take_journal(x.position)))
        self.under_way, self.parts = (headers, self.parts), []

    def finish(self, rng: random.Random) -> None:
        """One transaction, once every output up to n is acknowledged."""
        assert self.under_way is not None
        headers, parts = self.under_way
        if self.mutant != "checkpoint_before_outputs" and any(
            x.durable() < h["offset"] for x, h in zip(self.hops, headers, strict=True)
        ):
            return
        self.under_way = None
        if self.generation < self.broker.fenced[self.p] and self.mutant != "fence_skipped":
            stats["checkpoints stopped by the fence"] += 1
            self.end()
            return
        if self.mutant == "image_ahead":
            parts += [
                ("image", self.cycle, x.hop, c, x.windows.image(c, x.position))
                for x in self.hops
                for c in range(CHUNKS)
            ]
        if self.mutant == "latest_vector":
            headers = [{**h, "known": x.known.saved()} for x, h in zip(self.hops, headers, strict=True)]
        if self.mutant == "owners_not_saved":
            parts = [without_owners(part) for part in parts]
        fate = 1.0 if self.broker.calm else rng.random()
        if fate < 0.1:  # aborted: nothing has happened, and nothing of it may be lost for the next
            stats["checkpoints aborted"] += 1
            self.parts = self.parts if self.mutant == "journal_lost_on_abort" else parts + self.parts
            return
        if fate >= 0.13:
            self.write(headers, parts, rng)
        if 0.1 <= fate < 0.16:  # no answer, done or not: the process ends
            self.end()

    def end(self) -> None:
        """Apply nothing any more; what its worker has in its queues is sent all the same."""
        self.stopped = True
        for x in self.hops:
            x.stopped = True

    def write(self, headers: list[dict[str, Any]], parts: list[Part], rng: random.Random) -> None:
        """What a committed transaction leaves; a complete walk moves the start of a restore to its first image."""
        done = self.broker.state[self.p]
        stats["checkpoints"] += 1
        cycles = [
            part[1]
            for transaction in [*done[self.start :], Transaction(parts)]
            for part in transaction.parts
            if part[0] == "image"
        ]
        for cycle in {part[1] for part in parts if part[0] == "image"}:
            self.begun.setdefault(cycle, len(done))
            if self.mutant == "cut_too_early":
                self.start = self.begun[cycle]
        for cycle in sorted(self.begun):
            if cycles.count(cycle) == HOPS * CHUNKS and self.mutant != "cut_too_early":
                stats["complete walks"] += 1
                self.start = self.begun.pop(cycle)
        if self.mutant == "torn_checkpoint":
            parts = [part for part in parts if rng.random() < 0.8]
        done.append(Transaction(parts, Header(headers, self.start, self.cycle)))

    def checkpoint(self, rng: random.Random) -> None:
        """A whole one at once."""
        if self.under_way is None:
            self.begin()
        for x in self.hops:
            while x.busy():
                x.send(rng)
        self.finish(rng)

    def step(self, rng: random.Random) -> None:
        """One thing that an owner may do next; a kill may come between any two."""
        if self.stopped:
            return
        fed = [x for x in self.hops if x.offset < len(x.log)] if self.worker.sharing else []
        x = rng.choice(fed or self.hops)
        actions = ["batch"] * 6 + ["send"] * 8 * x.busy() + ["images"] * 2
        actions += ["begin"] * 2 if self.under_way is None else ["finish"] * 4
        action = rng.choice(actions)
        if action == "batch":
            self.worker.turn(x, rng)
            if x.targets and rng.random() < 0.5:
                self.worker.tell(rng.choice(x.targets))
        elif action == "send":
            x.send(rng)
        else:
            getattr(self, action)(rng)


def without_owners(part: Part) -> Part:
    """Of a mutant: a part that keeps rows only."""
    if part[0] == "journal":
        return (*part[:2], [op for op in part[2] if op[1] != "owner"])
    position, rows, _ = part[4]
    return (*part[:4], (position, rows, {}))
