"""What is left of a profile later, where nothing new comes: points fade by half-lives, labels and held grades end."""

from __future__ import annotations

import math

from msgspec.structs import replace

from risk_stream.profiles.profile import DECIMALS, Profile, Reason, Rest, graded, left, total

__all__ = ["at", "next_change"]


def at(profile: Profile, time: int) -> Profile:
    """The profile as of a later time, ms; as it is for an earlier one."""
    if time <= profile.as_of:
        return profile
    reasons, rest = _left(profile, time)
    score = total(reasons, rest)
    floors = [floor for floor in profile.floors if floor.until > time]
    share = score / before if (before := total(profile.reasons, profile.rest)) else 0.0
    return replace(
        profile,
        as_of=time,
        reasons=reasons,
        rest=rest,
        score=round(score, DECIMALS),
        floors=floors,
        labels=[label for label in profile.labels if label.until > time],
        grade=graded(score, floors, profile.lines),
        by_entity={name: round(points * share, DECIMALS) for name, points in profile.by_entity.items()},
    )


def next_change(profile: Profile) -> int | None:
    """When the grade by points gets better, or a label or a held grade ends, whichever is first, ms; None: never."""
    ends = [label.until for label in profile.labels] + [floor.until for floor in profile.floors]
    crossing = _crossing(profile)
    return min([*ends, *([] if crossing is None else [crossing])], default=None)


def _left(profile: Profile, time: int) -> tuple[list[Reason], list[Rest]]:
    age = time - profile.as_of
    reasons = [replace(r, points=left(r.points, r.half_life_ms, age)) for r in profile.reasons]
    return reasons, [replace(r, points=left(r.points, r.half_life_ms, age)) for r in profile.rest]


def _crossing(profile: Profile) -> int | None:
    """The first ms at which the points are below the line of the grade that they give now."""
    grade = graded(total(profile.reasons, profile.rest), (), profile.lines)
    line = profile.lines[grade]
    parts = [(r.points, r.half_life_ms, r.most) for r in profile.reasons]
    parts += [(r.points, r.half_life_ms, math.inf) for r in profile.rest]
    if line <= 0 or not parts:
        return None
    longest = max(half_life for _, half_life, _ in parts)
    halvings = math.log2(max(2.0, math.fsum(points for points, _, _ in parts) / line)) + 1
    low, high = 0, math.ceil(longest * halvings)  # ages, not below the line; below it
    while high - low > 1:
        middle = (low + high) // 2
        if math.fsum([min(left(points, half_life, middle), most) for points, half_life, most in parts]) < line:
            high = middle
        else:
            low = middle
    return profile.as_of + high
