"""Who is to be told what now: what stands among alerts beside what each receiver was told.

A function of two logs and the time. Nothing is kept of what was decided but what was written: whoever reads the same
logs plans the same. So one who takes over tells what is still true and was not told, and nothing twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush

import msgspec

from risk_stream.alerts import Entry, Life
from risk_stream.notices.cases import NEWS_MS, RANK, CaseFacts, Cases, Sight, look
from risk_stream.notices.house import HOUR_MS, MINUTE_MS, House
from risk_stream.notices.notice import Notice, Part, Record, Step, notice_id
from risk_stream.notices.receivers import Receiver
from risk_stream.notices.told import Tellings, Told

__all__ = ["MOST_CASES", "Planned", "Planner"]

#: Cases that one notice tells of for the first time; the rest is in the next.
MOST_CASES = 5_000

#: How often what is at rest is let go, ms; and after how many entries, while a long log is read.
FORGET_MS, FORGET_ENTRIES = 10 * MINUTE_MS, 20_000

#: Steps of one thread at one moment.
PASSES = 4

#: Of alerts that came, or were confirmed, longer ago than this no customer is told any more, ms: a template that is new
#: is not of the past.
CUSTOMER_NEWS_MS = 24 * HOUR_MS

#: A storm is looked at no more often than this for each of its cases, ms, but for an alert that is worse than all that
#: was told: so 10,000 cases, which take 0.2 s to look at, are looked at every 10 s.
PER_CASE_MS = 1


@dataclass(slots=True)
class Planned:
    """A notice without its words, and what they are made of. `parts` are the cases of a digest, the worst first."""

    notice: Notice
    receiver: Receiver
    sight: Sight
    parts: list[tuple[CaseFacts, Sight]] = field(default_factory=list)
    life: Life | None = None  # of a notice to a customer, or the one that is taken back
    template: int = -1


@dataclass(slots=True)
class _Wishes:
    """What one receiver wants to hear now."""

    new: dict[str, tuple[CaseFacts, Sight, int]] = field(default_factory=dict)  # case -> ..., level
    digest: dict[str, tuple[CaseFacts, Sight, int]] = field(default_factory=dict)
    ended: list[str] = field(default_factory=list)
    storms: set[str] = field(default_factory=set)  # rules whose storm changed
    worse: set[str] = field(default_factory=set)  # those of them that may have become worse


class Planner:
    """Take entries and records as they come, in the order of their logs; then ask for what is to be told.

    What is planned counts as told: whoever plans writes it down before anything else, or begins anew from the logs.
    """

    def __init__(self, house: House) -> None:
        self.house, self.cases, self.told = house, Cases(), Tellings()
        self._dirty: set[str] = set()
        self._joining: dict[tuple[str, str], set[str]] = defaultdict(set)  # (receiver, rule of a storm) -> new cases
        self._looked: dict[tuple[str, str], int] = {}  # when a storm of many cases was looked at last, ms
        self._timers: list[tuple[int, str]] = []
        self._timer: dict[str, int] = {}
        self._wide = 0  # when all is looked at again, ms
        self._forgot = 0

    def take(self, entry: Entry) -> None:
        """What became of alerts."""
        self._dirty |= self.cases.take(entry)
        if entry.number % FORGET_ENTRIES == 0:  # a log of years is read without being remembered
            self.cases.forget(())
            self._dirty &= self.cases.cases.keys()
        for silence in entry.silences:
            self._wide = min([self._wide, *(at for at in (silence.begins, silence.ends) if at > entry.time)])

    def heard(self, record: Record) -> Notice | None:
        """What was planned, sent or given up before; -> a notice that somebody wants to be sent again."""
        return self.told.take(record)

    def worded(self, notice: Notice) -> None:
        """A planned notice has its words now."""
        self.told.waiting[notice.id] = notice

    def change(self, house: House) -> None:
        """The folder was changed: from now on it counts."""
        self.house, self._wide = house, 0

    def plan(self, now: int) -> list[Planned]:
        """Everything that is to be told at a time, ms; asked again at once it is nothing more."""
        if now >= self._wide:
            self._dirty |= {case.id for case in self.cases.cases.values()}
            edges = [at for one in self.cases.silences.values() for at in (one.begins, one.ends) if at > now]
            self._wide = min([self.house.next_change(now), *edges])
        while self._timers and self._timers[0][0] <= now:
            at, due = heappop(self._timers)
            if self._timer.get(due) == at:
                del self._timer[due]
            self._dirty.add(due)
        planned: list[Planned] = []
        levels = self.house.levels_of(now)
        for _ in range(PASSES):  # a case may have to be taken back in one part, and told as worse in another
            more = self._pass(levels, now)
            planned += more
            if not more:
                break
        if now >= self._forgot + FORGET_MS:
            self._forget(now)
        return planned

    def _pass(self, levels: Mapping[str, tuple[int, ...]], now: int) -> list[Planned]:
        """One step of each thread, of those that may have one."""
        dirty, self._dirty = self._dirty, set()
        planned: list[Planned] = []
        for name, of in levels.items():
            receiver, wishes = self.house.receivers[name], _Wishes()
            for id in dirty:
                case = self.cases.cases.get(id)
                if case is not None:
                    planned += self._case(receiver, of, case, now, wishes)
            planned += self._together(receiver, of, now, wishes)
        planned += self._customers(dirty, now)
        for one in planned:
            self.told.take(one.notice)
            self._look_again(one.notice)
        return planned

    # One case

    def _case(
        self, receiver: Receiver, levels: tuple[int, ...], case: CaseFacts, now: int, wishes: _Wishes
    ) -> Iterator[Planned]:
        thread = self.told.covering.get((receiver.name, case.id))
        told = None if thread is None else self.told.told(receiver.name, thread)
        if thread is not None and thread.startswith("rule:") and told is not None and not told.over:
            rule = thread.removeprefix("rule:")
            wishes.storms.add(rule)
            if case.id not in told.cases:  # it was of a storm before
                self._joining[receiver.name, rule].add(case.id)
            if RANK.get(self._look(case, receiver, now).severity, -1) > RANK.get(told.severity, -1):
                wishes.worse.add(rule)
            return
        for (name, rule), joining in self._joining.items():
            if name == receiver.name and case.id in joining:  # a storm may be over with it
                wishes.storms.add(rule)
        sight = self._look(case, receiver, now)
        if told is None or (told.over and case.newest > told.newest):
            self._fresh(receiver, levels, case, sight, now, wishes)
            return
        if told.over:
            return
        if told.life in case.retracted and case.open:
            held = receiver.held_until(told.severity, now)
            if held is None:
                life, number = case.retracted[told.life], max(told.number, 1)
                thread = f"case:{case.id}"
                yield self._planned(receiver, thread, "withdrawn", now, sight, told, life=life, number=number)
                return
            self._later(case.id, held)
        if not case.open:
            yield from self._ended(receiver, case, told, sight, now, wishes)
            return
        step, due = self._step(receiver, levels, told, sight, _rested(told, case), now)
        if due is not None:
            self._later(case.id, due)
        if step is not None:
            level = max(told.level, _level(levels, sight) or 0)
            thread, number = f"case:{case.id}", _rested(told, case) + 1
            yield self._planned(receiver, thread, step, now, sight, told, level=level, number=number)

    def _fresh(
        self,
        receiver: Receiver,
        levels: tuple[int, ...],
        case: CaseFacts,
        sight: Sight,
        now: int,
        wishes: _Wishes,
    ) -> None:
        """A case of which a receiver knows nothing."""
        if not sight.waiting or sight.newest < now - NEWS_MS:
            return
        how = receiver.how[sight.urgent]
        level = _level(levels, sight)
        if level is None or how == "never":
            return
        held = receiver.held_until(sight.urgent, now)
        if how != "now":
            held = max(held or 0, receiver.digest_after(how, sight.since))
            held = held if held > now else None
        if held is not None:
            self._later(case.id, held)
        elif how == "now":
            wishes.new[case.id] = case, sight, level
        else:
            wishes.digest[case.id] = case, sight, level

    def _ended(
        self, receiver: Receiver, case: CaseFacts, told: Told, sight: Sight, now: int, wishes: _Wishes
    ) -> Iterator[Planned]:
        """A told case of which nothing is open any more."""
        if told.over or case.emptied < now - NEWS_MS or told.at > case.emptied:
            return
        taken_back = case.withdrawn > 0 and case.worked == 0
        if not taken_back and told.number < 2 and case.alerts < self.house.storm.alerts:
            return
        how = receiver.how.get(told.severity, "now")
        held = receiver.held_until(told.severity, now)
        if held is not None:
            self._later(case.id, held)
        elif taken_back and how in {"hourly", "daily"}:
            due = receiver.digest_after(how, case.emptied)
            if due <= now:
                wishes.ended.append(case.id)
            else:
                self._later(case.id, due)
        else:
            step: Step = "withdrawn" if taken_back else "over"
            sight.severity = sight.severity or told.severity
            life = next(reversed(case.retracted.values()), case.last) if taken_back else case.last
            yield self._planned(receiver, f"case:{case.id}", step, now, sight, told, life=life)

    def _step(
        self, receiver: Receiver, levels: tuple[int, ...], told: Told, sight: Sight, number: int, now: int
    ) -> tuple[Step | None, int | None]:
        """The next step of a thread that is told of, and when it is to be looked at again."""
        storm = self.house.storm
        times: list[int] = []
        step: Step | None = None
        level = _level(levels, sight)
        if RANK.get(sight.severity, -1) > RANK.get(told.severity, -1) and receiver.how[sight.severity] == "now":
            step = "worse"
        elif level is not None and level > told.level and sight.waiting:
            step = "again"
        elif sight.waiting and sight.alerts > told.alerts and receiver.how[sight.urgent] == "now":
            at = told.at + storm.gap(number)
            if at <= now:
                step = "more"
            else:
                times.append(at)
        if (
            step is None
            and sight.alerts >= storm.alerts
            and number >= 1
            and (number >= 2 or sight.alerts > told.alerts)
        ):
            at = sight.newest + storm.quiet_minutes * MINUTE_MS
            if at <= now:
                step = "over"
            else:
                times.append(at)
        if step is not None:
            held = receiver.held_until(sight.severity or told.severity, now)
            if held is None:
                return step, None
            times.append(held)
        return None, min(times, default=None)

    # Many cases

    def _together(self, receiver: Receiver, levels: tuple[int, ...], now: int, wishes: _Wishes) -> Iterator[Planned]:
        """Storms, digests, and what is left of new cases, one by one."""
        by_rule: dict[str, list[str]] = defaultdict(list)
        for id, (_, sight, _) in wishes.new.items():
            assert sight.head is not None
            by_rule[sight.head.rule].append(id)
        for rule, ids in by_rule.items():
            told = self.told.told(receiver.name, f"rule:{rule}")
            if told is not None and not told.over:
                self._joining[receiver.name, rule].update(ids)
                wishes.storms.add(rule)
                if any(RANK[wishes.new[id][1].severity] > RANK.get(told.severity, -1) for id in ids):
                    wishes.worse.add(rule)
            else:
                recent = self._recent(receiver, rule, now)
                if len(recent) + len(ids) <= self.house.storm.cases:
                    continue
                yield self._storm(receiver, rule, now, [*ids, *recent], len(recent), wishes)
            for id in ids:
                del wishes.new[id]
        for rule in sorted(wishes.storms):
            yield from self._storm_goes_on(receiver, levels, rule, now, at_once=rule in wishes.worse)
        if len(wishes.new) > self.house.storm.at_once:
            yield from self._several(receiver, wishes.new, [], now)
        else:
            for case, sight, level in wishes.new.values():
                told = self.told.told(receiver.name, f"case:{case.id}")
                thread = f"case:{case.id}"
                yield self._planned(receiver, thread, "new", now, sight, told, level=level, cases=[case], number=1)
        if wishes.digest or wishes.ended:
            yield from self._several(receiver, wishes.digest, wishes.ended, now)

    def _recent(self, receiver: Receiver, rule: str, now: int) -> list[str]:
        """Cases of a rule that were told singly a moment ago, and are told of so still."""
        since = now - self.house.storm.minutes * MINUTE_MS
        return [
            case
            for at, case in self.told.recent.get((receiver.name, rule), ())
            if at >= since and self.told.covering.get((receiver.name, case)) == f"case:{case}"
        ]

    def _storm(self, receiver: Receiver, rule: str, now: int, ids: list[str], singly: int, wishes: _Wishes) -> Planned:
        """The first notice of many cases of one rule; those that were told `singly` are of it from now on."""
        self._joining[receiver.name, rule].update(ids[MOST_CASES:])
        facts = [self.cases.cases[id] for id in ids[:MOST_CASES] if id in self.cases.cases]
        told = self.told.told(receiver.name, f"rule:{rule}")
        level = max((wishes.new[id][2] for id in ids if id in wishes.new), default=0)
        return self._planned(
            receiver,
            f"rule:{rule}",
            "storm",
            now,
            _sum(self._look(case, receiver, now) for case in facts),
            told,
            level=level,
            cases=facts,
            number=singly + 1,
            rule=rule,
        )

    def _storm_goes_on(
        self, receiver: Receiver, levels: tuple[int, ...], rule: str, now: int, *, at_once: bool
    ) -> Iterator[Planned]:
        told = self.told.told(receiver.name, f"rule:{rule}")
        if told is None or told.over:
            self._joining.pop((receiver.name, rule), None)
            self._looked.pop((receiver.name, rule), None)
            return
        again = self._looked.get((receiver.name, rule), 0) + PER_CASE_MS * len(told.cases)
        if now < again and not at_once:
            self._later(next(iter(told.cases)), again)
            return
        self._looked[receiver.name, rule] = now
        joining = self._joining[receiver.name, rule] - told.cases
        new = [self.cases.cases[id] for id in sorted(joining) if id in self.cases.cases][:MOST_CASES]
        known = [self.cases.cases[id] for id in told.cases if id in self.cases.cases]
        sight = _sum(self._look(case, receiver, now) for case in (*known, *new))
        anchor = next(iter(told.cases), next(iter(joining), rule))
        if sight.open + sight.silenced == 0:
            sight.severity = told.severity
            back = all(case.withdrawn and not case.worked for case in known) and bool(known)
            step: Step | None = "withdrawn" if back else "over"
            due = receiver.held_until(told.severity, now)
            step = step if due is None else None
        else:
            step, due = self._step(receiver, levels, told, sight, told.number, now)
        if due is not None:
            self._later(anchor, due)
        if step is None:
            return
        self._joining[receiver.name, rule].difference_update(case.id for case in new)
        level = max(told.level, _level(levels, sight) or 0)
        yield self._planned(
            receiver,
            f"rule:{rule}",
            step,
            now,
            sight,
            told,
            level=level,
            cases=new,
            number=told.number + 1,
            rule=rule,
        )

    def _several(
        self, receiver: Receiver, found: dict[str, tuple[CaseFacts, Sight, int]], ended: list[str], now: int
    ) -> Iterator[Planned]:
        parts = sorted(found.values(), key=lambda part: (-RANK[part[1].urgent], -part[1].newest))
        for at in range(0, max(len(parts), 1), MOST_CASES):
            some = parts[at : at + MOST_CASES]
            sight = _sum(part[1] for part in some)
            planned = self._planned(
                receiver,
                "digest",
                "several",
                now + at // MOST_CASES,
                sight,
                self.told.told(receiver.name, "digest"),
                level=max((part[2] for part in some), default=0),
                ended=ended if at == 0 else [],
                number=1,
            )
            covered = [Part(case.id, case.alerts, seen.severity, level) for case, seen, level in some]
            planned.notice = msgspec.structs.replace(planned.notice, cases=covered)
            planned.parts = [(case, seen) for case, seen, _ in some]
            yield planned

    def _look(self, case: CaseFacts, receiver: Receiver, now: int) -> Sight:
        return look(case, receiver, self.cases.silences.values(), now)

    # Customers

    def _customers(self, dirty: Iterable[str], now: int) -> Iterator[Planned]:
        """Notices to customers: one for each alert of a template, whatever becomes of it later."""
        if not self.house.templates:
            return
        for id in dirty:
            case = self.cases.cases.get(id)
            if case is None:
                continue
            for place, template in enumerate(self.house.templates):
                lives = case.open.values() if template.when == "raised" else case.confirmed.values()
                receiver = self.house.receivers[template.to]
                for life in lives:
                    thread = f"customer:{template.name}:{life.alert}"
                    if life.rule not in template.rules or not receiver.hears(life) or "customer" not in life.keys:
                        continue
                    came = life.since if template.when == "raised" else life.closed or 0
                    if self.told.told(receiver.name, thread) is not None or came < now - CUSTOMER_NEWS_MS:
                        continue
                    sight = Sight(cases=1, alerts=1, severity=life.severity, head=life)
                    yield self._planned(receiver, thread, "customer", now, sight, None, life=life, template=place)

    # Notices

    def _planned(
        self,
        receiver: Receiver,
        thread: str,
        step: Step,
        now: int,
        sight: Sight,
        told: Told | None,
        *,
        level: int | None = None,
        cases: list[CaseFacts] | None = None,
        ended: list[str] | None = None,
        number: int | None = None,
        rule: str | None = None,
        life: Life | None = None,
        template: int = -1,
    ) -> Planned:
        count = 1 if told is None else told.count + 1
        head = sight.head or life
        about = life if step == "withdrawn" and life is not None else head
        if level is None:
            level = 0 if told is None else told.level
        severity = sight.severity or ("" if told is None else told.severity)
        notice = Notice(
            id=notice_id(receiver.name, thread, count, now),
            receiver=receiver.name,
            thread=thread,
            step=step,
            count=count,
            number=number if number is not None else 1 if told is None else told.number + 1,
            at=now,
            severity=severity,
            level=level,
            rule=rule or ("" if step == "several" else about.rule if about is not None else told.rule if told else ""),
            cases=[Part(case.id, case.alerts, severity, level) for case in cases or ()],
            ended=ended or [],
            alerts=sight.alerts,
            open=sight.open,
            newest=sight.newest,
            life="" if head is None or (step == "withdrawn" and head is life) else head.id,
        )
        return Planned(notice, receiver, sight, life=life, template=template)

    # Time

    def _look_again(self, notice: Notice) -> None:
        """What was told just now may have to be told further, later: that is found as it is looked at next."""
        kind, _, subject = notice.thread.partition(":")
        self._dirty |= {subject} if kind == "case" else {part.case for part in notice.cases}
        if kind == "rule":
            told = self.told.told(notice.receiver, notice.thread)
            self._dirty |= set() if told is None else set(list(told.cases)[:1])

    def _later(self, case: str, due: int) -> None:
        if due < self._timer.get(case, due + 1):
            self._timer[case] = due
            heappush(self._timers, (due, case))

    def _forget(self, now: int) -> None:
        """Let go of what is at rest for so long that nothing more is said of it."""
        self._forgot = now
        self.cases.now = max(self.cases.now, now)
        kept = {case.id for case in self.cases.cases.values() if case.open or case.emptied >= now - NEWS_MS}
        self.cases.forget(kept)
        for receiver, case in [key for key in self.told.covering if key[1] not in self.cases.cases]:
            self.told.forget_case(receiver, case)
        for key, told in list(self.told.threads.items()):
            kind, _, subject = key[1].partition(":")
            gone = subject not in self.cases.cases if kind == "case" else not told.cases
            if gone and told.at < now - NEWS_MS - HOUR_MS:
                del self.told.threads[key]
        for pair in [pair for pair, recent in self.told.recent.items() if recent[-1][0] < now - HOUR_MS]:
            del self.told.recent[pair]


def _level(levels: tuple[int, ...], sight: Sight) -> int | None:
    """The highest of a receiver's levels that the desk has escalated to; None: it is not his yet."""
    return max((level for level in levels if level <= sight.level), default=None)


def _rested(told: Told, case: CaseFacts) -> int:
    """How many notices of a case there were since it had no open alert last."""
    return told.number if told.at >= case.emptied else 0 if not case.open else min(told.number, 1)


def _sum(sights: Iterable[Sight]) -> Sight:
    whole = Sight()
    for sight in sights:
        whole.add(sight)
    return whole
