"""The profile of a customer or a group, as of a time, from what its alerts contribute."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

from risk_stream.profiles.policy import Resolved

__all__ = [
    "KINDS",
    "MOST_REASONS",
    "Contribution",
    "Floor",
    "Label",
    "Profile",
    "Reason",
    "Rest",
    "graded",
    "left",
    "profile_of",
    "total",
    "worth",
]

Kind: TypeAlias = Literal["customer", "group"]

#: Whose profile it may be.
KINDS = ("customer", "group")

#: Reasons that a profile holds one by one, the largest; what others add is summed by half-life.
MOST_REASONS = 50

#: Reasons, the largest, that say the sentence of an alert: nobody reads on, and records stay small.
IN_WORDS = 5

#: Points are said with so many decimals; grades are taken before.
DECIMALS = 2


class Contribution(msgspec.Struct, frozen=True, array_like=True):
    """What is kept of an alert, by its highest revision. `time` is the alert's, in ms since 1970 UTC."""

    id: str
    revision: int
    stands: bool  # False: a late event took it back
    customer: str
    rule: str
    stage: str
    severity: str
    score: float
    time: int
    entity: str
    summary: str


class Reason(msgspec.Struct, frozen=True):
    """What the alerts of one rule, on one customer, add. `points` is their sum before the limit of `most`, as of then.

    Severity, sentence, entity, alert and time are those of the alert that adds most.
    """

    customer: str
    rule: str
    stage: str
    severity: str
    points: float
    most: float
    half_life_ms: int
    alerts: int
    alert: str
    time: int
    entity: str
    summary: str = ""


class Rest(msgspec.Struct, frozen=True):
    """What further reasons of one half-life add together."""

    points: float
    half_life_ms: int


class Label(msgspec.Struct, frozen=True):
    """A label, and until when it stands, ms."""

    name: str
    until: int


class Floor(msgspec.Struct, frozen=True):
    """A grade that is held, whatever the points, until a time, ms."""

    grade: str
    until: int
    why: str = ""


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """The standing of a customer or group as of `as_of`, ms, with all that is needed to say what is left of it later.

    `by_entity` is the score by the legal entity that the alerts are of.
    """

    kind: Kind
    key: str
    as_of: int
    grade: str
    score: float
    labels: list[Label] = []
    floors: list[Floor] = []
    reasons: list[Reason] = []
    rest: list[Rest] = []
    by_entity: dict[str, float] = {}
    alerts: int = 0
    lines: dict[str, float] = {}
    policy: str = ""

    @property
    def names(self) -> list[str]:
        """The labels' names."""
        return [label.name for label in self.labels]


def worth(policy: Resolved, one: Contribution) -> tuple[float, int] | None:
    """(points when it was said, half-life in ms) of an alert; None where its stage adds nothing."""
    weight = policy.policy.stages.get(one.stage)
    if weight is None:
        return None
    points = one.score if weight.points is None else weight.points.get(one.severity, 0.0)
    own = policy.policy.rules.get(one.rule)
    factor = weight.weight * (1.0 if own is None else own.weight)
    return max(0.0, points * factor), weight.half_life_ms


def left(points: float, half_life_ms: int, age_ms: int) -> float:
    """What is left of points after a time."""
    return float(points * 0.5 ** (age_ms / half_life_ms))


def total(reasons: Iterable[Reason], rest: Iterable[Rest]) -> float:
    """The score: each reason up to its limit. The same in any order."""
    return math.fsum([*(min(reason.points, reason.most) for reason in reasons), *(one.points for one in rest)])


def graded(score: float, floors: Iterable[Floor], lines: Mapping[str, float]) -> str:
    """The worst of the grade by points and those that are held."""
    names = list(lines)
    by_points = max((place for place, name in enumerate(names) if score >= lines[name]), default=0)
    return names[max([by_points, *(names.index(floor.grade) for floor in floors if floor.grade in lines)])]


