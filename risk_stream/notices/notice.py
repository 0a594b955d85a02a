"""A notice: what somebody is told at one step, and what became of it; both are records of `risk.notices`.

A notice is written down before it is sent, and what became of it after: who takes over sends what was planned and of
which nothing more is known. So each is sent at least once, and twice only where nobody heard the receiver's answer.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Literal, TypeAlias

import msgspec

__all__ = ["Again", "Became", "Notice", "Outcome", "Part", "Record", "Step", "notice_id", "read_record"]

#: Why somebody is told, each once in a message's title.
Step: TypeAlias = Literal[
    "new",  # the first of a case
    "several",  # the first of many cases: a digest, the end of quiet hours, a burst
    "storm",  # many cases of one rule
    "more",  # of a case or a storm, at growing intervals
    "worse",  # its severity rose
    "again",  # nobody has acknowledged it, and it comes to this receiver at a higher level too
    "withdrawn",  # what was told is taken back
    "over",  # a storm has ended
    "customer",  # to a customer, from a template
    "test",  # risk-stream notices try
]

#: `dead`: given up, and kept for somebody to look at.
Became: TypeAlias = Literal["sent", "dead"]


class Part(msgspec.Struct, frozen=True, array_like=True):
    """A case in a notice, as it was then."""

    case: str
    alerts: int
    severity: str
    level: int


class Notice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="record", tag="planned"):
    """What one receiver is told. `text` is what leaves the house: masked, or sealed to the receiver's key."""

    id: str
    receiver: str
    thread: str  # case:ID, rule:ID, digest, customer:TEMPLATE:ALERT
    step: Step
    count: int  # of all notices of this thread to this receiver, from 1
    number: int = 1  # since the thread was last at rest: intervals grow with it
    at: int = 0  # when it was planned, ms
    severity: str = ""
    level: int = 0  # how far it was escalated
    rule: str = ""
    cases: list[Part] = []  # those told of for the first time, or by another thread until now
    ended: list[str] = []  # cases told of before, of which all was withdrawn
    alerts: int = 0  # that have come in all of its cases, as it was planned
    open: int = 0
    newest: int = 0  # when the newest of them came, ms
    life: str = ""  # the alert that heads it
    title: str = ""
    text: str = ""
    sealed: bool = False
    revealed: bool = False  # sealed, with personal data as they are


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="record", tag="outcome"):
    """What became of a notice."""

    id: str
    became: Became
    at: int
    attempts: int = 1
    unsure: bool = False  # an attempt before had no answer: the receiver may have it twice, under the same id
    why: str = ""


class Again(msgspec.Struct, frozen=True, kw_only=True, tag_field="record", tag="again"):
    """Somebody wants a dead notice to be sent once more."""

    id: str
    by: str
    at: int


#: Anything that stands in `risk.notices`.
Record: TypeAlias = Notice | Outcome | Again


def notice_id(receiver: str, thread: str, count: int, at: int) -> str:
    """The name of one step of a thread, planned at a time: hexadecimal; it stays, however often it is sent."""
    return blake2b(f"{receiver}\0{thread}\0{count}\0{at}".encode(), digest_size=12).hexdigest()


def read_record(value: bytes) -> Record:
    """A record as it was written. Raises `msgspec.ValidationError` or `msgspec.DecodeError` for what is none."""
    return _DECODER.decode(value)


_DECODER: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)
