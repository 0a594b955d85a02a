"""Decides what becomes of alerts among people: one input at a time, each answered by one entry of the log.

A pure function of its inputs and of the clock it is told, in the order in which it is told them. It says what it
decides as the record to be written, and has taken that already; one that begins anew takes the log's records instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from risk_stream.alerts.act import Act, Ruling
from risk_stream.alerts.entry import Cause, Entry
from risk_stream.alerts.escalations import Escalations
from risk_stream.alerts.inhibitions import Inhibitions
from risk_stream.alerts.life import Case, Life, Silence
from risk_stream.alerts.memory import Memory
from risk_stream.alerts.policy import KINDS, SEVERITIES, Policy
from risk_stream.alerts.room import Room
from risk_stream.alerts.silences import why_not
from risk_stream.alerts.standing import after, at_words

if TYPE_CHECKING:
    from risk_stream.engine import Alert

__all__ = ["Desk"]

#: Characters of a text of an alert that a life keeps: the alert has it whole.
LONGEST = 2_000


class Desk:
    """One at a time may write the log. `memory` is the fold of all entries, `last` the one said last; time is ms."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.memory = Memory(policy or Policy())
        self.last: Entry | None = None
        self._inhibitions: Inhibitions | None = None  # made when they are needed, of what is known then
        self._escalations: Escalations | None = None

    @property
    def policy(self) -> Policy:
        """How this house works its alerts."""
        return self.memory.policy

    def use(self, policy: Policy) -> None:
        """Another policy is in force."""
        self.memory.policy = policy
        self._inhibitions = self._escalations = None

    def hear(self, alert: Alert, cause: Cause, now: int) -> bytes | None:
        """What the engine says of an alert; None where it changes nothing: a shadow's, or one heard before."""
        if alert.mode != "live":
            return None
        newest = self._newest(alert.id)
        if newest is None:
            return self._said([self._begun(alert, now, None)], now, "alert", cause)
        if alert.revision <= newest.revision:
            return None
        if newest.standing == "closed" and newest.state == "withdrawn" and alert.status != "withdrawn":
            again = self._begun(alert, now, newest)
            told = _changed(newest, now, followed_by=again.id)
            return self._said([told, again], now, "alert", cause)
        return self._said([_revised(newest, alert, now)], now, "alert", cause)

    def act(self, act: Act, cause: Cause, now: int) -> bytes | None:
        """What somebody asks for; None where it was decided already: who sent it twice finds it in the log."""
        if act.id in self.memory.acts:
            return None
        rulings, lives, silences = self._ruled(act, now)
        return self._said(lives, now, "act", cause, act=act, rulings=rulings, silences=silences)

    def pass_time(self, now: int) -> bytes | None:
        """What time brings; None where nothing is due. Asked again at once, it does the next.

        Those wake whose sleep is over, those go a level higher whom nobody has acknowledged, and effects are marked as
        such, or free again.
        """
        asleep = self.memory.sleepers(now, Room(self.memory.cases))
        lives = [_changed(life, now, asleep_until=None, waits_since=now) for life in asleep]
        lives = lives or [_changed(life, now, level=life.level + 1, waits_since=now) for life in self._waited(now)]
        if not lives:
            settled = self._watch()[0].settle(Room(self.memory.cases))
            lives = [_changed(life, now, inhibited_by=cause, **_free(cause, now)) for life, cause in settled]
        return self._said(lives, now, "time", None) if lives else None

    def _watch(self) -> tuple[Inhibitions, Escalations]:
        if self._inhibitions is None or self._escalations is None:
            self._inhibitions = Inhibitions(self.policy, self.memory.lives)
            self._escalations = Escalations(self.policy, self.memory.lives)
        return self._inhibitions, self._escalations

    def _waited(self, now: int) -> list[Life]:
        """Those to whom the next level is called; not those that somebody silenced."""
        escalations, silences = self._watch()[1], self.memory.silences.values()
        due = escalations.due(now, Room(self.memory.cases))
        return [life for life in due if not escalations.put_off(life, silences, now)]

    # Acts

    def _ruled(self, act: Act, now: int) -> tuple[list[Ruling], list[Life], list[Silence]]:
        if not act.by or not act.id:
            return [_refused("an act says who does it and has an id: by, id")], [], []
        if act.act in {"propose", "approve"}:
            why = self.memory.approvals.why_not(act)
            return [_granted() if why is None else _refused(why)], [], []
        if act.act == "reveal":
            return [_granted()], [], []
        if act.act in {"silence", "unsilence"}:
            made = self._silence(act, now) if act.act == "silence" else self._unsilence(act, now)
            return ([_refused(made)], [], []) if isinstance(made, str) else ([_granted()], [], [made])
        asked = self._asked(act)
        if not asked:
            return [_refused(self._why_none(act))], [], []
        rulings, lives, room = [], [], Room(self.memory.cases, act)
        for taken, id in enumerate(asked):
            life = self._seen(id, act)
            changed = self._unknown(id) if life is None else after(life, act, now, self.policy)
            ruling = _refused(changed, id) if isinstance(changed, str) else _granted(id)
            if not room.has(changed if isinstance(changed, Life) else None, ruling):
                rest = len(asked) - taken
                rulings.append(_refused(f"{taken} were taken, and {rest:,} are left: ask again"))
                break
            rulings.append(ruling)
            if isinstance(changed, Life):
                lives.append(changed)
        return rulings, lives, []

    def _asked(self, act: Act) -> Sequence[str]:
        """The lives that an act is of."""
        ids = list(dict.fromkeys(act.alerts))
        if not ids and act.case is not None:
            ids = sorted(id for id in self.memory.members.get(act.case, ()) if self._seen(id, act) is not None)
        return ids

    def _seen(self, id: str, act: Act) -> Life | None:
        """A life that an act may be of: another entity's is not there for who has no right to it."""
        life = self.memory.lives.get(id)
        return life if life is not None and (act.entities is None or life.entity in act.entities) else None

    def _why_none(self, act: Act) -> str:
        if act.case is None:
            return f"{act.act} says of which alerts, or of which case: alerts, case"
        if act.case in self.memory.cases:
            return f"no alert of case {act.case} is open that you may work"
        return f"there is no case {act.case[:64]!r}: it never was, or is forgotten"

    def _unknown(self, id: str) -> str:
        days = self.policy.remember_ms / 86_400_000
        return f"there is no alert {id[:64]!r}: it was never raised, or closed more than {days:,.0f} days ago"

    def _silence(self, act: Act, now: int) -> Silence | str:
        if act.silence is None:
            return "a silence says what it silences: silence"
        why = why_not(act.silence, now, self.policy)
        entities = list(act.silence.entities)
        if why is None and act.entities is not None:  # who works some entities silences alerts of these alone
            foreign = sorted(set(entities) - set(act.entities))
            entities = entities or list(act.entities)
            if foreign or not entities:
                theirs = ", ".join(act.entities) or "no entity"
                why = f"you may silence alerts of {theirs} alone: {', '.join(foreign) or 'entities'}"
        begins = max(act.silence.begins, now)  # nobody was silent before
        return why or msgspec.structs.replace(act.silence, id=act.id, by=act.by, begins=begins, entities=entities)

    def _unsilence(self, act: Act, now: int) -> Silence | str:
        silence = self.memory.silences.get(act.subject)
        if silence is None or not _within(silence, act):
            return f"there is no silence {act.subject[:64]!r}: name one that is listed"
        if silence.ends <= now:
            who = f"by {silence.ended_by} " if silence.ended_by else ""
            return f"it was over {who}at {at_words(silence.ends)}"
        return msgspec.structs.replace(silence, ends=now, ended_by=act.by)

    # Lives

    def _newest(self, alert: str) -> Life | None:
        return self.memory.lives.get(self.memory.newest.get(alert, ""))

    def _begun(self, alert: Alert, now: int, before: Life | None) -> Life:
        known = {kind: _short(key) for kind in KINDS if (key := alert.keys.get(kind))}
        kind, key = next(((kind, known[kind]) for kind in self.policy.case_by if kind in known), ("rule", alert.rule))
        life = Life(
            id=alert.id if before is None else _next_id(before),
            alert=alert.id,
            case=self._case(kind, key, now),
            rule=alert.rule,
            stage=alert.stage,
            severity=alert.severity,
            owner=alert.owner,
            entity=_short(alert.entity),
            time=alert.time,
            summary=_short(alert.summary),
            event=_short(alert.event),
            keys={kind: key, **known},
            state=alert.status,
            revision=alert.revision,
            since=now,
            changed=now,
            follows=None if before is None else before.id,
        )
        if alert.status == "withdrawn":
            return _ended(life, now)
        cause = self._watch()[0].cause_of(life)
        return msgspec.structs.replace(life, inhibited_by=cause) if cause else life

    def _case(self, kind: str, key: str, now: int) -> str:
        """The case that goes on of a subject, or the name of a new one."""
        memory = self.memory
        case = memory.cases.get(memory.current.get((kind, key), ""))
        if case is not None and (case.open or now - case.last < self.policy.quiet_ms):
            return case.id
        return f"c{memory.number + 1}"

    # Entries

    def _said(
        self,
        lives: Sequence[Life],
        now: int,
        what: str,
        cause: Cause | None,
        *,
        act: Act | None = None,
        rulings: Sequence[Ruling] = (),
        silences: Sequence[Silence] = (),
    ) -> bytes:
        memory = self.memory
        entry = Entry(
            number=memory.number + 1,
            before=memory.before,
            time=now,
            what=what,  # type: ignore[arg-type]
            cause=cause,
            act=act,
            rulings=list(rulings),
            lives=list(lives),
            cases=self._cases(lives, now),
            silences=list(silences),
        )
        record = entry.to_json()
        self.last = memory.take(record)
        for life in self.last.lives:
            for watch in self._watch():
                watch.note(life)
        return record

    def _cases(self, lives: Iterable[Life], now: int) -> list[Case]:
        """The cases of lives that change, as they are then."""
        by_case: dict[str, list[Life]] = {}
        for life in lives:
            by_case.setdefault(life.case, []).append(life)
        return [self._case_after(id, changed, now) for id, changed in by_case.items()]

    def _case_after(self, id: str, lives: Sequence[Life], now: int) -> Case:
        memory = self.memory
        case, open_now = memory.cases.get(id), Counter(memory.open.get(id, {}))
        new = 0
        for life in lives:
            before = memory.lives.get(life.id)
            new += before is None
            if before is not None and before.standing != "closed":
                open_now[before.severity] -= 1
            if life.standing != "closed":
                open_now[life.severity] += 1
        if case is None:
            kind, key = next(iter(lives[0].keys.items()))
            case = Case(
                id=id,
                kind=kind,
                key=key,
                entity=lives[0].entity,
                severity=lives[0].severity,
                alerts=0,
                open=0,
                first=now,
                last=now,
            )
        last = lives[-1]
        severity = next((one for one in reversed(SEVERITIES) if open_now[one] > 0), case.severity)
        tells = not case.summary or (bool(new) and last.severity == severity)
        return msgspec.structs.replace(
            case,
            severity=severity,
            alerts=case.alerts + new,
            open=sum(open_now.values()),
            last=now if new else case.last,
            rules=[*case.rules, *sorted({life.rule for life in lives} - set(case.rules))],
            summary=last.summary if tells else case.summary,
        )


