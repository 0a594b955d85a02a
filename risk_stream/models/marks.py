"""What segments are called: by the inputs in which their centres are farthest from the middle of all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from risk_stream.models.learner import Floats

__all__ = ["Mark", "marked", "worded"]

Mark: TypeAlias = tuple[int, int]
"""An input by its place, and whether it is high (1) or low (-1)."""

#: Marks of a segment, and how far from the middle of all centres one is at least, in standard deviations.
MARKS, LEAST = 2, 0.25
#: What is said of a segment that nothing marks, and before the name of one whose centre was put elsewhere.
_NOTHING, _NEW = "in the middle", "new: "


def marked(centres: Floats, before: Sequence[Sequence[Mark]], margin: float) -> list[list[Mark]]:
    """What marks each of some centres [k, m], in standard deviations; the strongest first.

    These are the marks they had `before`, unless others are stronger by the margin. No two are the same, where more
    inputs can tell them apart.
    """
    apart = centres - centres.mean(axis=0)
    found: list[list[Mark]] = []
    for number, row in enumerate(apart):
        order = np.argsort(-np.abs(row), kind="stable").tolist()
        every = [(at, 1 if row[at] > 0 else -1) for at in order if abs(row[at]) >= LEAST]
        marks = every[:MARKS]
        was = list(before[number][:MARKS]) if number < len(before) else []
        if len(was) == len(marks) and all(mark in every for mark in was):
            weakest = min((abs(row[at]) for at, _ in marks), default=0.0)
            if all(abs(row[at]) >= (1.0 - margin) * weakest for at, _ in was):
                marks = was
        others = [mark for mark in every if mark not in marks]
        taken = [sorted(one) for one in found]
        while others and sorted(marks) in taken:
            marks = [*marks, others.pop(0)]
        found.append(marks)
    return found


def worded(marks: Sequence[Sequence[Mark]], words: Sequence[tuple[str, str]], is_new: Sequence[bool]) -> list[str]:
    """Names, each another one; `words` are what is said of each input where it is low, and where it is high."""
    names: list[str] = []
    for some, new in zip(marks, is_new, strict=True):
        said = ", ".join(words[at][sign > 0] for at, sign in sorted(some)) or _NOTHING
        name = f"{_NEW}{said}" if new else said
        names.append(name if name not in names else f"{name} ({len(names) + 1})")
    return names
