"""What a model is to the plan: where it scores, on which events and by what, and the features that its scores are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from risk_stream.features import Aggregate
from risk_stream.models import Limits, Spec
from risk_stream.models.registry import kind_of
from risk_stream.rules.language.expression import MOVED, OVER, SEGMENT
from risk_stream.rules.language.meaning import AggregateValue, Kind, Value

__all__ = ["DRIFTING", "LABELS", "OUTCOME", "ROLES", "Labels", "Promote", "Scored"]

#: The type of events that say what turned out to be true, as the shipped catalogue has it.
OUTCOME = "outcome"
#: What a model is to others: in use, or scored beside one that is.
ROLES = ("champion", "challenger")
#: What becomes of a drifting model's scores: they go on, there are none, or they are of the model as it was before.
DRIFTING = ("go_on", "no_score", "last_good")
#: What an event of type `outcome` may say, as the catalogue has it.
LABELS = ("fraud", "default", "manipulation", "false_alarm", "good")


@dataclass(frozen=True, slots=True)
class Labels:
    """Which outcomes teach a model: what counts as 1, what as 0, and what becomes of events that have none.

    Where they are `balanced`, bad and good outcomes weigh the same in all, however rare the bad ones are. Of events
    that were not over the threshold only the share `reviewed` is looked into: the outcome of one stands for that many.
    An event is kept for `within_ms` after it was scored; then it counts as 0 where `silence_is_good`, or is let go.
    """

    bad: tuple[str, ...]
    good: tuple[str, ...]
    within_ms: int
    silence_is_good: bool = False
    balanced: bool = False
    reviewed: float = 1.0
    keep: int = 200_000  # events of one partition that wait for an outcome; the oldest go first


@dataclass(frozen=True, slots=True)
class Promote:
    """When a challenger may take its champion's place: after so many outcomes, by so much more average precision."""

    after: int
    better_by: float = 0.0


@dataclass(frozen=True, slots=True)
class Scored:
    """A checked model. It scores at the hop of the kind of key `by`, and what it says are aggregates of that kind.

    `score` is a number, `over` is 1 where that is over the threshold and 0 where it is not, `moved` the inputs that
    moved a score most that is over it, in words; `segment` is that of the event's key, a text. `version` is a hash of
    all that its state depends on: with another version it begins anew.
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
    moved: Aggregate
    version: str
    limits: Limits = field(default_factory=Limits)  # from where on it drifts
    segment: Aggregate | None = None  # of a model that gives segments
    drifting: str = "go_on"  # one of DRIFTING
    promises: bool = False  # whether scores are probabilities, to be held against outcomes
    budget_us: float = 0.0  # of one event; 0: none is said
    generation: int = 1  # raised to begin anew
    promote: Promote | None = None  # of a challenger
    low: float = float("-inf")  # what scores are at least and at most
    high: float = float("inf")
    features: tuple[tuple[str, Aggregate | str], ...] = field(default=(), compare=False)

    @property
    def is_pickled(self) -> bool:
        """Whether what it learns is kept as a pickle, which needs a key to outlive the process."""
        return kind_of(self.spec.steps) == "river"

    @property
    def says(self) -> tuple[Aggregate, ...]:
        """What it says of an event."""
        said = self.score, self.over, self.moved
        return said if self.segment is None else (*said, self.segment)

    def value(self, function: str) -> AggregateValue:
        """What it says to an expression that asks it by a function."""
        if function == OVER:
            return AggregateValue(Kind.BOOLEAN, self.over, grows=False)
        if function == SEGMENT and self.segment is not None:
            return AggregateValue(Kind.TEXT, self.segment, grows=False)
        if function == MOVED:
            return AggregateValue(Kind.TEXT, self.moved, grows=False)
        return AggregateValue(Kind.NUMBER, self.score, False, self.low, self.high)
