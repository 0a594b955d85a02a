"""What a model is made of, as its file declares it and before anything is learnt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["LEARNING", "Parameter", "Spec", "Step", "Threshold"]

#: When a model learns from an event: from each one, from those that are not over its threshold, from outcomes alone.
LEARNING = ("always", "calm", "outcomes")

Parameter: TypeAlias = int | float | str | bool | None


@dataclass(frozen=True, slots=True)
class Step:
    """One component of a pipeline by its name in the registry, with the parameters that the file gives."""

    component: str
    parameters: Mapping[str, Parameter]


@dataclass(frozen=True, slots=True)
class Threshold:
    """From where on a score is over it: from `fixed`, or above the quantile `share` of the last `last` scores.

    Exactly one of `fixed` and `share` is given. A running quantile is over nothing before it has seen `last` / 10.
    """

    fixed: float | None = None
    share: float | None = None  # between 0 and 1
    last: int = 5_000


@dataclass(frozen=True, slots=True)
class Spec:
    """The mathematics of one model: its inputs in order, the pipeline they go through, and when it learns.

    The first `warm_up` events of a model (of a group, where it has groups) have no score.
    """

    inputs: tuple[str, ...]
    texts: frozenset[str]  # the inputs that are categories: a text's hash, in the eight bytes of a float
    steps: tuple[Step, ...]
    learning: str  # one of LEARNING
    warm_up: int
    threshold: Threshold
    grouped: bool = False  # one pipeline for each group of events; the group is given with each row
    most_groups: int = 50_000  # of one partition; the one that was idle longest is forgotten
    sample: float = 1.0  # the share of events that are scored, chosen by a hash; others have no score
    marks: tuple[tuple[str, str], ...] = ()  # of segments: what each input is called where it is low, and high
