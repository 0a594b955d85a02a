"""Alerts that nobody has acknowledged for so long that the next level of people is told: when each is due."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from heapq import heapify, heappop, heappush

from risk_stream.alerts.life import Life, Silence
from risk_stream.alerts.policy import Policy
from risk_stream.alerts.room import Room
from risk_stream.alerts.silences import matches

__all__ = ["Escalations"]

#: How often one is looked at again that is silenced, ms.
AGAIN = 60_000

#: Entries of the heap above twice the lives that wait, from which on it is made anew.
SLACK = 1_000


class Escalations:
    """A function of the lives that are not closed, and of the policy; told of each change of a life. Time is ms."""

    def __init__(self, policy: Policy, lives: Mapping[str, Life]) -> None:
        self._policy, self._lives = policy, lives
        self._waiting: set[str] = set()
        self._heap: list[tuple[int, str]] = []
        for life in lives.values():
            self.note(life)

    def due_at(self, life: Life) -> int | None:
        """When a life goes one level higher by itself; None where it does not."""
        patience = self._policy.escalate_ms.get(life.severity)
        higher = life.level + 1 < self._policy.levels
        told = life.standing == "open" and life.asleep_until is None and not life.inhibited_by
        return (life.waits_since or life.since) + patience if patience and higher and told else None

    def note(self, life: Life) -> None:
        """A life is another one now, or is new."""
        due = self.due_at(life)
        if due is None:
            self._waiting.discard(life.id)
            return
        self._waiting.add(life.id)
        heappush(self._heap, (due, life.id))
        if len(self._heap) > 2 * len(self._waiting) + SLACK:
            dues = ((self.due_at(self._lives[id]), id) for id in self._waiting)
            self._heap[:] = [(at, id) for at, id in dues if at is not None]
            heapify(self._heap)

    def due(self, now: int, room: Room) -> list[Life]:
        """Those that are due by `now`, the earliest first; as many as `room` has, each once."""
        found: dict[str, Life] = {}
        while self._heap and self._heap[0][0] <= now:
            id = self._heap[0][1]
            life = self._lives.get(id)
            if life is not None and id not in found and (due := self.due_at(life)) is not None and due <= now:
                if not room.has(life):
                    break
                found[id] = life
            heappop(self._heap)
        return list(found.values())

    def put_off(self, life: Life, silences: Iterable[Silence], now: int) -> bool:
        """Whether one that is due is silenced, or was until a moment ago: people have its minutes from then on.

        It is looked at again; while it is silenced now and then, as a silence may be ended before its time.
        """
        over = max((one.ends for one in silences if one.begins <= now and matches(one, life, one.begins)), default=0)
        again = now + AGAIN if over > now else over + self._policy.escalate_ms[life.severity]
        if again <= now:
            return False
        heappush(self._heap, (again, life.id))
        return True
