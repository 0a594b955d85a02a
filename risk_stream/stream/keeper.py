"""Keeps profiles: makes them anew where alerts came or time went by, and publishes what changed in `risk.profiles`.

Contributions come with the alerts of any partition and are stored by whoever reads those. The profile of a customer or
group is made by one worker: the owner of the partition of `risk.alerts` that its name falls to. It is stored in Redis
first, then published, and marked as said when the broker has it: a worker that dies between says it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence

import msgspec
from redis.exceptions import RedisError

from risk_stream.kafka import Outgoing
from risk_stream.profiles import (
    Contribution,
    Profile,
    Record,
    Resolved,
    changes,
    left,
    next_change,
    profile_of,
    record_of,
    worth,
)
from risk_stream.rules import Plan
from risk_stream.sinks import Metrics, ProfileSink, ProfileState, heed_cancel

__all__ = ["MOST_KEPT", "Keeper", "forgettable", "renewed"]

log = logging.getLogger(__name__)

#: Alerts of one customer whose contributions are kept.
MOST_KEPT = 500

#: A contribution of less is forgotten, points.
LEAST = 0.001

#: Profiles made in one step: the loop does nothing else for its milliseconds.
STEP = 16

#: Between two rounds, s: alerts that come meanwhile are counted together. And how long to rest after a step for each
#: second that it took, so that a flood of alerts leaves the loop to the judging.
PACE, REST = 0.1, 2.0

#: How often it is looked whether time has made a profile another, and how long Redis is left alone when it is away, s.
LOOK, WAIT = 1.0, 1.0

#: How often customers are counted by grade, s.
COUNT_EVERY = 10.0


class Keeper:
    """Makes and publishes the profiles that fall to this worker's partitions of `risk.alerts`.

    `publish(messages)` returns when the broker has stored them, and does not return where it has not.
    """

    def __init__(self, topic: str, sink: ProfileSink, metrics: Metrics, plan: Plan) -> None:
        self.topic, self.sink, self.metrics = topic, sink, metrics
        self.publish: Callable[[Sequence[Outgoing]], Awaitable[None]]
        self.policy: Resolved | None = plan.profiles
        self.mine: frozenset[int] = frozenset()
        self._came = asyncio.Event()
        self._passed: int | None = None
        self._counted = 0.0
        self._renewed: dict[int, str] = {}  # part -> the policy that its subjects are looked at by

    def use(self, plan: Plan) -> None:
        """Another plan is in force; where its policy is another, all profiles are looked at again."""
        self.policy = plan.profiles
        self._came.set()

    def assigned(self, partitions: Iterable[int]) -> None:
        """These partitions of `risk.alerts` are this worker's now."""
        self.mine, self._renewed = frozenset(partitions), {}
        self._came.set()

    def poke(self) -> None:
        """Contributions have come."""
        self._came.set()

    def pass_time(self, time: int) -> None:
        """The house's business date has come to here, ms."""
        self._passed = max(time, self._passed or 0)
        self._came.set()

    async def run(self) -> None:
        """Work, until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._came.wait(), LOOK)
            self._came.clear()
            try:
                await self.settle(rest=REST)
                heed_cancel()
                await asyncio.sleep(PACE)
            except (RedisError, OSError, TimeoutError) as exc:
                log.debug("profiles wait for Redis: %r", exc)
                await asyncio.sleep(WAIT)

    async def settle(self, *, rest: float = 0.0) -> None:
        """Bring all that is due up to date; after each step rest for so many times as long as it took."""
        clock = asyncio.get_running_loop().time
        policy = self.policy
        if policy is None:
            return
        if (passed := self._passed) is not None:
            await self.sink.pass_time(passed)
            if self._passed == passed:  # else a later one came meanwhile: it is due in the next round
                self._passed = None
        for part in sorted(self.mine):
            if self._renewed.get(part) != policy.version:
                await self.sink.renew(part, policy.version)
                self._renewed[part] = policy.version
            while part in self.mine:
                now, subjects = await self.sink.due(part, STEP)
                if not subjects:
                    break
                began = clock()
                await self._settle(policy, subjects, now)
                await asyncio.sleep(rest * (clock() - began))
        await self._count(policy)

    async def _settle(self, policy: Resolved, subjects: Sequence[str], now: int) -> None:
        states = await self.sink.read(subjects)
        await self._say([(state.subject, state.json, state.made) for state in states if state.unsaid])
        made = [renewed(policy, state, now) for state in states]
        stored = await self.sink.write(
            [
                (state, next_change(profile), policy.version, record, forgotten)
                for state, (profile, record, forgotten) in zip(states, made, strict=True)
            ]
        )
        said = []
        for state, (_, record, forgotten), accepted in zip(states, made, stored, strict=True):
            if not accepted:
                continue  # more has come meanwhile: it is due again
            self.metrics.add("risk_stream_profile_alerts_forgotten_total", len(forgotten))
            if record is not None:
                self.metrics.add("risk_stream_profile_changes_total", 1, record.kind)
                said.append((state.subject, msgspec.json.encode(record), state.stamp))
        await self._say(said)

    async def _say(self, said: Sequence[tuple[str, bytes, int]]) -> None:
        """Publish profiles that are stored: (subject, json, stamp of what it was made of)."""
        if said:
            await self.publish([Outgoing(self.topic, json, key=subject.encode()) for subject, json, _ in said])
            await self.sink.said(said)

    async def _count(self, policy: Resolved) -> None:
        """Say how many have each grade, if partition 0 is ours: one worker says it for all."""
        now = asyncio.get_running_loop().time()
        if 0 not in self.mine:
            self.metrics.forget("risk_stream_profiles")
        elif now - self._counted >= COUNT_EVERY:
            self._counted = now
            counted = await self.sink.count([name for name, _ in policy.policy.lines])
            self.metrics.replace("risk_stream_profiles", {labels: float(n) for labels, n in counted.items()})


def renewed(policy: Resolved, state: ProfileState, now: int) -> tuple[Profile, Record | None, list[str]]:
    """The profile that follows from a state, its record if it is worth saying, and alerts that are forgotten.

    It is as of the latest contribution, or of the time at which what was said last becomes another, where that is past.
    """
    kind, _, key = state.subject.partition(":")
    assert kind in {"customer", "group"}
    before = state.record
    latest = max((one.time for one in state.contributions), default=0)
    time = max(latest, 0 if before is None else before.as_of)
    is_as_made = state.made == state.stamp and state.policy == policy.version
    by_time = is_as_made and state.next is not None and state.next <= now
    if by_time and state.next is not None:
        time = max(time, state.next)
    profile = profile_of(policy, "group" if kind == "group" else "customer", key, state.contributions, time)
    changed = changes(before, profile, points=not by_time)
    record = record_of(profile, before, changed, time=now, group=state.group) if changed else None
    return profile, record, forgettable(policy, state.contributions, time) if kind == "customer" else []


def forgettable(policy: Resolved, contributions: Sequence[Contribution], time: int, most: int = MOST_KEPT) -> list[str]:
    """Alerts that nobody would miss: those that add and mark nothing any more, and of too many the smallest.

    Of too many those go first that are the smallest among very many of one rule.
    """
    kept: list[tuple[float, Contribution]] = []
    gone = []
    for one in contributions:
        adds = worth(policy, one)
        points = 0.0 if adds is None else left(*adds, max(0, time - one.time))
        lengths = [mark.length_ms for mark in policy.marks.get(one.rule, ())]
        lengths += [held.length_ms for held in policy.held.get(one.rule, ())]
        if points < LEAST and all(one.time + length <= time for length in lengths):
            gone.append(one.id)
        else:
            kept.append((points if one.stands else 0.0, one))
    if len(kept) <= most:
        return gone
    places: dict[str, int] = {}
    ranked = []
    for points, one in sorted(kept, key=lambda part: (-part[0], -part[1].time, part[1].id)):
        places[one.rule] = places.get(one.rule, 0) + 1
        ranked.append((places[one.rule], -points, one.id))
    return [*gone, *(alert for _, _, alert in sorted(ranked)[most:])]
