"""What the desk has written, as far as pages show it beside alerts: cases, silences, approvals, and who did what.

A fold of the entries of `risk.life`, as `alerts.Memory` is, without the lives: those stand in the index.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict

from risk_stream.access import Scope
from risk_stream.alerts import Approvals, Case, Entry, Silence

__all__ = ["DeskView"]

#: Lives whose acts can be told, those that changed last; cases that are over and silences that ended, the newest.
TRAILS, CASES, SILENCES = 200_000, 50_000, 1_000


class DeskView:
    """`take` each entry with its offset in the log."""

    def __init__(self) -> None:
        self.number, self.now = 0, 0
        self.cases: OrderedDict[str, Case] = OrderedDict()  # the one that changed last stands last
        self.going_on: OrderedDict[str, Case] = OrderedDict()  # those of them that have open alerts
        self.silences: OrderedDict[str, Silence] = OrderedDict()
        self.approvals = Approvals()
        self.told: dict[str, str] = {}  # case -> the life whose sentence is the case's
        self._over: OrderedDict[str, None] = OrderedDict()  # cases that have none
        self._trails: OrderedDict[str, array[int]] = OrderedDict()

    def take(self, entry: Entry, offset: int) -> None:
        """Take one."""
        self.number, self.now = entry.number, max(self.now, entry.time)
        for case in entry.cases:
            self._keep(case)
        for life in entry.lives:
            known = self.cases.get(life.case)
            if known is not None and known.summary == life.summary:
                self.told[life.case] = life.id
            self._went(life.id, offset)
        for silence in entry.silences:
            self.silences[silence.id] = silence
            self.silences.move_to_end(silence.id)
        self.approvals.apply(entry)
        self._bound()

    def trail(self, life: str) -> tuple[int, ...]:
        """The offsets of the entries that changed a life, oldest first; of one that changed long ago nothing."""
        return tuple(self._trails.get(life, ()))

    def seen_cases(self, scope: Scope, *, over: bool = True) -> list[Case]:
        """Those that may be seen, the one that changed last first; without those that are over, if so asked."""
        return [case for case in reversed((self.cases if over else self.going_on).values()) if scope.sees(case.entity)]

    def seen_case(self, id: str, scope: Scope) -> Case | None:
        """A case that may be seen; None where there is none."""
        case = self.cases.get(id)
        return case if case is not None and scope.sees(case.entity) else None

    def seen_silences(self, scope: Scope) -> list[Silence]:
        """Those that may be seen: one that names entities only with a right to one of them."""
        return [one for one in self.silences.values() if not one.entities or any(map(scope.sees, one.entities))]

    def active(self, now: int, scope: Scope) -> list[Silence]:
        """The silences that may be seen and keep people from being told at `now`, ms."""
        return [silence for silence in self.seen_silences(scope) if silence.begins <= now < silence.ends]

    def _keep(self, case: Case) -> None:
        self.cases[case.id] = case
        self.cases.move_to_end(case.id)
        if case.open:
            self._over.pop(case.id, None)
            self.going_on[case.id] = case
            self.going_on.move_to_end(case.id)
        else:
            self.going_on.pop(case.id, None)
            self._over[case.id] = None
            self._over.move_to_end(case.id)

    def _went(self, life: str, offset: int) -> None:
        trail = self._trails.get(life)
        if trail is None:
            trail = self._trails[life] = array("q")
        trail.append(offset)
        self._trails.move_to_end(life)

    def _bound(self) -> None:
        while len(self._trails) > TRAILS:
            self._trails.popitem(last=False)
        while len(self.cases) > CASES and self._over:
            id, _ = self._over.popitem(last=False)
            del self.cases[id]
            self.told.pop(id, None)
        while len(self.silences) > SILENCES:
            ended = next((id for id, one in self.silences.items() if one.ends <= self.now), None)
            if ended is None:
                return
            del self.silences[ended]
