"""A random schedule: sources, crashes, moves, zombies, switches of plans; and the rest in which all comes to an end."""

from __future__ import annotations

import random

from tests.protocol.admission import Admission
from tests.protocol.broker import Broker
from tests.protocol.checkpoint import Lane
from tests.protocol.decisions import Decisions, ModelDecisions
from tests.protocol.worker import Promising, Sender, Worker
from tests.protocol.world import BIG, INF, PLANS, Event, L, stats

__all__ = ["Schedule"]

Owned = Admission | Lane
Place = tuple[str, int]


class Schedule:
    """All that happens follows from the seed."""

    def __init__(
        self,
        seed: int,
        mutant: str | None = None,
        decisions: Decisions | None = None,
        *,
        origins: int | None = None,
        partitions: int | None = None,
    ) -> None:
        self.rng = rng = random.Random(seed)
        self.mutant, self.decisions = mutant, decisions or ModelDecisions()
        self.events = rng.randint(6, 28) if rng.random() < 0.7 else rng.randint(28, 60)
        self.steps = rng.randint(80, 480) if self.events < 28 else rng.randint(300, 800)
        self.sharing = rng.choice((0.0, 0.5, 0.8, 1.0))  # how likely a worker's origins, or hops, share a turn
        self.waiting = rng.choice((0.1, 0.5, 0.8)) if self.sharing else 0.1  # and what they read waits for another
        origins = origins or rng.choice((2, 3, 4) if self.sharing else (1, 2, 3, 4))
        partitions = partitions or rng.choice((1, 2, 2, 3))
        self.broker = Broker(rng, mutant, origins, partitions)
        self.behind = [rng.choice((0, 0, 3, 12)) for _ in range(origins)]  # origins whose event time runs behind
        self.lively = [p for p in range(origins) if rng.random() < 0.5] or [0]  # the others are mostly quiet
        self.plans = rng.random() < 0.6
        self.plan = 0
        self.contradict = rng.random() < 0.3  # teaching events that contradict each other
        self.exact = rng.random() < 0.85  # else the ring is bounded, and only the invariants are to hold
        self.bound = INF if self.exact else rng.choice((2, 3, 5))
        self.orphans = rng.random() < 0.3  # many events that lack their owner, taught late
        self.wide = rng.random() < 0.5  # many keys, else few
        self.tells = rng.choice((0.1, 0.3, 0.6))
        self.kills = rng.choice((0.002, 0.005, 0.02, 0.04, 0.07))
        self.gather = (
            rng.choice((0.3, 0.8, 1.0)) if self.sharing else 0.0
        )  # how much more the first worker owns than the others
        self.hold_by(random.Random(f"holds {seed}"))
        self.workers = [self.process(i) for i in range(rng.choice((2, 3)))]
        self.owner: dict[Place, Owned | None] = {("src", p): None for p in range(origins)}
        self.owner |= {("lane", p): None for p in range(partitions)}
        self.zombies: list[Owned] = []
        self.generation, self.now, self.last = 0, 10, False
        self.past: list[Event] = []

    def hold_by(self, rng: random.Random) -> None:
        """Half of the schedules with an unbounded ring promise and hold."""
        promises = rng.random() < 0.5 and self.exact
        self.promising = (
            Promising(rng.choice((0.5, 0.9, 1.0)), rng.choice((0.0, 0.1, 0.4)), rng.random() < 0.5)
            if promises
            else None
        )
        self.enough = rng.choice((1, 2, 2, 3, 5))
        self.full = self.enough + rng.choice((0, 2, 5, 12))

    # ---- sources
    def lift_to(self) -> int:
        """What a quiet origin's clock is lifted to; at the end, to the end of time."""
        return BIG if self.last else self.rng.randint(self.now - 6, self.now)

    def produce(self) -> None:
        """A new event, or one that came before, through any origin."""
        rng, origins = self.rng, len(self.broker.source)
        p = rng.choice(range(origins) if rng.random() < 0.5 else self.lively)
        if self.past and rng.random() < 0.15:
            event = rng.choice(self.past)
        elif len(self.past) < self.events:
            event = self.invent(p)
            self.past.append(event)
        else:
            return
        self.broker.source[p].append(event)

    def invent(self, p: int) -> Event:
        rng = self.rng
        self.now += rng.choice((0, 0, 1, 1, 2))
        late = rng.choice((0,) * 8 + (1, 2, 3, L, L + 1, L + 5))
        some = (0, 1, 2) if self.wide else (0, 0, 1)
        account, customer, instrument, group = (rng.choice((*some, None)) for _ in range(4))
        kind = "teach" if rng.random() < 0.3 else "x"
        if rng.random() < 0.7:  # a house in order: an account has one customer, a customer one group
            customer = None if customer is None else (account or 0) % 2 if account is not None else customer
            group = None if group is None else 5 if customer is None else customer % 2
        if self.orphans:
            account = rng.randrange(5)
            kind, customer = ("teach", account % 2) if rng.random() < 0.25 else ("x", None)
            instrument = None if kind == "teach" else instrument
            late = late or 2 * (kind == "teach")
        if not self.contradict and kind == "teach":
            customer = None if account is None else account % 2
            group = None if customer is None or group is None else customer % 2
            kind = "x" if account is None and customer is None else kind
        if (account, customer, instrument, group) == (None,) * 4:
            account = 0
        id = rng.randrange(10**4) * 1000 + len(self.past)
        keys = account, customer, instrument, group
        return Event(self.now - late - self.behind[p], id, kind, rng.randint(1, 5), keys)

    # ---- owners
    def process(self, i: int) -> Worker:
        return Worker(self.broker, i, self.sharing, self.waiting, self.promising)

    def anyone(self) -> Worker:
        """Who is to own something."""
        return self.workers[0] if self.rng.random() < self.gather else self.rng.choice(self.workers)

    def assign(self, place: Place, worker: Worker) -> Owned:
        """A new owner; the old one does not know."""
        self.generation += 1
        old, self.owner[place] = self.owner[place], None
        if old:
            self.zombies.append(old)
            for sender in old.hops if isinstance(old, Lane) else [old]:
                sender.paused = True
            if len(self.zombies) > 10:
                self.bury(self.zombies[0])
            stats["moves"] += 1
        what, p = place
        owner: Owned
        if what == "src":
            self.broker.current[p] = self.generation  # the rebalance; only then is the committed offset read
            owner = Admission(self, p, self.generation, worker)
        else:
            owner = Lane(self, p, self.generation, worker)
        self.owner[place] = owner
        if old and not self.broker.calm and self.rng.random() < 0.3:  # the old owner is quicker than the new one
            self.produce()
            self.wake(old)
        return owner

    def bury(self, zombie: Owned) -> None:
        """An old owner has learnt that it is none; what it has handed to its producer is sent all the same."""
        self.zombies.remove(zombie)
        if isinstance(zombie, Lane):
            zombie.end()
        zombie.stopped = True

    def kill(self, i: int) -> None:
        """A process is gone with all that it has not sent; another takes its name."""
        stats["kills"] += 1
        dead, self.workers[i] = self.workers[i], self.process(i)
        for place, owner in self.owner.items():
            if owner and owner.worker is dead:
                self.owner[place] = None
        self.zombies = [z for z in self.zombies if z.worker is not dead]

    def wake(self, zombie: Owned) -> None:
        """A paused owner goes on as if nothing had happened."""
        if isinstance(zombie, Lane) and not zombie.stopped and self.rng.random() < 0.2:
            zombie.checkpoint(self.rng)
        for _ in range(self.rng.choice((1, 2, 5, 9))):
            zombie.step(self.rng)
            stats["steps of old owners"] += 1

    # ---- running
    def phase(self, steps: int, events: int) -> None:
        rng = self.rng
        for _ in range(steps):
            a = rng.random()
            if a < 0.16 and len(self.past) < events:
                self.produce()
            elif a < 0.19:
                self.assign(rng.choice(list(self.owner)), self.anyone())
            elif a < 0.25:
                dead = [place for place, owner in self.owner.items() if owner is None or owner.stopped]
                rng.shuffle(dead)
                for place in dead if self.sharing else dead[:1]:
                    self.assign(place, self.anyone())
            elif a < 0.255 and self.broker.inflight:
                self.broker.accept(*self.broker.inflight.pop(rng.randrange(len(self.broker.inflight))))
            elif a < 0.258 and self.zombies:
                self.bury(rng.choice(self.zombies))
            elif a < 0.27 and self.plans:
                self.plan = rng.randrange(len(PLANS))
            elif a < 0.33 and self.zombies:
                admissions = [z for z in self.zombies if isinstance(z, Admission)]
                self.wake(rng.choice(admissions if admissions and rng.random() < 0.5 else self.zombies))
            elif a < 0.33 + self.kills:
                self.kill(rng.randrange(len(self.workers)))
            else:
                self.advance()

    def advance(self) -> None:
        live = [owner for owner in self.owner.values() if owner]
        admissions = [owner for owner in live if isinstance(owner, Admission)]
        if live:
            owner = self.rng.choice(admissions if admissions and self.rng.random() < 0.25 else live)
            for _ in range(1 if isinstance(owner, Admission) else 2):
                owner.step(self.rng)

    def settle(self) -> None:
        """Nobody dies any more: run until nothing moves."""
        was, self.broker.calm = self.broker.calm, True
        for _ in range(1000):
            moved = False
            for place in self.rng.sample(list(self.owner), len(self.owner)):
                owner = self.owner[place]
                if owner is None or owner.stopped:
                    owner = self.assign(place, self.workers[0])
                    moved = True
                moved |= self.settle_origin(owner) if isinstance(owner, Admission) else self.settle_lane(owner)
            if not moved:
                self.broker.calm = was
                self.nothing_is_held()
                return
        self.broker.broken = self.broker.broken or "does not settle"

    def nothing_is_held(self) -> None:
        """Invariant: where all is at rest and alive, nobody waits for what was promised."""
        for owner in self.owner.values():
            for hop in owner.hops if isinstance(owner, Lane) else ():
                if hop.hold.rows or hop.known.awaited() is not None or hop.applied != hop.clock():
                    self.broker.broken = self.broker.broken or f"{hop.channel} holds {hop.hold.rows} for ever"

    def settle_origin(self, owner: Admission) -> bool:
        moved = owner.worker.turn(owner, self.rng)
        moved |= self.drain(owner)
        origin = owner.origin
        if owner.plan != self.plan or origin.stop is not None or (self.last and origin.clock < BIG):
            moved = True
            owner.change()
        if origin.proposed is not None or self.rng.random() < 0.3:
            owner.commit()
        return moved or owner.offset < len(owner.log)

    def settle_lane(self, owner: Lane) -> bool:
        moved = False
        for hop in owner.hops:
            moved |= owner.worker.turn(hop, self.rng)
            moved |= self.drain(hop)
        if self.rng.random() < 0.15:
            owner.checkpoint(self.rng)
        return moved

    def drain(self, sender: Sender) -> bool:
        moved = False
        front = sender.front()
        for target in sender.targets:
            if sender.told.get(target) != front or (target in sender.promised and not sender.has_more()):
                sender.worker.tell(target)
        while sender.busy():
            moved = True
            sender.send(self.rng)
        return moved

    def run(self) -> None:
        """Two lives with a rest between, the second to the end of time."""
        for last in (False, True):
            self.phase(self.steps // 2, self.events if last else self.events // 2)
            self.last, asleep = last, list(self.zombies)
            if last or self.rng.random() < 0.5:
                self.settle()
            for zombie in asleep:  # paused processes wake up long after
                self.wake(zombie)
            if self.rng.random() < 0.5:  # all die at once: replay must change nothing
                for i in range(len(self.workers)):
                    self.kill(i)
        self.settle()
