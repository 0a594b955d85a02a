"""Inputs that know what they cannot know: one that by itself ranks almost perfectly is likely to hold the label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from risk_stream.workbench.evaluate.measures import area_under_roc

if TYPE_CHECKING:
    from risk_stream.workbench.evaluate.measures import Floats, Mask

__all__ = ["LEAST_OF_EACH", "SUSPECT", "Leak", "leaks"]

#: An input alone with such an area under the ROC, or as far below one half, is suspected.
SUSPECT = 0.995
#: Bad and good events that are needed to say so.
LEAST_OF_EACH = 20


@dataclass(frozen=True, slots=True)
class Leak:
    """An input that is suspected, and its area under the ROC alone, from one half to 1."""

    input: str
    area: float


def leaks(names: tuple[str, ...], inputs: Floats, bad: Mask) -> list[Leak]:
    """The inputs [n, m] that alone part bad from good almost perfectly, by their value or by being missing."""
    if min(bad.sum(), (~bad).sum()) < LEAST_OF_EACH:
        return []
    found = []
    for i, name in enumerate(names):
        column, missing = inputs[:, i], np.isnan(inputs[:, i])
        areas = [area_under_roc(np.where(missing, end, column), bad) for end in (-np.inf, np.inf)]
        area = max(max(a, 1 - a) for a in areas)
        if area >= SUSPECT:
            found.append(Leak(name, area))
    return found
