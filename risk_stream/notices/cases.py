"""What stands in `risk.life`, as far as people may have to be told: open alerts by case, silences, what was ended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from risk_stream.alerts import SEVERITIES, Cause, Entry, Life, Silence, matches
from risk_stream.notices.receivers import Receiver

__all__ = ["CaseFacts", "Cases", "Sight", "look"]

RANK = {severity: rank for rank, severity in enumerate(SEVERITIES)}

#: Of an alert that was closed longer ago than this nobody is told any more, ms.
NEWS_MS = 7 * 86_400_000

#: Alerts whose records are remembered, for the sentence in a notice.
MOST_CAUSES = 50_000


@dataclass(slots=True)
class CaseFacts:
    """One case. Closed lives are counted and let go; of those that were just closed the last few stay as `closed`."""

    id: str
    alerts: int = 0  # in all
    newest: int = 0  # when the newest came, ms
    open: dict[str, Life] = field(default_factory=dict)
    since: dict[str, int] = field(default_factory=dict)  # when each came, woke, was opened again or let free, ms
    emptied: int = 0  # when it had none open last, ms; 0: not yet
    withdrawn: int = 0  # of those closed since it was opened last: by the system, as withdrawn
    worked: int = 0  # by people
    last: Life | None = None  # of those that were closed, the last
    retracted: dict[str, Life] = field(default_factory=dict)  # withdrawn ones, the last ten
    confirmed: dict[str, Life] = field(default_factory=dict)  # closed as confirmed, the last ten


@dataclass(slots=True)
class Sight:
    """What a receiver sees of a case, or of many as one."""

    cases: int = 0
    alerts: int = 0
    open: int = 0
    waiting: int = 0  # open, awake, taken by nobody
    silenced: int = 0
    severity: str = ""  # the highest of those that are not silenced
    urgent: str = ""  # of those that wait
    since: int = 0  # when the first of those that wait came, ms
    newest: int = 0
    level: int = 0  # how far people have escalated it
    head: Life | None = None  # the most severe, of them the newest
    silence: Silence | None = None

    def add(self, other: Sight) -> None:
        """Take in another case."""
        self.since = min(filter(None, (self.since, other.since)), default=0)
        for name in ("cases", "alerts", "open", "waiting", "silenced"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        if other.head is not None and (self.head is None or _weight(other.head) > _weight(self.head)):
            self.head = other.head
        self.severity = max(self.severity, other.severity, key=_rank)
        self.urgent = max(self.urgent, other.urgent, key=_rank)
        self.newest, self.level = max(self.newest, other.newest), max(self.level, other.level)
        self.silence = self.silence or other.silence


class Cases:
    """A fold of entries: the same entries make the same. Bounded by what is open, and by what was closed lately."""

    def __init__(self) -> None:
        self.cases: dict[str, CaseFacts] = {}
        self.silences: dict[str, Silence] = {}
        self.causes: dict[str, Cause] = {}  # alert -> where its newest record stands
        self.number = 0
        self.now = 0

    def take(self, entry: Entry) -> set[str]:
        """Take the next entry; -> the cases that changed. A silence may change any: then those it matches."""
        self.number, self.now = entry.number, max(self.now, entry.time)
        touched = set()
        for life in entry.lives:
            self._take(life, entry)
            touched.add(life.case)
        for silence in entry.silences:
            self.silences[silence.id] = silence
            touched |= {one.id for one in self.cases.values() if any(_of(silence, life) for life in one.open.values())}
        return touched

    def forget(self, keep: Iterable[str]) -> None:
        """Let go of cases without open alerts, of which nobody was told and nothing is news; and of old silences."""
        kept = set(keep)
        for case in list(self.cases.values()):
            if not case.open and case.id not in kept and case.emptied < self.now - NEWS_MS:
                del self.cases[case.id]
        for silence in list(self.silences.values()):
            if silence.ends < self.now:
                del self.silences[silence.id]

    def _take(self, life: Life, entry: Entry) -> None:
        case = self.cases.setdefault(life.case, CaseFacts(life.case))
        before = case.open.get(life.id)
        if life.version == 1:
            case.alerts += 1
            case.newest = max(case.newest, life.since)
        if entry.what == "alert" and entry.cause is not None:
            self.causes.pop(life.alert, None)
            self.causes[life.alert] = entry.cause
            while len(self.causes) > MOST_CAUSES:
                del self.causes[next(iter(self.causes))]
        if life.standing != "closed":
            if not case.open:
                case.withdrawn = case.worked = 0
            if before is None:
                case.since[life.id] = life.since if life.version == 1 else entry.time
            elif (before.asleep_until is not None and life.asleep_until is None) or (
                before.inhibited_by and not life.inhibited_by
            ):
                case.since[life.id] = entry.time
            case.open[life.id] = life
            case.retracted.pop(life.id, None)
            case.confirmed.pop(life.id, None)
            return
        case.open.pop(life.id, None)
        case.since.pop(life.id, None)
        _ended(case, life)
        if not case.open:
            case.emptied = life.closed or entry.time


def look(case: CaseFacts, receiver: Receiver, silences: Iterable[Silence], now: int) -> Sight:
    """What a receiver sees of a case at a time, ms."""
    sight = Sight(cases=1, alerts=case.alerts, newest=case.newest)
    active = [one for one in silences if one.begins <= now]
    everything = receiver.entities is None and receiver.stages is None
    for life in case.open.values():
        if not everything and not receiver.hears(life):
            continue
        sight.open += 1
        if life.inhibited_by:  # of its cause people are told
            continue
        since = case.since[life.id]
        if active:
            over = [one.ends for one in active if _of(one, life)]
            if over and max(over) > now:
                sight.silenced += 1
                sight.silence = next(one for one in active if _of(one, life) and one.ends > now)
                continue
            since = max([since, *over])
        if sight.head is None or _weight(life) > _weight(sight.head):
            sight.head = life
        if RANK[life.severity] > _rank(sight.severity):
            sight.severity = life.severity
        if life.standing == "open" and life.asleep_until is None:
            sight.waiting += 1
            sight.level = max(sight.level, life.level)
            if RANK[life.severity] > _rank(sight.urgent):
                sight.urgent = life.severity
            sight.since = min(sight.since or since, since)
    return sight


def _ended(case: CaseFacts, life: Life) -> None:
    case.last = life
    if life.disposition == "withdrawn":
        case.withdrawn += 1
        _keep(case.retracted, life)
        return
    case.worked += 1
    if life.disposition == "confirmed":
        _keep(case.confirmed, life)


def _keep(lives: dict[str, Life], life: Life, most: int = 10) -> None:
    lives.pop(life.id, None)
    lives[life.id] = life
    while len(lives) > most:
        del lives[next(iter(lives))]


def _of(silence: Silence, life: Life) -> bool:
    """Whether it is of that life, whenever."""
    return matches(silence, life, silence.begins)


def _rank(severity: str) -> int:
    return RANK.get(severity, -1)


def _weight(life: Life) -> tuple[int, int, str]:
    return RANK[life.severity], life.since, life.id
