"""What a model is to the plan: where it scores, on which events and by what, and the features that its scores are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from risk_stream.features import Aggregate
from risk_stream.models import Spec
from risk_stream.rules.meaning import Value

__all__ = ["LABELS", "OUTCOME", "ROLES", "Labels", "Scored"]

#: The type of events that say what turned out to be true, as the shipped catalogue has it.
OUTCOME = "outcome"
#: What a model is to others: in use, or scored beside one that is.
ROLES = ("champion", "challenger")
#: What an event of type `outcome` may say, as the catalogue has it.
LABELS = ("fraud", "default", "manipulation", "false_alarm", "good")


@dataclass(frozen=True, slots=True)
class Labels:
    """Which outcomes teach a model: what counts as 1, what as 0, and what becomes of events that have none.

    An event is kept for `within_ms` after it was scored; then it counts as 0 where `silence_is_good`, or is let go.
    """

    bad: tuple[str, ...]
    good: tuple[str, ...]
    within_ms: int
    silence_is_good: bool = False
    keep: int = 200_000  # events of one partition that wait for an outcome; the oldest go first


@dataclass(frozen=True, slots=True)
class Scored:
    """A checked model. It scores at the hop of the kind of key `by`; `score` and `over` are aggregates of that kind.

    `version` is a hash of all that its state depends on: with another version it begins anew.
    """

    id: str
    file: str
    line: int
    on: tuple[str, ...]  # event types
    by: str  # kind of key
    stage: str
    owner: str
    mode: str  # live, shadow or off
    role: str  # one of ROLES
    challenges: str  # the id of the champion; empty for one
    why: str
    tags: tuple[str, ...]
    inputs: tuple[tuple[str, Value], ...]  # in the order of `spec.inputs`
    words: Mapping[str, str]  # input -> what it is, for people
    group: Value | None  # of which group an event is, where the spec is grouped
    spec: Spec
    labels: Labels | None  # outcomes that teach it, and that it is measured by
    aggregates: tuple[Aggregate, ...]  # that its inputs need
    fields: frozenset[str]  # that its inputs need
    score: Aggregate
    over: Aggregate
    version: str
    budget_us: float = 0.0  # of one event; 0: none is said
    features: tuple[tuple[str, Aggregate | str], ...] = field(default=(), compare=False)