def profile_of(policy: Resolved, kind: Kind, key: str, contributions: Iterable[Contribution], time: int) -> Profile:
    """The profile as of a time; of alerts that were said more than once the highest revision holds.

    Contributions of a later time are not there yet. Those of a group are its members', each limited for itself.
    """
    latest: dict[str, Contribution] = {}
    for one in contributions:
        before = latest.get(one.id)
        if before is None or one.revision > before.revision:
            latest[one.id] = one
    standing = sorted((c for c in latest.values() if c.stands and c.time <= time), key=lambda c: (c.time, c.id))
    reasons, shares = _reasons(policy, standing, time)
    lines = dict(policy.lines(kind))
    labels, floors = _labels(policy, standing, time), _floors(policy, standing, time, lines)
    score = total(reasons, ())
    told, more = reasons[:MOST_REASONS], reasons[MOST_REASONS:]
    return Profile(
        kind=kind,
        key=key,
        as_of=time,
        grade=graded(score, floors, lines),
        score=round(score, DECIMALS),
        labels=labels,
        floors=floors,
        reasons=[r if i < IN_WORDS else msgspec.structs.replace(r, summary="") for i, r in enumerate(told)],
        rest=_rest(more),
        by_entity={name: round(math.fsum(shares[name]), DECIMALS) for name in sorted(shares)},
        alerts=len(standing),
        lines=lines,
        policy=policy.version,
    )


def _reasons(
    policy: Resolved, standing: Sequence[Contribution], time: int
) -> tuple[list[Reason], dict[str, list[float]]]:
    """The reasons, the largest first, and the parts that make each entity's share of the score."""
    together: dict[tuple[str, str, str], list[tuple[float, Contribution]]] = {}
    lives: dict[tuple[str, str, str], int] = {}
    for one in standing:
        adds = worth(policy, one)
        if adds is not None and adds[0] > 0.0:
            of = one.customer, one.rule, one.stage
            lives[of] = adds[1]
            together.setdefault(of, []).append((left(*adds, time - one.time), one))
    reasons, shares = [], dict[str, list[float]]()
    for of, parts in together.items():
        points, most = math.fsum(adds for adds, _ in parts), policy.most_of(of[1])
        _, chief = max(parts, key=lambda part: (part[0], part[1].time, part[1].id))
        for share, one in parts:
            shares.setdefault(one.entity, []).append(share if points <= most else share * most / points)
        reasons.append(
            Reason(
                *of,
                severity=chief.severity,
                points=points,
                most=most,
                half_life_ms=lives[of],
                alerts=len(parts),
                alert=chief.id,
                time=chief.time,
                entity=chief.entity,
                summary=chief.summary,
            )
        )
    reasons.sort(key=lambda r: (-min(r.points, r.most), -r.points, r.customer, r.rule, r.stage))
    return reasons, shares


def _rest(reasons: Iterable[Reason]) -> list[Rest]:
    by_life: dict[int, list[float]] = {}
    for reason in reasons:
        by_life.setdefault(reason.half_life_ms, []).append(min(reason.points, reason.most))
    return [Rest(math.fsum(by_life[life]), life) for life in sorted(by_life)]


def _labels(policy: Resolved, standing: Iterable[Contribution], time: int) -> list[Label]:
    until: dict[str, int] = {}
    for one in standing:
        for mark in policy.marks.get(one.rule, ()):
            if not mark.of.severities or one.severity in mark.of.severities:
                until[mark.name] = max(until.get(mark.name, 0), one.time + mark.length_ms)
    return [Label(name, until[name]) for name in sorted(until) if until[name] > time]


def _floors(policy: Resolved, standing: Iterable[Contribution], time: int, lines: Mapping[str, float]) -> list[Floor]:
    """Of each grade and reason the one that holds longest, the worst grade first."""
    until: dict[tuple[str, str], int] = {}
    for one in standing:
        for held in policy.held.get(one.rule, ()):
            if not held.of.severities or one.severity in held.of.severities:
                of = held.grade, held.why
                until[of] = max(until.get(of, 0), one.time + held.length_ms)
    places = {name: place for place, name in enumerate(lines)}
    found = [Floor(grade, end, why) for (grade, why), end in until.items() if end > time]
    return sorted(found, key=lambda floor: (-places.get(floor.grade, -1), -floor.until, floor.why))
