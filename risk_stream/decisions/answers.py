"""The answers that a log of decisions holds: of each application the first record, for ever; later ones change nothing.

Pure code: what is known is a function of the records of the log's partitions, each in its order. Who answers keeps
`Answers`; who looks after a partition keeps its `Verdicts`, and says where a later record has another verdict.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from heapq import heappop, heappush
from typing import NamedTuple

import msgspec

from risk_stream.decisions.record import Decision

__all__ = ["NO_ANSWER", "Answer", "Answers", "Difference", "Verdicts", "at_deadline", "partition_of", "read_decision"]

#: The reason of a decision that is made as the time is up.
NO_ANSWER = "no answer in time"

#: Below any revision that rules say: who judged nothing is behind all that do.
_UNJUDGED = -(1 << 62)

_decode = msgspec.json.Decoder(Decision).decode


def read_decision(value: bytes | None) -> Decision:
    """A record of the log. Raises ValueError, with a sentence, for what is none."""
    try:
        return _decode(value or b"")
    except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
        raise ValueError(str(exc)) from exc


def partition_of(application: str, partitions: int) -> int:
    """The partition of the log in which all records of an application are, whoever writes them."""
    return int.from_bytes(blake2b(application.encode(), digest_size=8).digest(), "big") % partitions


def at_deadline(application: str, event: Mapping[str, object], time_ms: int) -> Decision:
    """What is said of an application of which nothing was decided in time: an officer is to look at it."""

    request = event.get("request")
    return Decision(
        id=application,
        loan=str(event.get("loan") or ""),
        customer=str(event.get("customer") or ""),
        verdict="refer",
        reasons=[NO_ANSWER],
        table="",
        version="",
        plan="",
        time=time_ms,
        request=request if isinstance(request, str) else None,
        by="deadline",
    )


class Answer(NamedTuple):
    """The first record of an application: as it stands in the log, the hash of its request's body, and since when."""

    value: bytes
    request: str | None
    at: int  # when the broker got it, ms


class Answers:
    """Application id -> its answer; those that the broker got before a time may be forgotten, as the log does."""

    def __init__(self) -> None:
        self._held: dict[str, Answer] = {}
        self._ages: list[tuple[int, str]] = []  # a heap: partitions are read one before the other, not by age

    def __len__(self) -> int:
        return len(self._held)

    def get(self, application: str) -> Answer | None:
        """The answer; None where the log has none."""
        return self._held.get(application)

    def take(self, application: str, answer: Answer) -> bool:
        """A record of the log; -> whether it is the first of its application, and so the answer."""
        if self._held.setdefault(application, answer) is not answer:
            return False
        heappush(self._ages, (answer.at, application))
        return True

    def forget(self, before: int) -> int:
        """Forget what the broker got before a time, ms; -> how many."""
        gone = 0
        while self._ages and self._ages[0][0] < before:
            del self._held[heappop(self._ages)[1]]
            gone += 1
        return gone


class Difference(NamedTuple):
    """A record whose verdict is not the answer's, or one that agrees with it again after such a record."""

    answered: str  # the answer's verdict
    by: str  # who answered
    later: Decision
    agrees: bool


@dataclass(slots=True)
class _Known:
    verdict: str
    by: str
    at: int  # when the broker got the answer, ms
    revision: int  # the highest that rules have said
    differs: bool = False


@dataclass(slots=True)
class Verdicts:
    """Of one partition of the log: the verdict that was answered of each application, and whether the last differs."""

    _known: dict[str, _Known] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._known)

    def take(self, decision: Decision, at: int) -> Difference | None:
        """The next record, which the broker got at `at`, ms; -> what an officer is to hear of it, None for nothing.

        A deadline that comes second has judged nothing; what the engine says again after a restart is old, and so is
        what was recovered of an application that it has judged.
        """
        known = self._known.get(decision.id)
        if known is None:
            revision = _UNJUDGED if decision.by == "deadline" else decision.revision
            self._known[decision.id] = _Known(decision.verdict, decision.by, at, revision)
            return None
        if decision.by == "deadline" or decision.revision < known.revision:
            return None
        known.revision = decision.revision
        differs = decision.verdict != known.verdict
        if not differs and not known.differs:
            return None
        known.differs = differs
        return Difference(known.verdict, known.by, decision, not differs)

    def is_answer(self, decision: Decision) -> bool:
        """Whether the log has no record of the application yet, so that this one is the answer."""
        return decision.id not in self._known

    def forget(self, before: int) -> None:
        """Forget what the broker got before a time, ms."""
        while self._known:
            application = next(iter(self._known))
            if self._known[application].at >= before:
                break
            del self._known[application]
