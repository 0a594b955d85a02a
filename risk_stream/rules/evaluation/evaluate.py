"""Judges a view of events of one type by the rules of one hop."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias
from weakref import WeakKeyDictionary, WeakValueDictionary

import numpy as np

from risk_stream.rules.evaluation.decide import Decider, Ruling, values_of
from risk_stream.rules.evaluation.failures import Failures, add_failures, failure
from risk_stream.rules.evaluation.program import Program
from risk_stream.rules.evaluation.run import Compiled, Mask, Run, View
from risk_stream.rules.evaluation.text_columns import texts_in
from risk_stream.rules.language.meaning import (
    AggregateValue,
    Condition,
    FieldValue,
    Meaning,
    Value,
    leaves,
    opposite,
    texts_read,
    wording,
)
from risk_stream.rules.language.sentence import plain, said, template
from risk_stream.rules.model import Rule
from risk_stream.rules.plan import Plan
from risk_stream.rules.rule.delay import Delay

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Evaluator", "RulesAt", "compiled", "program_of"]

log = logging.getLogger(__name__)

#: Stands for a rule's score where its values go by name: no name is empty.
_SCORE = ""

_Plain: TypeAlias = float | int | str | bool | None
#: A condition's wording, and whether inexact values count as exact in it.
_Named: TypeAlias = tuple[str, bool]


class _Made:
    """What was made of one plan for all who judge by it; nothing of it changes while events are judged."""

    def __init__(self) -> None:
        #: The rules of a hop on an event type, as long as somebody judges by them.
        self.programs: WeakValueDictionary[tuple[str, str, Delay | None], Program] = WeakValueDictionary()
        # Of what rules name, as far as alerts have shown it:
        self.namings: dict[str, tuple[tuple[str, Meaning, _Needs], ...]] = {}  # by rule id
        self.conditions: dict[tuple[str, str], _Named] = {}  # (rule, name) -> what it stands for
        self.named: dict[_Named, Program] = {}  # a condition and its opposite


_MADE: WeakKeyDictionary[Plan, _Made] = WeakKeyDictionary()


class RulesAt(NamedTuple):
    """Which rules judge together: those of a plan at a hop on events of a type, so long after them (None: at once)."""

    plan: str  # its version
    kind: str
    type: str
    after: Delay | None = None


class _Needs(NamedTuple):
    """What must be known to show a value: its aggregates, by id, and the texts that it reads, or would show."""

    aggregates: tuple[str, ...]
    read: tuple[AggregateValue, ...]
    shown: tuple[AggregateValue, ...]


def compiled(plan: Plan, kind: str, type_name: str, after: Delay | None = None) -> Program:
    """The rules of a hop on one event type as one program, made once for all that use it."""
    programs = _MADE.setdefault(plan, _Made()).programs
    found = programs.get((kind, type_name, after))
    if found is None:
        found = programs[kind, type_name, after] = program_of(plan.rules_at(kind, type_name, after))
    return found


def program_of(rules: Iterable[Rule]) -> Program:
    """Some rules as one program, in their order."""
    program = Program()
    for rule in rules:
        program.add(rule.condition, approximate=rule.approximate, reads=rule.reads)
        program.value(rule.score)
        for _, meaning in rule.named:
            for value in (meaning, *(texts_read(meaning) if rule.reads else ())):
                if isinstance(value, Value):
                    program.value(value)
        for value in () if rule.table is None else values_of(rule.table):
            program.value(value)
    program.compile()
    return program


class Evaluator:
    """The rules of a hop on one event type, compiled: those that judge it at once, or so long after it.

    All rules are one program. One that fails is taken out of it, is judged alone from then on, and its failures are
    counted: it stops none of its neighbours.
    """

    def __init__(self, plan: Plan, kind: str, type_name: str, after: Delay | None = None) -> None:
        self.at = RulesAt(plan.version, kind, type_name, after)
        self.rules: tuple[Rule, ...] = plan.rules_at(kind, type_name, after)
        self._together = list(self.rules)
        self._program = compiled(plan, kind, type_name, after)
        self._alone: dict[str, Program] = {}  # of the rules that failed
        self._errors: dict[str, Failures] = {}
        self._summaries: dict[str, tuple[Callable[[Callable[[str], str]], str], dict[str, Meaning]]] = {}  # by rule id
        self._deciders: dict[str, Decider] = {}  # by rule id
        self._made = _MADE.setdefault(plan, _Made())
        self._slots: dict[tuple[Compiled, str, str], int] = {}  # (program, rule, name) -> the value it stands for
        self._worded: dict[int, tuple[Value, str]] = {}  # by identity: a table asks its values again for each event
        self._seen: View | None = None  # the view that these are of
        self._runs: dict[Program, Run] = {}
        self._columns: dict[tuple[str, str], NDArray[Any]] = {}  # (rule, name) -> the value it stands for
        self._truths: dict[_Named, tuple[Mask, Mask]] = {}

    def fired(self, view: View) -> list[tuple[Rule, NDArray[np.intp]]]:
        """The rules that fire, each with the rows of the view that it fires on."""
        self._look_at(view)
        found = []
        if self._together:
            try:
                self._runs[self._program], masks = self._program.masks(view)
            except Exception:  # noqa: BLE001  whatever a rule does, its neighbours are judged
                self._part(view)
                return self.fired(view)
            found += [(self._together[i], np.flatnonzero(masks[i])) for i in np.flatnonzero(masks.any(axis=1)).tolist()]
        for rule in self.rules if self._alone else ():
            if rule.id in self._alone:
                mask = self._mask_alone(rule, view)
                if mask is not None and mask.any():
                    found.append((rule, np.flatnonzero(mask)))
        return found

    def _part(self, view: View) -> None:
        """Take the rules that fail out of the program of all."""
        failing = []
        for rule in self._together:
            try:
                program_of([rule]).masks(view)
            except Exception:
                log.exception("rule %s failed and is judged apart from now on, its failures counted", rule.id)
                failing.append(rule)
        for rule in failing or self._together:
            self._alone[rule.id] = program_of([rule])
        self._together = [rule for rule in self._together if rule.id not in self._alone]
        self._program = program_of(self._together)

    def _mask_alone(self, rule: Rule, view: View) -> Mask | None:
        program = self._alone[rule.id]
        try:
            self._runs[program], masks = program.masks(view)
        except Exception as error:  # noqa: BLE001  it was logged when it first failed
            self._count_error(rule, "its condition", error)
            return None
        mask: Mask = masks[0]
        return mask

    def _count_error(self, rule: Rule, what: str, error: Exception) -> None:
        add_failures(self._errors, {rule.id: failure(what, error)})

    def take_errors(self) -> dict[str, Failures]:
        """Rule id -> evaluations that failed since this was last asked."""
        errors, self._errors = self._errors, {}
        return errors

    def score(self, rule: Rule, view: View, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """The rule's score on each of some rows; one that is unknown or cannot be computed counts as 0."""
        try:
            scores = self._column(rule, _SCORE, rule.score, view)[rows]
        except Exception as error:
            self._count_error(rule, "its score", error)
            log.exception("the score of rule %s failed: it counts as 0", rule.id)
            return np.zeros(len(rows))
        known = scores.astype(np.float64)
        known[~np.isfinite(known)] = 0.0
        return known

    def severity(self, rule: Rule, view: View, row: int) -> str:
        """The highest severity whose condition holds on one row; one that cannot be computed does not."""
        for band in rule.bands:
            try:
                if self._truth(rule, f" {band.severity}", band.condition, view, row):
                    return band.severity
            except Exception as error:
                self._count_error(rule, f"its severity {band.severity}", error)
                log.exception("whether rule %s is %s cannot be said", rule.id, band.severity)
        return rule.severity

    def decide(self, rule: Rule, view: View, row: int, features: Mapping[str, _Plain], inexact: list[str]) -> Ruling:
        """What a deciding rule says of one row, of which `explain` gave the features and which of them are bounds.

        A table that cannot be computed refers to a person.
        """
        decider = self._deciders.get(rule.id)
        if decider is None:
            decider = self._deciders[rule.id] = Decider(rule)

        def value(asked: Value) -> float:
            worded = self._worded.get(id(asked))
            if worded is None:
                worded = self._worded[id(asked)] = (asked, wording(asked))
            return float(self._column(rule, worded[1], asked, view)[row])

        try:
            return decider.ruling(view, row, value, features, inexact)
        except Exception as error:
            self._count_error(rule, "its table", error)
            log.exception("the table %s cannot be computed: the application is referred", rule.id)
            return Ruling(0, "refer", ["The table could not be computed"])

    def explain(self, rule: Rule, view: View, row: int) -> tuple[dict[str, _Plain], list[str], list[str]]:
        """What a rule names, of one row.

        -> ({name: value} of every feature and field, the names whose value is only a bound, those of them that are so
        because a window reaches back behind a change of rules). A text of which the hash alone is known, as its row is
        older than the first rule to ask for it, is judged by that and shown as unknown and warming.
        """
        features: dict[str, _Plain] = {}
        bounds, warming = [], []
        for name, meaning, needs in self._naming(rule):
            shown = features[name] = self._plain(rule, meaning, name, view, row)
            ids = [id for id in needs.aggregates if (flags := view.inexact(id)) is not None and flags[row]]
            unlearnt = self._is_unlearnt(rule, needs, shown, view, row)
            if ids or unlearnt:
                bounds.append(name)
            if unlearnt or any(view.warming(id, row) for id in ids):
                warming.append(name)
        return features, bounds, warming

    def sentence(self, rule: Rule, features: Mapping[str, _Plain]) -> str:
        """The rule's summary with the values that `explain` gave of what it names."""
        found = self._summaries.get(rule.id)
        if found is None:
            found = self._summaries[rule.id] = template(rule.summary), dict(rule.named)
        summary, meanings = found
        return summary(lambda name: said(meanings[name], features[name]))

    def _look_at(self, view: View) -> None:
        """Forget what was computed of another view."""
        if self._seen is not view:
            self._seen = view
            self._runs.clear()
            self._columns.clear()
            self._truths.clear()

    def _column(self, rule: Rule, name: str, value: Value, view: View) -> NDArray[Any]:
        """A value that the rule names or scores by, of every row."""
        self._look_at(view)
        found = self._columns.get((rule.id, name))
        if found is None:
            run = self._run(rule, view)
            program = run.program
            slot = self._slots.get((program, rule.id, name))
            if slot is None:
                slot = self._slots[program, rule.id, name] = program.value(value)
            with np.errstate(all="ignore"):
                found = self._columns[rule.id, name] = run.column(slot)
        return found

    def _run(self, rule: Rule, view: View) -> Run:
        """The values of the program that has the rule, over a view that was looked at."""
        program = self._alone.get(rule.id, self._program)
        if program not in self._runs:
            self._runs[program] = Run(program, view)
        return self._runs[program]

    def _plain(self, rule: Rule, meaning: Meaning, name: str, view: View, row: int) -> _Plain:
        """A value as an alert shows it; one that cannot be computed is unknown."""
        try:
            if isinstance(meaning, FieldValue):
                return plain(meaning, view.value(meaning.name, row))
            if not isinstance(meaning, Value):
                return self._truth(rule, name, meaning, view, row)
            value: Any = self._column(rule, name, meaning, view)[row]
            if meaning.kind.is_text:
                return texts_in(self._run(rule, view), meaning, [row])[0]
            return plain(meaning, float(value))
        except Exception as error:
            self._count_error(rule, f"'{name}'", error)
            log.exception("'%s' of rule %s cannot be shown", name, rule.id)
            return None

    def _naming(self, rule: Rule) -> tuple[tuple[str, Meaning, _Needs], ...]:
        """The names of a rule, what they mean, and what showing it needs."""
        found = self._made.namings.get(rule.id)
        if found is None:
            found = tuple((name, meaning, _needs_of(meaning)) for name, meaning in rule.named)
            self._made.namings[rule.id] = found
        return found

    def _is_unlearnt(self, rule: Rule, needs: _Needs, shown: _Plain, view: View, row: int) -> bool:
        """Whether a text that would be shown, or that a function would have read, is known by its hash alone."""
        needed = needs.read if shown is not None else needs.read + needs.shown
        if not needed:
            return False
        run = self._run(rule, view)
        hashes = (int(run.of(text)[row]) for text in needed)
        return any(hashed and view.text_of(hashed) is None for hashed in hashes)

    def _truth(self, rule: Rule, name: str, condition: Condition, view: View, row: int) -> bool | None:
        """What a rule's condition of some name is on one row: true, false, or None where that is unknown."""
        self._look_at(view)
        made = self._made
        key = made.conditions.get((rule.id, name))
        if key is None:
            key = made.conditions[rule.id, name] = (wording(condition), rule.approximate)
        if key not in self._truths:
            program = made.named.get(key)
            if program is None:
                program = made.named[key] = Program()
                program.add(condition, approximate=rule.approximate)
                program.add(opposite(condition), approximate=rule.approximate)
            _, (holds, fails) = program.masks(view)
            self._truths[key] = (holds, fails)
        holds, fails = self._truths[key]
        return True if holds[row] else False if fails[row] else None


def _needs_of(meaning: Meaning) -> _Needs:
    aggregates = [leaf for leaf in leaves(meaning) if isinstance(leaf, AggregateValue)]
    is_text = isinstance(meaning, Value) and meaning.kind.is_text
    shown = tuple(leaf for leaf in aggregates if leaf.kind.is_text) if is_text else ()
    return _Needs(tuple(leaf.aggregate.id for leaf in aggregates), tuple(texts_read(meaning)), shown)
