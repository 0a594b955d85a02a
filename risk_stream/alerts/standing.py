"""What an act makes of a life, and why it cannot be: the table of all transitions, one function each.

| act | of one that is | makes it |
|---|---|---|
| acknowledge | open | acknowledged; who did it has it, where nobody had |
| assign | open, acknowledged | somebody's: `to` |
| escalate | open, acknowledged | one level higher, and `to`'s where that is said |
| snooze | open, acknowledged | asleep until `until` |
| wake | asleep | awake |
| close | open, acknowledged | closed, with a disposition |
| reopen | closed by somebody | open |
| comment | any | the same, with the comment |
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeAlias

import msgspec

from risk_stream.alerts.act import DISPOSITIONS, Act
from risk_stream.alerts.life import Life
from risk_stream.alerts.policy import Policy
from risk_stream.catalogue import did_you_mean

__all__ = ["after", "at_words", "outcome_words"]

#: A life that is changed, or the sentence that says why it is not.
Change: TypeAlias = "dict[str, Any] | str"


def at_words(ms: int) -> str:
    """A time in a sentence: to the minute, UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def outcome_words(life: Life) -> str:
    """How a closed life ended: `closed as false alarm by wang at 2026-03-04 10:42 UTC`."""
    what = (life.disposition or "other").replace("_", " ")
    return f"closed as {what}{f' by {life.closed_by}' if life.closed_by else ''} at {at_words(life.closed or 0)}"


def after(life: Life, act: Act, now: int, policy: Policy) -> Life | str:
    """The life after an act at `now`, ms; a sentence where it cannot be done: who was first, or what to do instead."""
    seen = act.expected.get(life.id)
    if seen is not None and seen != life.version and act.act != "comment":
        stands = outcome_words(life) if life.standing == "closed" else f"{life.standing} now"
        who = life.by or "the system"
        return f"{who} was first, at {at_words(life.changed)}: it is {stands}; look at it again"
    change = _ACTS[act.act](life, act, now, policy)
    if isinstance(change, str):
        return change
    if act.comment:
        change["comment"] = act.comment
    return msgspec.structs.replace(life, **change, version=life.version + 1, changed=now, by=act.by)


def _acknowledge(life: Life, act: Act, _: int, __: Policy) -> Change:
    if life.standing == "closed":
        return _is_closed(life)
    if life.standing == "acknowledged":
        return f"{life.assignee or 'somebody'} has acknowledged it already: assign it to have it go to another"
    return {"standing": "acknowledged", "assignee": life.assignee or act.by, "asleep_until": None}


def _assign(life: Life, act: Act, _: int, __: Policy) -> Change:
    if life.standing == "closed":
        return _is_closed(life)
    if not act.to:
        return "assign says to whom: to"
    if act.to == life.assignee:
        return f"{act.to} has it already"
    return {"assignee": act.to}


def _escalate(life: Life, act: Act, now: int, _: Policy) -> Change:
    if life.standing == "closed":
        return _is_closed(life)
    return {"level": life.level + 1, "assignee": act.to or life.assignee, "asleep_until": None, "waits_since": now}


def _snooze(life: Life, act: Act, now: int, policy: Policy) -> Change:
    if life.standing == "closed":
        return _is_closed(life)
    if act.until is None or act.until <= now:
        return "snooze says until when, a time that is to come: until"
    if act.until > now + policy.longest_snooze_ms:
        return f"an alert may sleep until {at_words(now + policy.longest_snooze_ms)} at most"
    return {"asleep_until": act.until}


def _wake(life: Life, _: Act, now: int, __: Policy) -> Change:
    return {"asleep_until": None, "waits_since": now} if life.asleep_until is not None else "it is not asleep"


def _close(life: Life, act: Act, now: int, _: Policy) -> Change:
    if life.standing == "closed":
        return _is_closed(life)
    if act.disposition not in DISPOSITIONS:
        meant = did_you_mean(act.disposition or "", DISPOSITIONS) or f": say {', '.join(DISPOSITIONS)}"
        return f"'{act.disposition or ''}' is no disposition{meant}"
    done = {"closed": now, "closed_by": act.by}
    return {"standing": "closed", "disposition": act.disposition, "asleep_until": None, **done}


def _reopen(life: Life, _: Act, now: int, __: Policy) -> Change:
    if life.standing != "closed":
        return f"it is {life.standing}, not closed"
    if life.followed_by is not None:
        return f"it was raised again as {life.followed_by}: work that one"
    if life.state == "withdrawn":
        return "it does not hold any more, a late event had it withdrawn: there is nothing to open"
    again = {"standing": "open", "disposition": None, "waits_since": now}
    return {**again, "assignee": "", "closed": None, "closed_by": ""}


def _comment(_: Life, act: Act, __: int, ___: Policy) -> Change:
    return {} if act.comment.strip() else "a comment says something: comment"


def _is_closed(life: Life) -> str:
    return f"it was {outcome_words(life)}: reopen it to change that"


_ACTS: dict[str, Callable[[Life, Act, int, Policy], Change]] = {
    "acknowledge": _acknowledge,
    "assign": _assign,
    "escalate": _escalate,
    "snooze": _snooze,
    "wake": _wake,
    "close": _close,
    "reopen": _reopen,
    "comment": _comment,
}
