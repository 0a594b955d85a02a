"""What stands at one moment: the life of an alert, the case it belongs to, a silence.

Times are ms since 1970 UTC. `time` of an alert is its event's; all else is the clock of the owner who decided.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

__all__ = ["Case", "Disposition", "Life", "Silence", "Standing"]

#: Where people are with an alert. Who has it, how far it was escalated and until when it sleeps stand beside it.
Standing: TypeAlias = Literal["open", "acknowledged", "closed"]

#: What a closed alert turned out to be; the last is given by the system alone, to one that nobody had touched.
Disposition: TypeAlias = Literal["confirmed", "false_alarm", "known", "other", "withdrawn"]


class Life(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An alert as people have it; the alert itself, with all that explains it, stands in `risk.alerts` as `alert`."""

    id: str  # the alert's; of one that was raised again after it was closed the alert's with -2, -3 behind it
    alert: str
    case: str
    rule: str
    stage: str
    severity: str
    owner: str  # of the rule
    entity: str
    time: int
    summary: str
    event: str = ""  # of which the alert is
    keys: dict[str, str] = {}  # those that cases and silences go by; none of them names a person by a number
    state: str = "raised"  # the engine's: raised, changed, withdrawn, recovered
    revision: int = 0
    standing: Standing = "open"
    version: int = 1  # counts the changes of this life; who acts says which one they saw
    since: int = 0  # when it was raised here
    changed: int = 0  # when this version came
    by: str = ""  # who made this version; "" is the system
    assignee: str = ""
    level: int = 0  # how often it was escalated
    waits_since: int = 0  # since when nobody has acted: raised (0), escalated, woken, reopened, let free of its cause
    asleep_until: int | None = None
    inhibited_by: str = ""  # the life that is its cause and not closed: nobody is told of this one meanwhile
    disposition: Disposition | None = None
    closed: int | None = None  # when, and by whom; "" is the system
    closed_by: str = ""
    comment: str = ""  # the last one
    follows: str | None = None  # the closed alert that this one is a raising again of
    followed_by: str | None = None


class Case(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Alerts that are one thing to a person: those of one subject, until it has been quiet for a while."""

    id: str
    kind: str  # the kind of key, or "rule" for alerts of no key
    key: str
    entity: str
    severity: str  # the highest of its alerts that are not closed; with none of these, what it was last
    alerts: int  # in all
    open: int  # of them not closed
    first: int  # when the first was raised here
    last: int
    rules: list[str] = []
    summary: str = ""  # of the most severe when it came, of them the newest


class Silence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Alerts of which nobody is told for a while; they are shown all the same. Empty lists match all."""

    id: str
    by: str
    reason: str
    begins: int
    ends: int
    rules: list[str] = []
    stages: list[str] = []
    severities: list[str] = []
    entities: list[str] = []
    keys: dict[str, str] = {}  # kind of key -> key
    ended_by: str = ""  # who ended it before its time
