"""One line of the log of lives: what was decided, why, and the hash of the line before.

`risk.life` has one partition and one writer at a time. Alerts are thousands of times rarer than events, and cases,
causes and storms go across all subjects: one owner sees them all. Entries are numbered from 1 without a gap; each
carries the SHA-256 of the record before it, as it lies in the log, so that none can be changed or left out unnoticed.
"""

from __future__ import annotations

import contextlib
from hashlib import sha256
from typing import Literal

import msgspec

from risk_stream.alerts.act import Act, Ruling
from risk_stream.alerts.life import Case, Life, Silence
from risk_stream.catalogue.formats import LIVES

__all__ = ["Cause", "Entry", "digest", "read_entry"]


class Cause(msgspec.Struct, frozen=True, array_like=True):
    """The record that an entry answers: an alert's or an act's. Entries without one were brought by time."""

    topic: str
    partition: int
    offset: int


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one input changed; lives, cases and silences stand here whole, as they are after it."""

    number: int
    before: str  # the digest of the entry before, "" of the first
    time: int  # when it was decided, ms
    what: Literal["alert", "act", "time"]
    cause: Cause | None = None
    act: Act | None = None
    rulings: list[Ruling] = []
    lives: list[Life] = []
    cases: list[Case] = []
    silences: list[Silence] = []
    v: int = LIVES.newest  # the format

    def to_json(self) -> bytes:
        """The record as it is written: one JSON object, members in the order above."""
        return msgspec.json.encode(self)


def digest(record: bytes) -> str:
    """The hash that the entry after this record carries: SHA-256, hexadecimal."""
    return sha256(record).hexdigest()


def read_entry(record: bytes) -> Entry:
    """An entry as it was written.

    Raises:
        msgspec.ValidationError, msgspec.DecodeError: it is none.
        LaterFormatError: a later release wrote it.
    """
    try:
        entry = _DECODER.decode(record)
    except msgspec.ValidationError:
        with contextlib.suppress(msgspec.ValidationError):
            LIVES.check(_FORMAT.decode(record).v)
        raise
    LIVES.check(entry.v)
    return entry


class _Format(msgspec.Struct, frozen=True):
    """Of an entry that cannot be read at least this."""

    v: int = 1


_DECODER, _FORMAT = msgspec.json.Decoder(Entry), msgspec.json.Decoder(_Format)
