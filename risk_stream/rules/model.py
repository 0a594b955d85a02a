"""What a loaded rule is: its meaning, and what to do and say where it fires."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from risk_stream.features import Aggregate
from risk_stream.rules.language.meaning import Condition, Meaning, Value
from risk_stream.rules.rule.at_most import AtMost
from risk_stream.rules.rule.delay import Delay
from risk_stream.rules.rule.share import Share

__all__ = [
    "DEFAULT_ACTION",
    "MODES",
    "REQUEST",
    "SEVERITIES",
    "STAGES",
    "VERDICTS",
    "Band",
    "Card",
    "Characteristic",
    "Given",
    "GivenScore",
    "Row",
    "Rule",
    "RuleTest",
    "Table",
    "Validity",
]

STAGES = ("pre_loan", "mid_loan", "post_loan", "trading", "portfolio")
SEVERITIES = ("info", "low", "medium", "high", "critical")
MODES = ("live", "shadow", "off")
#: What is done where a rule names no action.
DEFAULT_ACTION = "alert"
#: What a row of a decision table says of an application.
VERDICTS = ("approve", "refer", "decline")
#: The field of an event that says by which body it was asked for; a decision says it again.
REQUEST = "request"


@dataclass(frozen=True, slots=True)
class Given:
    """One event of a rule's test: so many ms after the one before it, with these fields as written."""

    after_ms: int
    type: str
    fields: dict[str, object]


@dataclass(frozen=True, slots=True)
class GivenScore:
    """What a model says of the events of a test."""

    model: str
    score: float  # NaN: it says none
    over: bool
    segment: str = ""


@dataclass(frozen=True, slots=True)
class RuleTest:
    """A test in a rule file: what the rule does on the last event given of a type that it judges.

    Time goes on to `until_ms` after the last event; a rule that judges later has judged by then or has not.
    """

    name: str
    given: tuple[Given, ...]
    fires: bool
    line: int
    until_ms: int = 0
    severity: str = ""  # of the alert; nothing where the test does not say
    verdict: str = ""  # of a table; nothing where a rule is tested
    reasons: tuple[str, ...] | None = None  # of the verdict; None where the test does not say
    limit: float | None = None  # of an approval, major units; None where the test does not say
    scores: tuple[GivenScore, ...] = ()  # what models say of its events; others say nothing


@dataclass(frozen=True, slots=True)
class Band:
    """A severity that an alert has where a condition holds, `when` as written."""

    severity: str
    when: str
    condition: Condition


@dataclass(frozen=True, slots=True)
class Characteristic:
    """One line of a scorecard: what it looks at, the points of that, the most there are, and a reason in words."""

    name: str
    value: Value
    points: Value
    best: float
    words: str  # why points are lost; empty where it may not be a reason


@dataclass(frozen=True, slots=True)
class Card:
    """A scorecard of the house; `value` is its points."""

    id: str
    file: str
    line: int
    characteristics: tuple[Characteristic, ...]
    value: Value


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a decision table; its condition is None in the last one, which decides what no other does."""

    when: str  # as written
    condition: Condition | None
    verdict: str
    reason: str  # a sentence with {names}
    limit: Value | None = None
    rate: tuple[Value, Value] | None = None
    cards: tuple[Card, ...] = ()  # scorecards that the condition asks


@dataclass(frozen=True, slots=True)
class Table:
    """What makes a rule one that decides: rows that are read from the top, and the score that a decision says."""

    rows: tuple[Row, ...]
    score: Value | None


@dataclass(frozen=True, slots=True)
class Validity:
    """The first and the last day that a rule judges, in the time zone of a calendar; None: without end."""

    first: date | None
    last: date | None
    calendar: str
    from_ms: int | None  # the first moment of the first day
    until_ms: int | None  # the first moment behind the last day


@dataclass(frozen=True, slots=True)
class Rule:
    """A checked rule. `version` is a hash of its meaning, so that moving it between files does not change it."""

    id: str
    file: str
    line: int
    on: tuple[str, ...]  # event types
    stage: str
    severity: str  # where none of `bands` holds
    action: str
    owner: str
    mode: str
    when: str  # as written
    condition: Condition  # that of `when`, of events within its validity
    score: Value
    summary: str
    summary_names: tuple[str, ...]
    why: str
    tags: tuple[str, ...]
    approximate: bool  # inexact values are taken as if they were exact
    features: tuple[tuple[str, Aggregate | str], ...]  # every feature it needs; an expression as written
    named: tuple[tuple[str, Meaning], ...]  # every feature and field it names, for explanation
    aggregates: tuple[Aggregate, ...]
    fields: frozenset[str]  # every field that it looks at, itself or in a feature that is computed
    lists: frozenset[str]  # every list of the house that it asks
    reads: bool  # whether a function reads the text of a feature in it
    business_days: frozenset[str]  # the calendars whose business days it asks
    version: str
    bands: tuple[Band, ...] = ()  # from the highest severity on: the first whose condition holds
    after: Delay | None = None  # so long after its event it is judged, as of then
    validity: Validity | None = None  # of which days its events are
    share: Share | None = None  # the keys for which it is live; of all, where it names none
    at_most: AtMost | None = None  # so many of its alerts are shown; all, where it names none
    group: str = ""  # rules that belong together; nothing where it names none
    table: Table | None = None  # by which it decides; None: it fires
    tests: tuple[RuleTest, ...] = field(default=(), compare=False)

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """That of `when`, and those of its severities."""
        return (self.condition, *(band.condition for band in self.bands))

    def mode_of(self, keys: Mapping[str, str]) -> str:
        """Its mode for an event with these keys, by their kinds: live for the share that it names, else in shadow."""
        if self.share is None or self.mode != "live":
            return self.mode
        return "live" if self.share.has(self.id, keys.get(self.share.by)) else "shadow"

    def for_all(self) -> Rule:
        """The rule, live for every key."""
        return replace(self, mode="live", share=None)

    def meaning(self, name: str) -> Meaning:
        """What one of its names stands for."""
        return dict(self.named)[name]
