"""The policy of a house: what an alert adds to a profile, how that fades, what gives labels or a bad grade at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

__all__ = ["DEFAULT_MOST", "Exceptional", "Held", "Mark", "Policy", "Resolved", "Selector", "Weight", "resolve"]

#: Points that one rule gives a customer together, where a policy does not say: with the shipped lines a storm of one
#: rule's alerts alone does not reach the worst grade.
DEFAULT_MOST = 60.0


@dataclass(frozen=True, slots=True)
class Weight:
    """What the alerts of one stage add: `points` by severity, or their own score where that is None.

    After each `half_life_ms` of event time half of it is left.
    """

    weight: float
    half_life_ms: int
    points: Mapping[str, float] | None


@dataclass(frozen=True, slots=True)
class Exceptional:
    """A rule that weighs otherwise than its stage, or gives at most other points together."""

    weight: float = 1.0
    most: float | None = None


@dataclass(frozen=True, slots=True)
class Selector:
    """Which alerts: those of rules with one of these ids or tags, and of one of these severities, if any are named."""

    rules: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()

    def has(self, rule: str, tags: Iterable[str]) -> bool:
        """Whether alerts of a rule are among them, if they are severe enough."""
        return rule in self.rules or not set(self.tags).isdisjoint(tags)


@dataclass(frozen=True, slots=True)
class Mark:
    """A label that stands for `length_ms` after the last alert that gives it."""

    name: str
    of: Selector
    length_ms: int


@dataclass(frozen=True, slots=True)
class Held:
    """A grade, and no better one, for `length_ms` after the last alert that asks for it, whatever the points."""

    grade: str
    of: Selector
    length_ms: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """A checked `profile:` file. `lines` are the grades from the best on, each with the points it begins at.

    Alerts of a stage without a weight add nothing. `group_lines` are those of groups of customers.
    """

    name: str
    owner: str
    lines: tuple[tuple[str, float], ...]
    group_lines: tuple[tuple[str, float], ...]
    stages: Mapping[str, Weight]
    most: float = DEFAULT_MOST
    rules: Mapping[str, Exceptional] = field(default_factory=dict)
    marks: tuple[Mark, ...] = ()
    held: tuple[Held, ...] = ()

    @property
    def content(self) -> str:
        """All that a profile depends on, as one text that is equal where it is."""
        points = {stage: None if w.points is None else sorted(w.points.items()) for stage, w in self.stages.items()}
        weights = [(stage, w.weight, w.half_life_ms, points[stage]) for stage, w in sorted(self.stages.items())]
        own = sorted((rule, e.weight, e.most) for rule, e in self.rules.items())
        return repr((self.name, self.lines, self.group_lines, weights, self.most, own, self.marks, self.held))


@dataclass(frozen=True, slots=True)
class Resolved:
    """A policy over the rules of a plan: which labels and held grades each rule's alerts give."""

    policy: Policy
    marks: Mapping[str, tuple[Mark, ...]]
    held: Mapping[str, tuple[Held, ...]]
    version: str  # a hash of the policy and of what it means for these rules

    def lines(self, kind: str) -> tuple[tuple[str, float], ...]:
        """The grades of customers, or of groups."""
        return self.policy.group_lines if kind == "group" else self.policy.lines

    def most_of(self, rule: str) -> float:
        """The points that a rule gives one customer together."""
        own = self.policy.rules.get(rule)
        return self.policy.most if own is None or own.most is None else own.most


def resolve(policy: Policy, tags: Mapping[str, Iterable[str]]) -> Resolved:
    """The policy over rules, given as id -> tags."""
    marks, held = dict[str, tuple[Mark, ...]](), dict[str, tuple[Held, ...]]()
    for rule in sorted(tags):
        if of_rule := tuple(mark for mark in policy.marks if mark.of.has(rule, tags[rule])):
            marks[rule] = of_rule
        if holding := tuple(one for one in policy.held if one.of.has(rule, tags[rule])):
            held[rule] = holding
    names = [(r, [mark.name for mark in found]) for r, found in marks.items()]
    grades = [(r, [(one.grade, one.length_ms) for one in found]) for r, found in held.items()]
    meant = repr((policy.content, names, grades))
    return Resolved(policy, marks, held, blake2b(meant.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest())
