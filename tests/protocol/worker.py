"""A worker process: one producer with a queue per target, and what admission and hops have in common as senders.

A *turn* is what some of a worker's origins, or some of its partitions of one hop, bring forth together. It goes out in
shared records, with a section for each of them. Between its reading and its hand-over anything may happen.
"""

from __future__ import annotations

import random
from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.protocol.world import INF, NEG, Channel, Fronts, Item, Items, Section, stats

if TYPE_CHECKING:
    from tests.protocol.broker import Broker

__all__ = ["Promising", "Sender", "Worker"]

#: (offset of the input that brought it, plan, item).
Entry = tuple[int, int, Item]


class Promising(NamedTuple):
    """How likely a record promises another where there is more, and where there is none; and how far it says it is."""

    with_more: float
    without: float
    by_front: bool  # else by the newest event that was taken


class Worker:
    """One process: all its senders share an idempotent producer, so each target has its records in queue order."""

    def __init__(
        self, broker: Broker, name: int, sharing: float = 0.0, waiting: float = 0.0, promising: Promising | None = None
    ) -> None:
        self.broker, self.name, self.mutant, self.promising = broker, name, broker.mutant, promising
        self.sharing, self.waiting = sharing, waiting  # how likely another takes part in a turn; that it waits for more
        self.queues: dict[Any, deque[tuple[list[tuple[Sender, int]], Any]]] = defaultdict(deque)
        self.senders: list[Sender] = []
        slow = broker.rng.choice((0.1, 0.1, 0.5)) if sharing else 0.15
        self.slow = {target for target in broker.logs if broker.rng.random() < slow}  # answers come late, sends wait

    def put(self, target: Any, shares: list[tuple[Sender, int]], record: Any) -> None:
        """Queue a record; with each sender, the offset of the input that brought its share, INF where no input did."""
        if self.mutant == "fronts_overtake" and isinstance(record, Fronts):
            target = "fronts", target
        self.queues[target].append((shares, record))
        for sender, tag in shares:
            sender.tags[target].append(tag)

    def send(self, target: Any, rng: random.Random) -> None:
        """The head of a queue reaches its log, twice if a retry does so, and is acknowledged to all that share it."""
        queue = self.queues[target]
        if self.mutant == "reordered_sends" and rng.random() < 0.1 and len(queue) < 3:
            queue.rotate(-1)
        shares, record = queue.popleft()
        where = target[1] if target[0] == "fronts" else target
        for _ in range(1 + (rng.random() < 0.08)):
            self.broker.append(where, record)
        for sender, tag in shares:
            sender.acknowledged(where)
            sender.tags[target].remove(tag)
        if self.mutant == "greeted_by_shared_send" and len(shares) > 1:
            for sender in self.senders:
                sender.acknowledged(where)

    def tell(self, target: Channel) -> None:
        """Fronts that changed, or of a new generation, and what was promised, in one record to one target."""
        told = []
        for sender in self.senders:
            if target not in sender.reach or sender.stopped:
                continue
            promised, front = target in sender.promised, sender.front()
            if promised or sender.told.get(target) != front:
                sender.told[target] = front
                more = sender.more(target, front) if promised else None
                told.append((sender, Section(sender.channel, sender.generation, front, more)))
        if told:
            self.put(target, [(sender, INF) for sender, _ in told], Fronts(tuple(news for _, news in told)))

    # ---- turns
    def turn(self, first: Sender, rng: random.Random) -> bool:
        """A sender and some of its like read on, mostly to hand over at once; whether one of them has read."""
        team = self.team([first], rng, self.sharing)
        read = [sender.gather(rng) for sender in team]
        if rng.random() >= self.waiting:
            self.hand_over(self.team(team, rng, self.sharing), rng)
        return any(read)

    def team(self, team: list[Sender], rng: random.Random, share: float) -> list[Sender]:
        """With others of the worker that have another channel of the same kind; an old owner may be among them."""
        taken = {sender.channel for sender in team}
        if not share:
            return team
        kind = team[0].channel[0]
        like = [s for s in self.senders if s.channel[0] == kind and not s.stopped and s.channel not in taken]
        if self.broker.calm:
            like = [s for s in like if not s.paused]
        rng.shuffle(like)
        for sender in like:
            if sender.channel not in taken and rng.random() < share:
                taken.add(sender.channel)
                team = [*team, sender]
        return team

    def hand_over(self, team: list[Sender], rng: random.Random) -> None:
        """Queue what a team has gathered, for all its targets or for some; the rest waits for another turn."""
        targets = list(dict.fromkeys(target for sender in team for target, going in sender.going.items() if going))
        if rng.random() < 0.1:
            targets = rng.sample(targets, rng.randint(0, len(targets)))
        for target in targets:
            self.share(target, team, rng)
        for sender in team:
            sender.waits()

    def share(self, target: Channel, team: list[Sender], rng: random.Random) -> None:
        """Queue what a team has for one target: records of one plan, in each the next items of some of the team.

        The items of a sender keep the order of their stamps, whatever their plans. A record may be cut anywhere, even
        within a block. A sender's front is said with its last items only: behind it nothing may come that is older
        than the front less L.
        """
        rest = {sender: sender.going.pop(target) for sender in team if sender.going.get(target)}
        if self.mutant == "grouped_by_plan":
            for going in rest.values():
                going.sort(key=lambda x: (x[2].stamp >> 20, x[1]))
        begun: set[Sender] = set()
        while rest:
            plan = rng.choice(list(rest.values()))[0][1]
            parts: list[tuple[Sender, list[Entry], int]] = []
            for sender, going in list(rest.items()):
                part = self.part(going, plan, rng)
                if not part or (rng.random() < 0.1 and len(rest) > 1):
                    continue
                del going[: len(part)]
                if not going:
                    del rest[sender]
                last = not going
                if self.mutant == "front_on_first_part":
                    last = sender not in begun
                if self.mutant == "front_before_other_plan":
                    last = all(entry[1] != plan for entry in going)
                begun.add(sender)
                earlier = sender.before_read if self.mutant == "front_of_last_read" else sender.front()
                parts.append((sender, part, sender.reached() if last else rng.choice((NEG, earlier))))
            for sender in team:
                done = sender not in rest and sender.may_add(target, plan) and all(sender is not s for s, *_ in parts)
                if done and self.sharing and rng.random() < 0.1:
                    parts.append((sender, [], sender.reached()))
            if any(part for _, part, _ in parts):
                self.put_parts(target, plan, rng.sample(parts, len(parts)), rng)

    def part(self, going: list[Entry], plan: int, rng: random.Random) -> list[Entry]:
        """What one record may take of a sender's items: from the first on, up to one of another plan."""
        end = next((i for i, entry in enumerate(going) if entry[1] != plan), len(going))
        if self.mutant == "plans_share_a_record":
            end = len(going)
        if end and rng.random() < 0.2:
            end = rng.randint(1, end)
        return going[:end]

    def put_parts(
        self, target: Channel, plan: int, parts: list[tuple[Sender, list[Entry], int]], rng: random.Random
    ) -> None:
        """One record with a section for each part; their items in any order that keeps each section's."""
        numbers = [n for n, (_, part, _) in enumerate(parts) for _ in part]
        if rng.random() < 0.5:
            rng.shuffle(numbers)
        heads = [iter(part) for _, part, _ in parts]
        items = tuple((n, next(heads[n])[2]) for n in numbers)
        sections = tuple(
            Section(sender.channel, sender.generation, front, sender.more(target, front)) for sender, _, front in parts
        )
        shares = [(sender, part[0][0] if part else INF) for sender, part, _ in parts]
        if self.mutant in {"commit_own_sends", "checkpoint_own_sends"}:
            origin = self.mutant == "commit_own_sends"
            shares[1:] = [(s, INF if (s.channel[0] == "src") == origin else tag) for s, tag in shares[1:]]
        stats["records with items"] += 1
        stats["records with items of several origins"] += len(set(numbers)) > 1 and parts[0][0].channel[0] == "src"
        stats["records with items of several hop partitions"] += (
            len(set(numbers)) > 1 and parts[0][0].channel[0] != "src"
        )
        alone = self.promising is not None and bool(items) and rng.random() < 0.05
        self.put(target, shares, Items(sections, plan, items, alone))


