"""What a desk remembers: the fold of its entries, bounded by how long closed things are kept."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from heapq import heappop, heappush

from risk_stream.alerts.approvals import Approvals
from risk_stream.alerts.entry import Entry, digest, read_entry
from risk_stream.alerts.life import Case, Life, Silence
from risk_stream.alerts.policy import Policy
from risk_stream.alerts.room import Room
from risk_stream.alerts.tally import Tally

__all__ = ["Memory"]


class Memory:
    """A function of the entries taken, in their order: whoever takes the same has the same."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.number, self.before, self.now = 0, "", 0
        self.lives: dict[str, Life] = {}
        self.cases: dict[str, Case] = {}
        self.silences: dict[str, Silence] = {}
        self.approvals = Approvals()
        self.acts: set[str] = set()
        self.newest: dict[str, str] = {}  # alert -> the life that stands for it now
        self.places: dict[tuple[str, int], int] = {}  # (topic, partition) of inputs -> the offset after the last
        self.current: dict[tuple[str, str], str] = {}  # kind and key of a case -> the case that is going on
        self.open: dict[str, Counter[str]] = defaultdict(Counter)  # case -> its lives that are not closed, by severity
        self.members: dict[str, set[str]] = defaultdict(set)  # case -> those lives
        self.tally = Tally()
        self._kept: Counter[str] = Counter()  # case -> lives of it that are remembered
        self._closed: deque[tuple[int, str]] = deque()
        self._acted: deque[tuple[int, str]] = deque()
        self._asleep: list[tuple[int, str]] = []

    def take(self, record: bytes) -> Entry:
        """Take an entry as it stands in the log. Raises `msgspec.ValidationError` or `msgspec.DecodeError`."""
        entry = read_entry(record)
        self.number, self.before = entry.number, digest(record)
        self.now = max(self.now, entry.time)
        if entry.cause is not None:
            topic, partition, offset = entry.cause.topic, entry.cause.partition, entry.cause.offset
            self.places[topic, partition] = offset + 1
        for life in entry.lives:
            self._keep(life)
        for case in entry.cases:
            going_on = self.cases.get(self.current.get((case.kind, case.key), ""))
            self.cases[case.id] = case
            if going_on is None or case.first >= going_on.first:  # not an older one that somebody opened again
                self.current[case.kind, case.key] = case.id
        self.silences |= {silence.id: silence for silence in entry.silences}
        self.approvals.apply(entry)
        if entry.act is not None:
            self.acts.add(entry.act.id)
            self._acted.append((entry.time, entry.act.id))
        self._forget(self.now - self.policy.remember_ms)
        return entry

    @property
    def dispositions(self) -> dict[str, Counter[str]]:
        """How people closed the alerts of each rule, since the log began."""
        return self.tally.dispositions

    @property
    def due(self) -> int | None:
        """When the next sleeper wakes, ms; None where none sleeps."""
        while self._asleep and not self._still(*self._asleep[0]):
            heappop(self._asleep)
        return self._asleep[0][0] if self._asleep else None

    def sleepers(self, now: int, room: Room) -> list[Life]:
        """Those that are to wake by `now`, ms, the earliest first; as many as `room` has. Each is given once."""
        found: dict[str, Life] = {}
        while (due := self.due) is not None and due <= now:
            id = self._asleep[0][1]
            if id not in found and not room.has(self.lives[id]):
                break
            heappop(self._asleep)
            found[id] = self.lives[id]
        return list(found.values())

    def _still(self, until: int, id: str) -> bool:
        life = self.lives.get(id)
        return life is not None and life.asleep_until == until

    def _keep(self, life: Life) -> None:
        before = self.lives.get(life.id)
        self.lives[life.id], self.newest[life.alert] = life, life.id
        if life.followed_by is not None:
            self.newest[life.alert] = life.followed_by
        if before is None:
            self._kept[life.case] += 1
        elif before.standing != "closed":
            self.open[before.case][before.severity] -= 1
        if life.standing != "closed":
            self.open[life.case][life.severity] += 1
            self.members[life.case].add(life.id)
        else:
            self.members[life.case].discard(life.id)
            if not self.members[life.case]:
                del self.members[life.case]
            self._closed.append((life.closed or 0, life.id))
        if life.asleep_until is not None:
            heappush(self._asleep, (life.asleep_until, life.id))
        self.tally.change(before, life)

    def _forget(self, until: int) -> None:
        """Let go what ended by a time, ms."""
        while self._closed and self._closed[0][0] <= until:
            at, id = self._closed.popleft()
            life = self.lives.get(id)
            if life is not None and life.closed == at:
                self._let_go(life)
        while self._acted and self._acted[0][0] <= until:
            self.acts.discard(self._acted.popleft()[1])
        for id in [id for id, silence in self.silences.items() if silence.ends <= until]:
            del self.silences[id]

    def _let_go(self, life: Life) -> None:
        del self.lives[life.id]
        if self.newest.get(life.alert) == life.id:
            del self.newest[life.alert]
        self._kept[life.case] -= 1
        if self._kept[life.case] == 0:
            case = self.cases.pop(life.case, None)
            for gone in (self._kept, self.open, self.members):
                gone.pop(life.case, None)
            if case is not None and self.current.get((case.kind, case.key)) == case.id:
                del self.current[case.kind, case.key]
