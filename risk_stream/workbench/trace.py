"""Why a rule fires on an event, or does not: each part of its condition, whether it holds, and the values it compares.

A `Tracer` makes a second rule of a rule, which names every part of the condition and every value in it and fires where
it is told to. The engine that judges live events judges it too, so that what a trace says is what the rule saw: bounds,
lists, and unknown values included.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from risk_stream.catalogue import EventBatch
from risk_stream.engine import Alert, Decided, Engine, final
from risk_stream.rules import Plan, Row, Rule
from risk_stream.rules.language.meaning import (
    Binned,
    Comparison,
    Condition,
    Constant,
    Either,
    Every,
    FieldValue,
    Kind,
    Meaning,
    Presence,
    opposite,
    parts_of,
    wording,
)
from risk_stream.rules.language.sentence import said
from risk_stream.workbench.told import saying, untrained

__all__ = ["Seen", "Step", "Traced", "Tracer", "bare", "lines_of", "trace_event"]

#: What a second rule's id has behind the first one's: no rule's id holds a space.
TRACED = " traced"
#: The condition that every event meets.
ALWAYS = Presence(FieldValue(Kind.TIME, "time"), missing=False)
_WHENEVER = wording(ALWAYS)


@dataclass(frozen=True, slots=True)
class Seen:
    """A value that a condition looked at, by the author's name for it, as people write it."""

    name: str
    value: str
    inexact: bool = False  # only a bound: a window's cap or a change of rules took part of what it counts


@dataclass(frozen=True, slots=True)
class Step:
    """A part of a condition on one event. `holds` is None where a value that it needs is unknown, or only a bound."""

    text: str
    holds: bool | None
    join: str = ""  # how its parts make it, `and` or `or`; nothing where it has none
    values: tuple[Seen, ...] = ()
    parts: tuple[Step, ...] = ()

    def leaves(self) -> Iterator[Step]:
        """The parts that have no parts, from left to right."""
        if not self.parts:
            yield self
        for part in self.parts:
            yield from part.leaves()


@dataclass(slots=True)
class _Part:
    """A part of a condition, with the names under which the second rule has its truth and its values."""

    text: str
    truth: str
    join: str = ""
    values: list[tuple[str, str, Meaning]] = field(default_factory=list)  # what it is called here, and there
    parts: list[_Part] = field(default_factory=list)


class Tracer:
    """A rule made to tell what it sees. Give `rule` to an engine in a plan of its own; `steps` reads its alerts."""

    def __init__(self, rule: Rule, where: Condition = ALWAYS) -> None:
        self._named: dict[str, Meaning] = {}
        self._names: dict[str, str] = {}  # of several names of a meaning one of this file, and the first
        for name, meaning in sorted(rule.named, key=lambda named: "." in named[0]):
            self._names.setdefault(wording(meaning), name)
        self._own = set(self._names.values())
        self._root = self._part(rule.condition)
        if rule.table is not None:
            self._root = self._table(self._root, rule.table.rows)
        named = (*rule.named, *((there, meaning) for there, meaning in self._named.items()))
        self.rule = replace(
            rule, id=rule.id + TRACED, condition=where, mode="live", share=None, named=named, table=None
        )

    def steps(self, alert: Alert) -> Step:
        """What the second rule's alert says of the condition."""
        return _read(self._root, alert)

    def features(self, alert: Alert) -> dict[str, float | int | str | bool | None]:
        """The values of the names that the rule itself has."""
        return {name: value for name, value in alert.features.items() if name not in self._named}

    def _table(self, when: _Part, rows: Sequence[Row]) -> _Part:
        """A table as parts: which events it decides, and the condition of each row but the last."""
        parts = [] if when.text == _WHENEVER else [when]
        for place, row in enumerate(rows, 1):
            if row.condition is not None:
                part = self._part(row.condition)
                parts.append(_Part(f"row {place}, {row.verdict}: {part.text}", part.truth, parts=[part]))
        return _Part("decides", when.truth, parts=parts)

    def _part(self, condition: Condition) -> _Part:
        part = _Part(self._written(condition), self._name(condition))
        if isinstance(condition, Every | Either):
            part.join = "and" if isinstance(condition, Every) else "or"
            part.parts = [self._part(inner) for inner in condition.parts]
        else:
            part.values = list(self._values(condition))
        return part

    def _written(self, condition: Condition) -> str:
        if isinstance(condition, Comparison) and self._called(condition) is None:
            left, right = (bare(wording(part, self._called)) for part in (condition.left, condition.right))
            return f"{left} {condition.op} {right}"
        return bare(wording(condition, self._called))

    def _called(self, meaning: Meaning) -> str | None:
        """The author's name of a meaning: of a condition's opposite, `not` and the name."""
        name = self._names.get(wording(meaning))
        if name is None and isinstance(meaning, Condition):
            unwanted = self._names.get(wording(opposite(meaning)))
            return None if unwanted is None else f"not {unwanted}"
        return name

    def _values(self, leaf: Condition) -> Iterator[tuple[str, str, Meaning]]:
        """What a leaf compares, and what that is computed from, each once."""
        pending: list[Meaning] = list(parts_of(leaf))
        told: set[str] = set()
        while pending:
            meaning = pending.pop(0)
            text = wording(meaning, self._called)
            if isinstance(meaning, Constant) or text in told:
                continue
            told.add(text)
            if not any(isinstance(part, Binned) for part in (meaning, *parts_of(meaning))) or text in self._own:
                yield bare(text), self._name(meaning), meaning
            pending += parts_of(meaning)

    def _name(self, meaning: Meaning) -> str:
        """A name for a meaning that no author can give."""
        name = f"{len(self._named)}"
        self._named[name] = meaning
        return name


