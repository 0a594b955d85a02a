"""One partition of one hop at its owner: a deterministic machine over the records of its log."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.protocol.hold import PLANS as HELD_PLANS
from tests.protocol.hold import Cut, Hold, Leaving, Row
from tests.protocol.ring import Ring, Sorted
from tests.protocol.rules import fill, judge, next_hop, teaches
from tests.protocol.windows import Windows
from tests.protocol.worker import Sender, Worker
from tests.protocol.world import (
    BELONGS,
    FLAG,
    HOPS,
    INF,
    NEG,
    PLANS,
    Alert,
    Channel,
    Fact,
    Fronts,
    Item,
    Items,
    L,
    Owner,
    Section,
    hashed,
    stats,
)

if TYPE_CHECKING:
    from tests.protocol.schedule import Schedule

__all__ = ["Hop", "Mark"]


class Mark(NamedTuple):
    """A place in the log from which it may be read again: what was known there, and the newest event before it."""

    offset: int
    known: Any
    newest: int


class Verdict(NamedTuple):
    """What a hop says of an event: its values by rule, and what it sends on."""

    said: dict[str, object]
    carried: tuple[object, ...]
    keys: tuple[int | None, ...]


class Hop(Sender):
    """Applies one record at a time.

    Its items are judged as a block, or held back until channels that promised more have come as far. A record may close
    two blocks, so their positions are twice the offset (what was held before it) and one more (what leaves with it).
    """

    def __init__(self, schedule: Schedule, hop: int, p: int, generation: int, worker: Worker) -> None:
        broker = worker.broker
        targets: list[Channel] = [(s, q) for s in range(hop + 1, HOPS) for q in range(broker.partitions)]
        super().__init__(worker, (hop, p), generation, targets)
        self.schedule, self.hop, self.p, self.log = schedule, hop, p, broker.logs[hop, p]
        self.channels: list[Channel] = [("src", q) for q in range(broker.origins)]
        self.channels += [(s, q) for s in range(hop) for q in range(broker.partitions)]
        self.windows, self.ring = Windows(self.mutant), Ring(hop, schedule.bound, self.mutant)
        self.known = schedule.decisions.receiver(self.channels, None)
        self.time: int | None = None  # the clock, where it is worked out
        self.hold = Hold(schedule.enough, schedule.full, self.mutant)
        self.applied = NEG  # the clock that is judged by and told onward: nothing is held up to it, but late events
        self.judged = NEG  # the newest event that was
        self.blocks: list[Any] = []  # of the last record, and what they said
        self.latest: dict[Channel, int] = {}  # the plan each channel named last
        self.kept_from = NEG  # rows before it may be gone
        self.newest = NEG
        self.said = NEG  # the applied clock as of what was handed over
        self.marks = [Mark(0, None, NEG)]
        self.plan_since: dict[int, int] = {}  # plan that is kept -> the clock when it came
        self.revision = 0  # of a mutant
        self.heard: dict[Channel, int] = {}  # of a mutant
        self.firsts: dict[Channel, int] = {}  # of a mutant

    # ---- the clock, and what is known of the channels
    def clock(self) -> int:
        if self.mutant in {"receiver_idle", "prune_by_fastest"}:
            return self.wrong_clock()
        if self.time is None:
            self.time = self.known.clock()
        return self.time

    def wrong_clock(self) -> int:
        fronts: dict[Channel, int] = self.known.saved()["front"]
        if self.mutant == "prune_by_fastest":
            return max(fronts.values(), default=NEG)
        awake = [c for c in self.channels if self.heard.get(c, -9) >= self.offset - 3] or self.channels
        return min(fronts.get(c, NEG) for c in awake)

    def front(self) -> int:
        return self.reached() if self.mutant == "front_before_hand_over" else self.said

    def reached(self) -> int:
        return self.clock() if self.mutant == "front_beyond_held" else self.applied

    def handed_over(self) -> None:
        self.said = self.reached()

    @property
    def position(self) -> int:
        """Behind all blocks of the records that are applied, before those of all others."""
        return 2 * self.offset - 1

    def has_more(self) -> bool:
        return self.offset < len(self.log) or self.known.awaited() is not None

    def come_to(self) -> int:
        return self.judged

    def receive(self, record: Items | Fronts) -> list[Row]:
        """Hear a record: the items that count and were not heard before."""
        if isinstance(record, Fronts):
            for section in record.said:
                self.heard[section.channel] = self.offset
                self.hear(*section, (), checked=self.mutant != "era_of_items_only")
            return []
        stale = [self.known.behind(s.channel, s.generation) for s in record.sections]
        if any(stale) and not all(stale):
            stats["records with items of a stale section and of another"] += (
                len({stale[n] for n, _ in record.items}) > 1
            )
        if self.mutant == "stale_section_drops_record" and any(stale):
            return []
        counts: list[bool] = [False] * len(record.items)
        seen, clocks = NEG, []
        if self.mutant == "seen_of_first_section":
            seen = self.known.saved()["seen"].get(record.sections[0].channel, NEG)
        for n, section in enumerate(record.sections):
            places = [place for place, (m, _) in enumerate(record.items) if m == n]
            fresh = self.hear_section(record, section, places)
            if self.mutant == "seen_of_first_section":
                fresh = [place for place in places if record.items[place][1].stamp > seen and not stale[n]]
            for place in fresh:
                counts[place] = True
            if self.mutant == "clock_of_first_section":
                clocks.append(self.clock())
                self.time = clocks[0]
        return [Row(self.offset, n, item) for (n, item), new in zip(record.items, counts, strict=True) if new]

    def hear_section(self, record: Items, section: Section, places: list[int]) -> list[int]:
        """Hear what a record says of one channel: the places of its items that count and are new."""
        channel = section.channel
        self.heard[channel] = self.offset
        items = [record.items[place][1] for place in places]
        stamps = [item.stamp for item in items]
        before = self.firsts.get(channel, NEG)
        heard = stamps
        if self.mutant == "seen_of_first_section":
            first = channel == record.sections[0].channel
            heard = sorted(item.stamp for _, item in record.items) if first else []
        fresh = self.hear(*section, heard)
        if fresh is None:
            if self.mutant == "stale_section_front":
                self.hear(*section, (), checked=False)
            return []
        if not items:
            return []
        for item in items:  # one name, one content, of all that is not dropped by generation
            self.broker.same((channel, self.channel, item.stamp), (*item[1:], record.plan))
        if self.mutant == "dedup_by_message":
            fresh = 0 if stamps[0] > before else len(stamps)
            self.firsts[channel] = max(before, stamps[0])
        stats["duplicates dropped by stamp"] += fresh
        self.latest[channel] = record.plan
        self.newest = max(self.newest, *(item.event.t for item in items))
        return places[fresh:]

    def hear(
        self,
        channel: Channel,
        generation: int,
        front: int,
        more: int | None,
        stamps: Sequence[int],
        *,
        checked: bool = True,
    ) -> int | None:
        """The place of the first new item; None where a later owner of the channel was heard before."""
        if self.mutant == "no_era_check" or not checked:
            generation = max(generation, self.known.saved()["era"].get(channel, 0))
        if self.known.behind(channel, generation):
            stats["records of old generations dropped"] += 1
            assert self.known.take(channel, generation, front, more, stamps) == len(stamps)
            return None
        self.time = None
        if self.mutant in {"promise_outlives_owner", "old_owner_promises"}:
            more = self.wrong_promise(channel, generation, more)
        return self.known.take(channel, generation, front, more, stamps)

    def wrong_promise(self, channel: Channel, generation: int, more: int | None) -> int | None:
        known = self.known.saved()
        by, reach = known["promised"].get(channel, (generation, NEG))
        if self.mutant == "promise_outlives_owner":
            return reach if more is None and by < generation and channel in known["promised"] else more
        if more is not None and generation < known["era"].get(channel, generation):
            self.known.take(channel, known["era"][channel], NEG, more, ())
        return more

    # ---- applying
    def read(self, count: int, rng: random.Random) -> bool:
        """Apply up to `count` records, one at a time."""
        before = self.offset
        while count > 0 and self.offset < len(self.log):
            count -= 1
            self.apply()
            if rng.random() < 0.15:
                self.mark()
        self.waits()
        return self.offset > before

    def mark(self) -> None:
        self.marks.append(Mark(self.offset, self.known.saved(), self.newest))

    def apply(self) -> None:
        """The next record: it is heard, its items join those that are held, and what is due is judged."""
        was, offset = self.applied, self.offset
        self.broker.same(("clock", self.channel, offset), (self.clock(), was))  # whoever comes there
        record, self.blocks = self.log[offset], []
        self.release(2 * offset, self.hold.take_told(offset - 1), was)
        rows = self.receive(record)
        if self.mutant == "records_merged":  # the next record of the channels is taken for a part of the same block
            after = self.log[offset + 1] if offset + 1 < len(self.log) else None
            if isinstance(after, Items) and rows and after.plan == record.plan:
                self.offset += 1
                rows += self.receive(after)
        self.offset += 1
        if self.mutant == "clock_after_sections":
            was = self.clock()
        alone = isinstance(record, Items) and record.alone and bool(rows)
        before: list[Leaving] = []
        if rows:
            if (alone and self.mutant != "lists_before_held") or not self.hold.takes(record.plan):
                before = self.hold.all(offset - 1)
                last = 2 * offset + (len(before) == HELD_PLANS or self.mutant == "one_position")
                self.release(last, before, was)
            if self.mutant == "lists_before_held" and alone:
                rows, self.hold.rows = [*rows, *self.hold.rows], []
            if alone and len(before) == HELD_PLANS:
                self.hold.told = (record.plan, rows)
                stats["changes of lists that wait for a record"] += 1
            else:
                self.hold.put(record.plan, rows)
        if len(before) < HELD_PLANS:  # else the record's positions are taken
            due = self.hold.all(offset) if alone else self.hold.due(offset, self.known.awaited())
            if not self.hold.reaches(self.clock()) or self.mutant == "clock_beyond_held":
                self.applied = self.clock()
            self.release(2 * offset + 1, due, was)
        self.retire()
        stats["records that leave something held"] += bool(self.hold.rows)
        stats["records behind which the clock waits"] += self.applied < self.clock()
        if self.schedule.exact:  # a ring that is bounded may be another after a restart
            self.broker.same(("blocks", self.channel, offset), (self.applied, len(self.hold.rows), *self.blocks))

    def release(self, last: int, leaving: list[Leaving], was: int) -> None:
        """Judge what leaves the hold, a block of each plan; `last` is the position of the last of them."""
        for position, (plan, rows) in enumerate(leaving, last + 1 - len(leaving)):
            if self.mutant == "plans_at_one_position":
                position = last
            stats["blocks of items that were held"] += rows[0].offset < position >> 1
            self.blocks.append((position, plan, was, tuple(row.item for row in rows)))
            self.judged = max(self.judged, *(row.item.event.t for row in rows))
            items = [(place, row.item) for place, row in enumerate(rows)]
            if self.mutant == "sections_as_blocks":
                for part in dict.fromkeys(row[:2] for row in rows):
                    of_one = [items[place] for place, row in enumerate(rows) if row[:2] == part]
                    self.judge_block(position, plan, of_one, was)
            else:
                self.judge_block(position, plan, items, was)

    def remember(self, upto: int, applied: int) -> None:
        """Read the log again before a checkpoint: what was not judged by then is held, only the ring takes the rest.

        `applied` is the clock that was judged by last, and none here is above it: what the ring lost since is lost.
        """
        if self.mutant == "ring_by_heard_clock":
            applied = INF
        while self.offset < upto:
            was, record = min(self.clock(), applied), self.log[self.offset]
            rows = self.receive(record)
            self.offset += 1
            if self.mutant == "clock_after_sections":
                was = self.clock()
            if isinstance(record, Items):
                held = [row for row in rows if self.hold.was_held(row)]
                if held and record.alone:
                    self.hold.told = (record.plan, held)
                elif held:
                    self.hold.put(record.plan, held)
                known = [(place, row.item) for place, row in enumerate(rows) if row not in held]
                if known:
                    self.ring.put(self.ring.sort(known, record.plan, was))
                    self.judged = max(self.judged, *(item.event.t for _, item in known))
            if self.mutant == "released_while_remembering":
                for plan, leaving in self.hold.due(upto, self.known.awaited()):
                    gone = [(place, row.item) for place, row in enumerate(leaving)]
                    self.ring.put(self.ring.sort(gone, plan, was))
            self.ring.forget(min(self.clock(), applied))

    def retire(self) -> None:
        """Forget what the clock has left behind; a plan is kept while its events are in the ring or may come."""
        clock = self.applied
        self.ring.forget(clock)
        plans = {fact.plan for fact in self.ring.known.values()} | set(self.latest.values())
        plans |= self.hold.plans
        self.plan_since = {plan: self.plan_since.get(plan, clock) for plan in plans}
        if self.mutant == "plan_dropped_early":
            plans = {max(self.latest.values(), default=0)}
        if clock > NEG and plans:
            oldest = clock - L - max(PLANS[plan].window[self.hop] for plan in plans)
            self.windows.forget(oldest)
            if self.mutant != "warming_unsaid" or self.kept_from == NEG:
                self.kept_from = max(self.kept_from, oldest)

    def judge_block(self, position: int, plan: int, items: list[tuple[int, Item]], was: int) -> None:
        """Old verdicts as of before the block, then its rows and owners, then new verdicts; say what differs."""
        offset = position >> 1
        if self.mutant == "lateness_interleaved":
            items = [x for x in items if x[1].event.t >= self.newest - L]
        if self.mutant == "lateness_at_receiver":
            fastest = max(self.known.saved()["front"].values())
            items = [x for x in items if x[1].event.t >= fastest - L]

        def twice(old: Fact) -> None:
            if self.mutant != "copy_plan_silent":
                self.put("audit", offset, (("plan", old.id), old.plan))

        block = self.ring.sort(items, plan, was, twice)
        learnt = self.learn(offset, block)
        again = self.affected(block, learnt)
        old = {fact.id: self.verdict(fact) for fact in again}
        for fact in sorted(fact for _, fact in block.fresh.values()):
            self.windows.insert(self.key(fact), (fact.t, fact.id, fact.event.amount), position)
        stats["blocks"] += 1
        stats["blocks that have a clock"] += was > NEG
        stats["blocks whose ring has shed"] += self.ring.shed
        stats["inserted behind"] += sum(
            any(True for _ in self.ring.above(self.key(fact), fact[:2])) for _, fact in block.fresh.values()
        )
        for key, owner in learnt.items():
            self.windows.own(key, owner, position)
        self.ring.put(block)
        for place, fact in block.fresh.values():
            self.say(position, place, self.ring.known[fact.id], None)
        k = 0
        for fact in sorted(again):
            k += self.say(position, 1 << 19 | k, self.ring.known[fact.id], old[fact.id])
            if self.mutant == "no_sub_number":
                k = 0

    def key(self, fact: Fact) -> int:
        key = fact.keys[self.hop]
        assert key is not None
        return key

    def affected(self, block: Sorted, learnt: dict[int, Owner]) -> list[Fact]:
        """The facts, as they are before the block, that it may give another verdict."""
        again = {event: self.ring.known[event] for event in block.revised}
        lowest: dict[int, tuple[int, int]] = {}
        for _, fact in block.fresh.values():
            lowest[self.key(fact)] = min(lowest.get(self.key(fact), (INF, 0)), fact[:2])
        if self.mutant != "no_rejudge":
            for key, low in lowest.items():
                again |= {fact.id: fact for fact in self.ring.above(key, low)}
        for key, owner in learnt.items():
            again |= {fact.id: fact for fact in self.ring.filled_anew(key, self.windows.owner(key), owner)}
        return list(again.values())

    def learn(self, offset: int, block: Sorted) -> dict[int, Owner]:
        """Owners that change by a block's teaching events. Who was named first in the log holds; another is said.

        He holds from the first (t, id) that names him, so a late one moves it and fills in what is behind.
        """
        parent = BELONGS.get(self.hop)
        learnt: dict[int, Owner] = {}
        for fact in sorted(fact for _, fact in block.fresh.values()):
            if parent is None or not teaches(fact.event, fact.keys, self.hop):
                continue
            key, named = self.key(fact), fact.event.keys[parent]
            assert named is not None
            since = (-INF, 0) if self.mutant == "owner_from_always" else fact[:2]
            owner = learnt.get(key) or self.windows.owner(key)
            if owner is None:
                learnt[key] = Owner(named, since)
            elif owner.key != named and self.mutant != "owner_by_time":
                stats["contradicting owners"] += 1
                if self.mutant != "owner_contradiction_silent":
                    self.put("audit", offset, (("owner", self.hop, key), owner.key))
                if self.mutant == "owner_last":
                    learnt[key] = Owner(named, since)
            elif since < owner.since:
                learnt[key] = Owner(named, since)
        return learnt

    # ---- judging
    def verdict(self, fact: Fact) -> Verdict:
        """From the windows and the facts alone: nothing that was said is remembered."""
        plan = max(self.latest.values()) if self.mutant == "current_plan" else fact.plan
        window = PLANS[plan].window[self.hop]
        value: object = self.windows.evaluate(self.key(fact), fact.t, fact.id, window)
        if fact.t - window + 1 < self.kept_from:
            value = FLAG
            if fact.t - window + 1 >= self.plan_since.get(fact.plan, self.applied) - L:
                self.broker.broken = f"{fact} is flagged at {self.channel}, though its plan was there all the time"
        keys = fill(fact.t, fact.id, fact.keys, self.hop, self.windows.owner(self.key(fact)))
        carried = (*fact.carried[: self.hop], value, *fact.carried[self.hop + 1 :])
        return Verdict(judge(self.hop, keys, carried, plan), carried, keys)

    def say(self, position: int, index: int, fact: Fact, old: Verdict | None) -> bool:
        """Put out what differs from before; whether anything did."""
        offset = position >> 1
        new = self.verdict(fact)
        if self.mutant == "owner_not_backfilled" and old is not None:
            new = Verdict(judge(self.hop, old.keys, new.carried, fact.plan), new.carried, old.keys)
        before = old.said if old else {}
        features = f"features{self.hop}"
        for rule in sorted(before.keys() | new.said.keys()):
            if before.get(rule) == new.said.get(rule) or (
                self.mutant == "old_verdict_guessed" and rule not in new.said
            ):
                continue
            self.revision += 1
            revision = self.revision if self.mutant == "revision_counter" else position
            was = None if self.mutant == "was_forgotten" and index >= 1 << 19 else before.get(features)
            self.put("alerts", offset, Alert(rule, fact.id, revision, new.said.get(rule), was))
            self.blocks.append((rule, fact.id, new.said.get(rule)))
        differs = old is None or (old.carried, old.keys) != (new.carried, new.keys)
        if self.mutant == "fill_not_sent_on" and old is not None:
            differs = old.carried != new.carried
        target = next_hop(fact.event, new.keys, fact.plan, self.hop)
        if differs and target is not None and not (self.mutant == "no_revision_forward" and old):
            stats["items sent on"] += 1
            stats["of these revisions"] += old is not None
            item = Item(position << 20 | index, fact.event, new.keys, new.carried)
            place = target, hashed(target, new.keys[target]) % self.broker.partitions
            self.going[place].append((offset, fact.plan, item))
            self.blocks.append((place, item))
        return differs or before != new.said

    # ---- saving
    def saved(self) -> dict[str, Any]:
        """All that is not rows, as of now, with the mark from which the ring is to be rebuilt."""
        clock = self.clock() if self.mutant == "mark_behind_held" else self.applied
        mark = self.marks[-1]
        if self.mutant != "mark_too_late":
            fits = [i for i, m in enumerate(self.marks) if m.newest < clock - L or m.offset == 0]
            self.marks = self.marks[fits[-1] if fits else 0 :]  # only a planted bug turns a clock back
            mark = self.marks[0]
        return {
            "offset": self.offset,
            "known": self.known.saved(),
            "mark": mark,
            "latest": dict(self.latest),
            "kept_from": self.kept_from,
            "newest": self.newest,
            "plan_since": dict(self.plan_since),
            "applied": self.applied,
            "judged": self.judged,
            "cut": self.hold.cut,
        }

    def restore(self, saved: dict[str, Any], images: dict[int, Any], journal: Iterable[list[Any]]) -> None:
        """Windows from their parts, the ring from the log between the mark and the checkpoint's position."""
        for chunk, image in images.items():
            self.windows.load_image(chunk, image)
        for part in journal:
            self.windows.replay(part)
        cut = Cut() if self.mutant == "cut_not_restored" else saved["cut"]
        self.hold = Hold(self.schedule.enough, self.schedule.full, self.mutant, cut)
        self.rebuild_ring(saved)
        known = saved["known"]
        if self.mutant == "promises_not_restored":
            known = {**known, "promised": {}}
        if self.mutant == "fronts_not_restored":
            known = {**known, "front": {}}
        if self.mutant == "eras_not_restored":
            known = {**known, "era": {}}
        self.offset, self.newest, self.time = saved["offset"], saved["newest"], None
        self.known = self.schedule.decisions.receiver(self.channels, known)
        self.applied, self.judged = saved["applied"], saved["judged"]
        if self.mutant == "applied_not_restored":
            self.applied = self.clock()
        self.plan_since = dict(saved["plan_since"])
        self.latest, self.kept_from = dict(saved["latest"]), saved["kept_from"]
        self.windows.forget(self.kept_from)
        self.marks = [saved["mark"]]
        self.mark()
        if self.mutant != "ring_not_rebuilt":
            self.ring.forget(self.applied)
        self.handed_over()

    def rebuild_ring(self, saved: dict[str, Any]) -> None:
        mark: Mark = saved["mark"]
        known = mark.known
        if self.mutant == "ring_vector_of_n":
            known = saved["known"]
        if self.mutant == "ring_without_vector":
            known = None
        self.known = self.schedule.decisions.receiver(self.channels, known)
        self.offset, self.time = mark.offset, None
        if self.mutant != "ring_not_rebuilt":
            self.remember(saved["offset"], saved["applied"])
