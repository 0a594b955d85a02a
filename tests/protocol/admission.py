"""Admission of one origin at its owner: lateness, order of durability, lifts and switches of plans."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from tests.protocol.rules import first_hop
from tests.protocol.worker import Sender, Worker
from tests.protocol.world import HOPS, INF, NEG, PLANS, Fronts, Item, hashed

if TYPE_CHECKING:
    from tests.protocol.schedule import Schedule

__all__ = ["Admission"]


class Admission(Sender):
    """One origin; its generation has begun when the commit is read."""

    def __init__(self, schedule: Schedule, p: int, generation: int, worker: Worker) -> None:
        super().__init__(worker, ("src", p), generation, list(worker.broker.logs))
        self.schedule, self.p, self.place = schedule, p, ("src", p)
        self.log = self.broker.source[p]
        self.offset, clock, self.plan = self.broker.committed[p]
        if self.mutant == "plan_not_restored":
            self.plan = schedule.plan
        self.origin = schedule.decisions.origin(NEG if self.mutant == "clock_not_restored" else clock)
        self.at: dict[int, int] = {}  # offset -> clock as of it, since the last commit
        self.end_at_start = len(self.log)
        self.stop: int | None = None  # the offset at which it lifts or switches
        self.lifting: tuple[int, int] | None = None  # clock and plan of the commit under way
        self.audited = 0
        if self.mutant != "lift_not_audited":  # the predecessor may have died between its commit and its audit record
            self.audit(clock)

    def front(self) -> int:
        if self.lifting and self.mutant == "floor_before_commit":
            return max(self.origin.clock, self.lifting[0])
        return self.origin.clock

    def audit(self, clock: int) -> None:
        """Say what is committed; generation and number order what is said of one offset."""
        self.audited += 1
        name = "commit", self.p, self.generation, self.audited
        self.put("audit", self.offset, (name, (self.offset, clock, self.plan)))

    def take(self) -> None:
        """The next record: a reject, or an item for the first hop of its keys."""
        event, offset = self.log[self.offset], self.offset
        self.at[offset], self.offset = self.origin.clock, offset + 1
        (late,) = self.origin.take([event.t])
        if late:
            self.put("rejects", offset, (self.p, offset))
            return
        hop = first_hop(event)
        if self.mutant == "first_hop_by_plan":
            hop = next((s for s in range(HOPS) if event.keys[s] is not None and s not in PLANS[self.plan].skip), hop)
        target = hop, hashed(hop, event.keys[hop]) % self.broker.partitions
        self.going[target].append((offset, self.plan, Item(offset << 20, event, event.keys, (None,) * HOPS)))

    def batch(self, count: int, rng: random.Random) -> bool:
        """Read on, but not beyond the offset of a change under way, and not while it is committed."""
        end = len(self.log) if self.stop is None else self.stop
        if self.lifting is None:
            for _ in range(min(count, end - self.offset)):
                self.take()
                self.flush(rng) if rng.random() < 0.3 else None
        moved = bool(self.going)
        self.flush(rng)
        return moved

    def change(self, rng: random.Random | None = None) -> None:
        """First half of a lift or a switch: barrier, the log's end, everything below it read and acknowledged."""
        missing = [t for t in self.targets if t not in self.greeted and (t[0] == 0 or self.mutant != "barrier_hop0_only")]
        if missing and self.mutant != "no_barrier":
            for target in missing:
                if not self.tags[target]:
                    news = self.channel, self.generation, self.front()
                    self.told[target] = news
                    self.put(target, INF, Fronts((news,)))
            return
        plan = self.schedule.plan
        at_once = self.mutant == "floor_not_at_end" or (self.mutant == "switch_not_at_end" and self.plan != plan)
        if self.stop is None:
            self.stop = len(self.log)
            if at_once:
                self.stop = self.offset
            elif self.mutant == "end_before_barrier":
                self.stop = max(self.offset, self.end_at_start)
        if self.mutant == "plan_before_commit":
            self.plan = plan
        if self.offset < self.stop or (self.busy() and self.mutant != "floor_unacked"):
            return
        quiet = self.offset == len(self.log) or self.mutant == "floor_not_at_end"
        clock = max(self.schedule.lift_to() if quiet else NEG, self.origin.clock)
        if clock > self.origin.clock or plan != self.plan:
            self.lifting = clock, plan
        else:
            self.stop = None

    def commit(self, rng: random.Random | None = None) -> None:
        """An ordinary commit, or the second half of a change; only when it is accepted does the change hold."""
        offset = self.offset if self.mutant == "commit_before_outputs" else self.durable()
        clock = self.origin.clock if self.mutant == "commit_clock_now" else self.at.get(offset, self.origin.clock)
        plan = self.plan
        if self.lifting:
            offset, (clock, plan) = self.offset, self.lifting
        answer = self.broker.commit(self.p, self.generation, offset, clock, plan, self.lifting is not None)
        if answer is None and self.mutant != "lost_answer_goes_on":
            self.stopped = True  # it may be applied later: only a new generation stops it
            return
        if answer:
            self.at = {o: c for o, c in self.at.items() if o >= offset}
            if self.lifting:
                self.origin.lift(clock)
                self.plan = plan
                self.audit(clock)
        if self.lifting:
            self.lifting = self.stop = None

    def step(self, rng: random.Random) -> None:
        """One thing that an owner may do next; a kill may come between any two."""
        if self.stopped:
            return
        wish = self.offset == len(self.log) or self.plan != self.schedule.plan or self.stop is not None
        wish = wish or self.mutant in {"floor_not_at_end", "end_before_barrier"}
        actions = ["batch"] * 4 + ["send"] * 6 * self.busy()
        if self.lifting:
            actions += ["commit"] * (1 if self.mutant == "floor_before_commit" else 20)
        else:
            actions += ["commit"] + ["change"] * 3 * wish
        action = rng.choice(actions)
        if action == "batch":
            self.batch(rng.choice((1, 1, 2, 3, 5)), rng)
            if rng.random() < self.schedule.tells:
                self.worker.tell(rng.choice(self.targets))
        else:
            getattr(self, action)(rng)