def _changed(life: Life, now: int, **change: object) -> Life:
    """A life that the system changes."""
    return msgspec.structs.replace(life, **change, version=life.version + 1, changed=now, by="")


def _free(cause: str, now: int) -> dict[str, int]:
    """What becomes of one that is inhibited no more: people have not waited with it until now."""
    return {} if cause else {"waits_since": now}


def _ended(life: Life, now: int) -> Life:
    """A life that nobody had touched when its alert was withdrawn."""
    return msgspec.structs.replace(life, standing="closed", disposition="withdrawn", closed=now, asleep_until=None)


def _revised(life: Life, alert: Alert, now: int) -> Life:
    """What a revision makes of a life; what people did stands."""
    revised = _changed(
        life,
        now,
        state=alert.status,
        revision=alert.revision,
        severity=alert.severity,
        entity=_short(alert.entity),
        summary=_short(alert.summary),
    )
    untouched = life.standing == "open" and not life.assignee
    return _ended(revised, now) if alert.status == "withdrawn" and untouched else revised


def _short(text: str) -> str:
    """A text of which an entry has room for as many as it needs."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _next_id(life: Life) -> str:
    """The name of the life after this one: a dash cannot be in an alert's id, which is hexadecimal."""
    number = int(life.id.rpartition("-")[2]) if "-" in life.id else 1
    return f"{life.alert}-{number + 1}"


def _within(silence: Silence, act: Act) -> bool:
    """Whether a silence is of entities alone whose alerts a person may work."""
    return act.entities is None or (bool(silence.entities) and set(silence.entities) <= set(act.entities))


def _granted(alert: str | None = None) -> Ruling:
    return Ruling(alert=alert, done=True)


def _refused(why: str, alert: str | None = None) -> Ruling:
    return Ruling(alert=alert, done=False, why=why)
