"""What is said of a profile when it changes: the profile, which change it is, and what changed in words."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from risk_stream.profiles.profile import Profile, Reason

__all__ = ["Past", "Record", "changes", "in_words", "past_of", "record_of"]

#: Reasons that the history of changes names.
PAST_REASONS = 2


class Record(Profile, frozen=True, kw_only=True):
    """A profile as it is published: `revision` counts the changes of this customer or group from 1 on.

    It has the members of an event of the type `profile`, so that a house may have rules look at it.
    """

    id: str
    type: str = "profile"
    time: int  # that it was in the house when this was said, ms: as of when the profile is may be before
    entity: str = ""  # the one with the largest part of the score
    customer: str | None = None
    group: str | None = None
    revision: int
    was_grade: str | None = None
    was_score: float | None = None
    changed: list[str] = msgspec.field(default_factory=list)


class Past(msgspec.Struct, frozen=True):
    """One change in the history of a profile; `time` is as of when it is, ms."""

    revision: int
    time: int
    grade: str
    score: float
    labels: list[str]
    changed: list[str]
    why: list[str]


def changes(before: Profile | None, now: Profile, *, points: bool = True) -> list[str]:
    """What differs and is worth saying, in words: grade, labels and, where `points`, the score's whole points."""
    said = []
    was_labels = set() if before is None else set(before.names)
    if before is None:
        if now.score or now.labels or now.floors:
            said.append(f"grade {now.grade}, {now.score:.0f} points")
    else:
        if before.grade != now.grade:
            said.append(f"grade {before.grade} to {now.grade}")
        if points and int(before.score) != int(now.score):
            said.append(f"{before.score:.0f} to {now.score:.0f} points")
    said += [f"{name} stands" for name in now.names if name not in was_labels]
    said += [f"{name} has ended" for name in sorted(was_labels - set(now.names))]
    return said


def record_of(
    now: Profile, before: Record | None, changed: list[str], *, time: int = 0, group: str | None = None
) -> Record:
    """The next record of a profile, said at a time, ms; `group` is a customer's."""
    revision = 1 if before is None else before.revision + 1
    return Record(
        **msgspec.structs.asdict(now),
        id=f"{now.kind}:{now.key}:{revision}",
        time=max(time, now.as_of),
        entity=max(now.by_entity, key=lambda name: (now.by_entity[name], name), default=""),
        customer=now.key if now.kind == "customer" else None,
        group=now.key if now.kind == "group" else group,
        revision=revision,
        was_grade=None if before is None else before.grade,
        was_score=None if before is None else before.score,
        changed=changed,
    )


def past_of(record: Record) -> Past:
    """What the history keeps of a record."""
    why = [in_words(reason) for reason in record.reasons[:PAST_REASONS]]
    return Past(record.revision, record.as_of, record.grade, record.score, record.names, record.changed, why)


def in_words(reason: Reason) -> str:
    """A reason as a person reads it."""
    day = f"{datetime.fromtimestamp(reason.time / 1000, UTC):%Y-%m-%d}"
    points = min(reason.points, reason.most)
    many = "" if reason.alerts == 1 else f", {reason.alerts:,} alerts"
    said = f": {reason.summary}" if reason.summary else ""
    return f"{points:.1f} points for {reason.rule} ({reason.stage}, {reason.severity}, {day}{many}){said}"
