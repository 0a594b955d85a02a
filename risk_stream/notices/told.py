"""What each receiver was told: the fold of `risk.notices`."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field

from risk_stream.notices.notice import Again, Notice, Outcome, Record

__all__ = ["MOST_DEAD", "Tellings", "Told"]

#: Dead letters that are remembered; the log has the older ones.
MOST_DEAD = 10_000

#: Single notices that are remembered of a rule and receiver, to see a storm by.
MOST_RECENT = 100


@dataclass(slots=True)
class Told:
    """Of one thread, to one receiver."""

    count: int = 0
    number: int = 0
    at: int = 0
    severity: str = ""
    level: int = 0
    alerts: int = 0
    newest: int = 0
    life: str = ""
    rule: str = ""
    over: bool = False  # the storm is, or all was taken back
    cases: set[str] = field(default_factory=set)  # of a storm


class Tellings:
    """Of records in their order. `waiting` were planned and have no outcome: they are to be sent."""

    def __init__(self) -> None:
        self.threads: dict[tuple[str, str], Told] = {}
        self.covering: dict[tuple[str, str], str] = {}  # (receiver, case) -> the thread that tells of it
        self.recent: dict[tuple[str, str], deque[tuple[int, str]]] = defaultdict(lambda: deque(maxlen=MOST_RECENT))
        self.waiting: dict[str, Notice] = {}
        self.dead: dict[str, tuple[Notice, Outcome]] = {}

    def take(self, record: Record) -> Notice | None:
        """Take the next record; -> a dead notice that is to be sent once more."""
        if isinstance(record, Notice):
            if record.id not in self.waiting:
                self._planned(record)
            return None
        if isinstance(record, Again):
            known = self.dead.pop(record.id, None)
            if known is None:
                return None
            self.waiting[record.id] = known[0]
            return known[0]
        notice = self.waiting.pop(record.id, None)
        if notice is not None and record.became == "dead":
            self.dead[record.id] = notice, record
            while len(self.dead) > MOST_DEAD:
                del self.dead[next(iter(self.dead))]
        return None

    def told(self, receiver: str, thread: str) -> Told | None:
        """What was said of a thread; None: nothing."""
        return self.threads.get((receiver, thread))

    def forget_case(self, receiver: str, case: str) -> None:
        """A case that is at rest: what comes of it next is new."""
        thread = self.covering.pop((receiver, case), None)
        if thread is not None:
            told = self.threads.get((receiver, thread))
            if told is not None:
                told.cases.discard(case)

    def _planned(self, notice: Notice) -> None:
        self.waiting[notice.id] = notice
        if notice.step == "test":
            return
        told = self.threads.setdefault((notice.receiver, notice.thread), Told())
        told.count, told.number, told.at = notice.count, notice.number, notice.at
        told.severity, told.level, told.life = notice.severity, max(notice.level, told.level), notice.life
        told.alerts, told.newest, told.rule = notice.alerts, notice.newest, notice.rule or told.rule
        told.over = notice.step == "over" or (notice.step == "withdrawn" and not notice.open)
        if notice.step in {"new", "storm"}:
            told.level, told.cases = notice.level, set()
        if notice.step == "several":
            self._several(notice)
            return
        for part in notice.cases:
            self.covering[notice.receiver, part.case] = notice.thread
            if notice.thread.startswith("rule:"):
                told.cases.add(part.case)
            elif notice.step == "new":
                self.recent[notice.receiver, notice.rule].append((notice.at, part.case))

    def _several(self, notice: Notice) -> None:
        """Each of them is told of by a thread of its own from now on."""
        for part in notice.cases:
            thread = f"case:{part.case}"
            told = self.threads.setdefault((notice.receiver, thread), Told())
            told.count += 1
            told.number, told.at, told.severity, told.level = 1, notice.at, part.severity, part.level
            told.alerts, told.newest, told.life, told.over = part.alerts, notice.newest, "", False
            self.covering[notice.receiver, part.case] = thread
        for case in notice.ended:
            told = self.threads.setdefault((notice.receiver, f"case:{case}"), Told())
            told.over = True
