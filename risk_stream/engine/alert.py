"""What is said of an event: an alert, how it is named, and how what was said of it later is folded."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Literal, TypeAlias

import msgspec

from risk_stream.rules import AtMost

__all__ = ["REVISION_BITS", "Alert", "Status", "alert_id", "final", "revision_of"]

#: What became of an alert: it is said for the first time, said with other values, or taken back; or its event came too
#: late to be judged with the others and was judged afterwards.
Status: TypeAlias = Literal["raised", "changed", "withdrawn", "recovered"]

#: Bits of a revision that hold the offset; above them stands the place of the hop in the order of kinds. So both fit
#: into the 53 bits that a number has in JSON, and an alert whose rule moved on to a later hop goes on rising.
REVISION_BITS = 47


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that fired on an event, with all that explains it. Money in major units, times in ms since 1970 UTC."""

    id: str
    revision: int = 0  # of what is said under this id the highest holds, not the last to arrive
    status: Status = "raised"
    rule: str
    rule_version: str
    plan: str
    hop: str  # the kind of key that judged
    stage: str
    severity: str
    score: float
    action: str
    owner: str
    mode: str
    at_most: AtMost | None = None  # how many of its rule are shown of one key; None: all
    entity: str
    channel: str
    time: int  # of the event; of a rule that judges later, when it was due
    event_time: int | None = None  # of a rule that judges later: the event's
    type: str
    event: str
    keys: dict[str, str]
    features: dict[str, float | int | str | bool | None]
    was: dict[str, float | int | str | bool | None] | None = None  # the features before this revision; None at first
    inexact: list[str]  # features whose value is a bound: rows behind a cap are gone, or were never seen
    warming: list[str] = []  # those of them that a change of rules brought, until their window was seen whole
    summary: str
    why: str

    @property
    def revises(self) -> bool:
        """Whether a late event had it said: it stands for another judgement of its event, not for the first."""
        return self.status != "raised" or self.was is not None

    def to_json(self) -> bytes:
        """One JSON object, members in the order above."""
        return msgspec.json.encode(self)


def alert_id(rule: str, event: str) -> str:
    """The name of what `rule` says of `event`: the same whoever says it, whichever version of the rule it is."""
    return blake2b(f"{rule}\0{event}".encode(), digest_size=10).hexdigest()


def revision_of(hop: int, offset: int) -> int:
    """The revision that a block at an offset of a hop's log brings; `hop` is the place of its kind in hop order."""
    return hop << REVISION_BITS | offset


def final(alerts: Iterable[Alert]) -> list[Alert]:
    """What holds of all that was said, in whatever order: of each id the highest revision, unless it is withdrawn.

    They stand in the order in which their ids came first.
    """
    held: dict[str, Alert] = {}
    for alert in alerts:
        before = held.get(alert.id)
        if before is None or alert.revision > before.revision:
            held[alert.id] = alert
    return [alert for alert in held.values() if alert.status != "withdrawn"]
