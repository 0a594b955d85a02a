"""What a person asks for (a record of `risk.actions`), and what the owner answers for each alert."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import msgspec

from risk_stream.alerts.life import Disposition, Silence

__all__ = ["ACTS", "DISPOSITIONS", "MOST_ACT_BYTES", "Act", "Kind", "Ruling"]

Kind: TypeAlias = Literal[
    "acknowledge",
    "assign",
    "escalate",
    "snooze",
    "wake",
    "close",
    "reopen",
    "comment",
    "silence",
    "unsilence",
    "propose",  # a plan, where rules are changed by four eyes
    "approve",
    "reveal",  # personal data was shown unmasked
]

ACTS: tuple[str, ...] = get_args(Kind)

#: What people may close an alert as.
DISPOSITIONS: tuple[str, ...] = tuple(name for name in get_args(Disposition) if name != "withdrawn")

#: Bytes of an act as JSON: the entry that answers it has it whole, and its text again in what it changes.
MOST_ACT_BYTES = 300_000


class Act(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One wish of one person. The same `id` is the same act, however often it is sent.

    Who they are and what they may do is put in by who sends it (the console, the commands), not by themselves.
    """

    id: str
    act: Kind
    by: str
    at: int  # the clock of who sent it, ms; shown, never decided by
    entities: list[str] | None = None  # the legal entities whose alerts this person may work; None: all
    alerts: list[str] = []
    case: str | None = None  # instead of alerts: all of the case that are not closed
    expected: dict[str, int] = {}  # alert -> the version its page showed; one that is not named is taken as it stands
    to: str | None = None  # assign, escalate
    until: int | None = None  # snooze
    disposition: str | None = None  # close
    comment: str = ""
    silence: Silence | None = None
    subject: str = ""  # unsilence: the silence; propose, approve: the plan's hash; reveal: what was seen


class Ruling(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of an act, for one alert of it or, where it is of none, as a whole."""

    alert: str | None = None
    done: bool
    why: str = ""  # of one that was refused: a sentence that says who was first, or what to do