@dataclass(frozen=True, slots=True)
class Traced:
    """What one rule makes of an event: `time` is when it was judged, ms, `severity` that of an alert, said or not."""

    rule: str
    version: str
    mode: str
    severity: str
    type: str
    time: int
    fired: bool
    step: Step
    features: Mapping[str, float | int | str | bool | None]
    warming: tuple[str, ...]
    verdict: str = ""  # of a decision table; nothing of a rule that fires
    reasons: tuple[str, ...] = ()  # of the verdict


def trace_event(
    plan: Plan, event: str, batches: Iterable[EventBatch], lateness_ms: int, rules: Collection[str] | None = None
) -> list[Traced]:
    """What each rule that judges the event with this id sees in it, in the order of their ids.

    `batches` hold the event and its past, in the order in which they are to be judged; what comes more than
    `lateness_ms` behind others is left out, as a worker leaves it. `rules` are the ids of those to ask; None: all. A
    rule with `after` is here once the batches reach to its time. Nothing where no rule judges the event. What models
    say is unknown here: they said it by all that they had learnt then, from events of other keys too.
    """
    here = Comparison("==", FieldValue(Kind.TEXT, "id"), Constant(Kind.TEXT, event))
    asked = [rule for rule in plan.rules if rules is None or rule.id in rules]
    tracers = {rule.id + TRACED: (rule, Tracer(rule, here)) for rule in asked}
    deciding = [rule.for_all() for rule in asked if rule.table is not None]
    tracing = [*deciding, *(tracer.rule for _, tracer in tracers.values())]
    models = untrained(plan.models_asked(asked))
    traced = Plan(plan.catalogue, tracing, plan.wheres, models=models)
    engine = Engine(traced, lateness_ms=lateness_ms, make=saying(models, ()))
    said, decided = list[Alert](), list[Alert]()
    for batch in batches:
        result = engine.apply(batch)
        said += result.alerts
        decided += result.decisions
    said += engine.advance(engine.clock).alerts
    ruled = {one.rule: one for one in final(decided) if one.event == event and isinstance(one, Decided)}
    found = []
    for alert in final(said):
        rule, tracer = tracers[alert.rule]
        step, features = tracer.steps(alert), tracer.features(alert)
        ruling = ruled.get(rule.id)
        found.append(
            Traced(
                rule=rule.id,
                version=rule.version,
                mode=rule.mode,
                severity=alert.severity,
                type=alert.type,
                time=alert.time,
                fired=step.holds is True,
                step=step,
                features=features,
                warming=tuple(name for name in alert.warming if name in features),
                verdict="" if ruling is None else ruling.verdict,
                reasons=() if ruling is None else tuple(ruling.reasons),
            )
        )
    return sorted(found, key=lambda one: one.rule)


def bare(text: str) -> str:
    """A text without the parentheses that hold all of it."""
    if not (text.startswith("(") and text.endswith(")")):
        return text
    depth = 0
    for at, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return text[1:-1] if at == len(text) - 1 else text
    return text


def _read(part: _Part, alert: Alert) -> Step:
    holds = alert.features[part.truth]
    assert holds is None or isinstance(holds, bool)
    values = tuple(
        Seen(here, said(meaning, alert.features[there]), there in alert.inexact) for here, there, meaning in part.values
    )
    return Step(part.text, holds, part.join, values, tuple(_read(inner, alert) for inner in part.parts))


def lines_of(step: Step, indent: str = "") -> Iterator[str]:
    """A trace as text: a line for each part, with a mark for whether it holds, and the values of those compared."""
    mark = {True: "yes", False: "no ", None: "?  "}[step.holds]
    values = ", ".join(f"{v.name} is {v.value}{' (a bound)' if v.inexact else ''}" for v in step.values)
    yield f"{indent}{mark} {step.text}" + (f"   [{values}]" if values else "")
    for part in step.parts:
        yield from lines_of(part, indent + "  ")
