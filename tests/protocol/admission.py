"""Admission of one origin at its owner: what goes where, order of durability, lifts and switches of plans."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from tests.protocol.decisions import Commit
from tests.protocol.rules import first_hop
from tests.protocol.worker import Sender, Worker
from tests.protocol.world import HOPS, INF, NEG, PLANS, Channel, Fronts, Item, Section, hashed

if TYPE_CHECKING:
    from tests.protocol.schedule import Schedule

__all__ = ["Admission"]


class Admission(Sender):
    """One origin; its generation has begun when the commit is read."""

    def __init__(self, schedule: Schedule, p: int, generation: int, worker: Worker) -> None:
        super().__init__(worker, ("src", p), generation, list(worker.broker.logs))
        self.schedule, self.p, self.place = schedule, p, ("src", p)
        self.log = self.broker.source[p]
        commit = Commit(*self.broker.committed[p])
        if self.mutant == "plan_not_restored":
            commit = commit._replace(plan=schedule.plan)
        if self.mutant == "clock_not_restored":
            commit = commit._replace(clock=NEG)
        self.origin = schedule.decisions.origin(p, generation, commit, self.targets)
        self.offset = commit.offset
        if self.mutant == "no_barrier":
            self.origin.missing.clear()
        if self.mutant == "barrier_hop0_only":
            self.origin.missing -= {target for target in self.targets if target[0]}
        self.end_at_start = len(self.log)
        self.audited = 0
        if self.mutant != "lift_not_audited":  # the predecessor may have died between its commit and its audit record
            self.audit(commit)

    def front(self) -> int:
        if self.origin.proposed is not None and self.mutant == "floor_before_commit":
            return max(self.origin.front, self.origin.proposed.clock)
        return self.reached() if self.mutant == "front_before_hand_over" else int(self.origin.front)

    def reached(self) -> int:
        return int(self.origin.clock)

    def has_more(self) -> bool:
        return self.origin.proposed is None and self.offset < self.end()

    def end(self) -> int:
        """How far it may read for now."""
        return len(self.log) if self.origin.stop is None else self.origin.stop

    def come_to(self) -> int:
        return self.reached()

    def handed_over(self) -> None:
        self.origin.handed_over()

    @property
    def plan(self) -> int:
        """The plan that is admitted under."""
        changing = self.origin.stop is not None and self.mutant == "plan_before_commit"
        return self.schedule.plan if changing else self.origin.plan

    def acknowledged(self, target: Any) -> None:
        self.origin.greeted(target)

    def audit(self, commit: Commit) -> None:
        """Say what is committed; generation and number order what is said of one offset."""
        self.audited += 1
        self.put("audit", commit.offset, (("commit", self.p, self.generation, self.audited), tuple(commit)))

    def take(self) -> None:
        """The next record: a reject, or an item for the first hop of its keys."""
        event, offset = self.log[self.offset], self.offset
        self.offset += 1
        if self.origin.admit(offset, event.t):
            self.put("rejects", offset, (self.p, offset))
            return
        hop = first_hop(event)
        if self.mutant == "first_hop_by_plan":
            hop = next((s for s in range(HOPS) if event.keys[s] is not None and s not in PLANS[self.plan].skip), hop)
        target = hop, hashed(hop, event.keys[hop]) % self.broker.partitions
        self.going[target].append((offset, self.plan, Item(offset << 20, event, event.keys, (None,) * HOPS)))

    def may_add(self, target: Channel, plan: int) -> bool:
        return bool(self.plan == plan) and super().may_add(target, plan)

    def read(self, count: int, rng: random.Random) -> bool:
        """Read on, but not beyond the offset of a change under way, and not while it is committed."""
        end = self.end()
        before = self.offset
        if self.origin.proposed is None:
            for _ in range(min(count, end - self.offset)):
                self.take()
            self.waits()
        return self.offset > before

    def change(self, rng: random.Random | None = None) -> None:
        """First half of a lift or a switch: barrier, the log's end, everything below it read and acknowledged."""
        origin = self.origin
        if origin.missing:
            for target in sorted(origin.missing):
                if not self.tags[target]:
                    self.told[target] = self.front()
                    self.put(target, INF, Fronts((Section(self.channel, self.generation, self.front()),)))
            return
        plan = self.schedule.plan
        if self.mutant == "floor_not_at_end" or (self.mutant == "switch_not_at_end" and origin.plan != plan):
            origin.stop_at(self.offset)
        elif self.mutant == "end_before_barrier":
            origin.stop_at(max(self.offset, self.end_at_start))
        else:
            origin.stop_at(len(self.log))
        busy = self.unstored() if self.mutant == "floor_unmerged" else self.busy()
        if not origin.at_stop or (busy and self.mutant != "floor_unacked"):
            return
        quiet = self.offset == len(self.log) or self.mutant in {"floor_not_at_end", "end_before_barrier"}
        origin.propose(self.schedule.lift_to() if quiet else NEG, plan)

    def commit(self, rng: random.Random | None = None) -> None:
        """An ordinary commit, or the second half of a change; only when it is accepted does the change hold."""
        origin = self.origin
        proposed = origin.proposed
        if proposed is not None:
            wanted = Commit(proposed.offset, proposed.clock, int(proposed.plan or 0))
        else:
            wanted = origin.at(self.offset if self.mutant == "commit_before_outputs" else self.durable())
            if self.mutant == "commit_clock_now":
                wanted = wanted._replace(clock=origin.clock)
        answer = self.broker.commit(self.p, self.generation, *wanted, proposed is not None)
        if answer is None and self.mutant != "lost_answer_goes_on":
            self.stopped = True  # it may be applied later: only a new generation stops it
            return
        if proposed is not None:
            origin.settle(accepted=bool(answer))
            if answer:
                self.audit(wanted)
        elif answer:
            origin.accepted(wanted)

    def step(self, rng: random.Random) -> None:
        """One thing that an owner may do next; a kill may come between any two."""
        if self.stopped:
            return
        wish = self.offset == len(self.log) or self.plan != self.schedule.plan or self.origin.stop is not None
        wish = wish or self.mutant in {"floor_not_at_end", "end_before_barrier"}
        actions = ["batch"] * 4 + ["send"] * 6 * self.busy()
        if self.origin.proposed is not None:
            actions += ["commit"] * (1 if self.mutant == "floor_before_commit" else 20)
        else:
            actions += ["commit"] + ["change"] * 3 * wish
        action = rng.choice(actions)
        if action == "batch":
            self.worker.turn(self, rng)
            if rng.random() < self.schedule.tells:
                self.worker.tell(rng.choice(self.targets))
        else:
            getattr(self, action)(rng)