class Sender:
    """A channel at its owner: outputs wait in its worker's queues until they are acknowledged."""

    stopped = False
    paused = False  # has a successor that it does not know of

    def __init__(self, worker: Worker, channel: Channel, generation: int, targets: list[Channel]) -> None:
        self.worker, self.broker, self.mutant = worker, worker.broker, worker.mutant
        self.channel, self.generation, self.targets = channel, generation, targets
        self.tags: dict[Any, list[int]] = defaultdict(list)  # not yet acknowledged, by target
        self.told: dict[Channel, int] = {}  # target -> the front it was told last
        self.promised: set[Channel] = set()  # the targets that another record was promised to
        self.reach = frozenset(targets)
        self.going: dict[Channel, list[Entry]] = defaultdict(list)  # gathered, not yet handed over
        self.offset = 0
        self.before_read = NEG  # of a mutant
        worker.senders = [*(sender for sender in worker.senders if not sender.stopped), self]

    def front(self) -> int:
        """As of what was handed over: the channel sends nothing at or below it any more (but revisions)."""
        raise NotImplementedError

    def reached(self) -> int:
        """The front as of what was gathered: true at a target when all that was gathered for it is on its way."""
        raise NotImplementedError

    def has_more(self) -> bool:
        """Whether there is more that it will take at once."""
        raise NotImplementedError

    def come_to(self) -> int:
        """The newest event time of what was taken."""
        raise NotImplementedError

    def more(self, target: Channel, front: int) -> int | None:
        """What the next record to a target says of promises; what it promises is kept by a later one."""
        promising, rng = self.worker.promising, self.broker.rng
        if promising is None:
            return None
        if self.broker.calm:
            promises = self.has_more()
        else:
            promises = rng.random() < (promising.with_more if self.has_more() else promising.without)
        if promises:
            if self.mutant != "promise_forgotten":
                self.promised.add(target)
            return max(front if promising.by_front else self.come_to(), NEG + 1)
        if self.broker.calm or rng.random() < 0.7:
            self.promised.discard(target)
            return NEG
        return None

    def read(self, count: int, rng: random.Random) -> bool:
        """Take up to `count` of what is next; what that brings for the hops is gathered. Whether anything was taken."""
        raise NotImplementedError

    def gather(self, rng: random.Random) -> bool:
        """Read a random prefix of what waits."""
        self.before_read = self.reached()
        return self.read(rng.choice((1, 1, 2, 3, 5)) if not self.broker.calm else rng.randint(1, 7), rng)

    def batch(self, count: int, rng: random.Random) -> bool:
        """Read alone, and hand over all of it."""
        read = self.read(count, rng)
        while self.waits():
            self.worker.hand_over([self], rng)
        return read

    def handed_over(self) -> None:
        """All that was gathered is on its way to all targets."""
        raise NotImplementedError

    def acknowledged(self, target: Any) -> None:
        """A target has a record of this generation."""

    def waits(self) -> bool:
        """Whether something gathered waits for its hand-over; if nothing does, the front is what was reached."""
        waiting = any(self.going.values())
        if not waiting:
            self.handed_over()
        return waiting

    def may_add(self, target: Channel, plan: int) -> bool:
        """Whether a record of a plan may carry this channel's front, without items."""
        return target in self.reach and not self.going.get(target)

    def unstored(self) -> bool:
        """Whether an output that was handed over is not acknowledged."""
        return any(self.tags.values())

    def busy(self) -> bool:
        """Whether an output is not acknowledged."""
        return self.unstored() or any(self.going.values())

    def durable(self) -> int:
        """Every output of the inputs below this offset is acknowledged."""
        tags = [tag for tags in self.tags.values() for tag in tags]
        skipped = "commit_before_merge" if self.channel[0] == "src" else "checkpoint_before_merge"
        if self.mutant != skipped:
            tags += [entry[0] for going in self.going.values() for entry in going[:1]]
        return min([self.offset, *tags])

    def put(self, target: Any, tag: int, record: Any) -> None:
        """Queue a record for a sink's topic or a hop."""
        self.worker.put(target, [(self, tag)], record)

    def send(self, rng: random.Random) -> None:
        """One record of a target that has one of ours; or hand over what waits for that."""
        waiting = [target for target, tags in self.tags.items() if tags]
        if any(self.going.values()) and (not waiting or rng.random() < 0.3):
            if self.broker.calm or rng.random() >= self.worker.waiting:
                self.worker.hand_over(self.worker.team([self], rng, self.worker.sharing), rng)
            return
        target = rng.choice(waiting)
        if target not in self.worker.slow or self.broker.calm or rng.random() < 0.05:
            self.worker.send(target, rng)
