"""Judges a view of events of one type by the rules of one hop."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from risk_stream.rules.meaning import AggregateValue, Condition, FieldValue, Meaning, Value, leaves, opposite, wording
from risk_stream.rules.model import Rule
from risk_stream.rules.plan import Plan
from risk_stream.rules.program import Program, Run, View
from risk_stream.rules.sentence import plain, said, template

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Evaluator", "View"]

log = logging.getLogger(__name__)

_Plain = float | int | str | bool | None


class Evaluator:
    """The rules of a hop on one event type, compiled. A rule that fails is counted and stops no other."""

    def __init__(self, plan: Plan, kind: str, type_name: str) -> None:
        self.rules: tuple[Rule, ...] = plan.rules_at(kind, type_name)
        self._program = self._compiled(self.rules)
        self._summaries = {rule.id: template(rule.summary) for rule in self.rules}
        self._errors: dict[str, int] = {}
        self._run: Run | None = None
        self._single: dict[str, Program] = {}  # rule id -> the rule alone
        self._named: dict[tuple[str, bool], Program] = {}  # wording, approximate -> a condition and its opposite
        self._always, self._bits, self._wheres = self._compile_wheres(plan, kind, type_name)

    @staticmethod
    def _compiled(rules: Sequence[Rule]) -> Program:
        program = Program()
        for rule in rules:
            program.add(rule.condition, approximate=rule.approximate)
            program.value(rule.score)
            for _, meaning in rule.named:
                if isinstance(meaning, Value):
                    program.value(meaning)
        return program

    @staticmethod
    def _compile_wheres(plan: Plan, kind: str, type_name: str) -> tuple[int, list[tuple[int, int]], Program]:
        """(bits that every row of this type counts for, [(bit, place of its condition)], the conditions)."""
        always, bits, program = 0, [], Program()
        layout = plan.layouts.get(kind)
        for bit, (of, where) in enumerate(layout.bits if layout is not None else ()):
            if of == type_name and where:
                bits.append((bit, program.add(plan.wheres[of, where])))
            elif of == type_name:
                always |= 1 << bit
        return always, bits, program

    def where_masks(self, view: View) -> NDArray[np.int64]:
        """int64[n]: for each event, the bits of the hop's layout that it counts for."""
        masks = np.full(view.n, self._always, np.uint64)
        if self._bits:
            _, conditions = self._wheres.masks(view)
            for bit, place in self._bits:
                masks |= conditions[place].astype(np.uint64) << np.uint64(bit)
        return masks.view(np.int64)

    def fired(self, view: View) -> list[tuple[Rule, NDArray[np.intp]]]:
        """The rules that fire, each with the rows of the view that it fires on."""
        if not self.rules:
            return []
        try:
            self._run, masks = self._program.masks(view)
        except Exception:  # whatever a rule does, its neighbours are judged
            log.exception("rules of one hop failed together, judging them one by one")
            return self._one_by_one(view)
        return [(self.rules[i], np.flatnonzero(masks[i])) for i in np.flatnonzero(masks.any(axis=1)).tolist()]

    def _one_by_one(self, view: View) -> list[tuple[Rule, NDArray[np.intp]]]:
        self._run = Run(self._program, view)
        found = []
        for rule in self.rules:
            try:
                if rule.id not in self._single:
                    self._single[rule.id] = self._compiled([rule])
                _, (mask,) = self._single[rule.id].masks(view)
            except Exception:
                log.exception("rule %s failed", rule.id)
                self._errors[rule.id] = self._errors.get(rule.id, 0) + 1
                continue
            if mask.any():
                found.append((rule, np.flatnonzero(mask)))
        return found

    def take_errors(self) -> dict[str, int]:
        """Rule id -> evaluations that failed since this was last asked."""
        errors, self._errors = self._errors, {}
        return errors

    def score(self, rule: Rule, view: View, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """The rule's score on each of some rows; unknown counts as 0."""
        with np.errstate(all="ignore"):
            scores = self._running(view).column(self._program.value(rule.score))[rows]
        return np.nan_to_num(scores.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)

    def explain(self, rule: Rule, view: View, row: int) -> tuple[dict[str, _Plain], list[str]]:
        """({name: value} of every feature and field the rule names, the names whose value is only a bound)."""
        features = {name: self._plain(rule, meaning, name, view, row) for name, meaning in rule.named}
        inexact = [name for name, meaning in rule.named if _is_inexact(meaning, view, row)]
        return features, inexact

    def sentence(self, rule: Rule, view: View, row: int) -> str:
        """The rule's summary with the values of one row."""
        meanings = dict(rule.named)

        def say(name: str) -> str:
            return said(meanings[name], self._plain(rule, meanings[name], name, view, row))

        return self._summaries[rule.id](say)

    def _running(self, view: View) -> Run:
        if self._run is None or self._run.view is not view:
            self._run = Run(self._program, view)
        return self._run

    def _plain(self, rule: Rule, meaning: Meaning, name: str, view: View, row: int) -> _Plain:
        if isinstance(meaning, FieldValue):
            return plain(meaning, view.value(name, row))
        if not isinstance(meaning, Value):
            return self._truth(meaning, view, row, approximate=rule.approximate)
        with np.errstate(all="ignore"):
            value: Any = self._running(view).column(self._program.value(meaning))[row]
        if meaning.kind.is_text:
            return view.text_of(int(value)) if value else None
        return plain(meaning, float(value))

    def _truth(self, condition: Condition, view: View, row: int, *, approximate: bool) -> bool | None:
        """What a feature that is a condition is on one row: true, false, or None where that is unknown."""
        key = (wording(condition), approximate)
        program = self._named.get(key)
        if program is None:
            program = self._named[key] = Program()
            program.add(condition, approximate=approximate)
            program.add(opposite(condition), approximate=approximate)
        _, (holds, fails) = program.masks(view)
        return True if holds[row] else False if fails[row] else None


def _is_inexact(meaning: Meaning, view: View, row: int) -> bool:
    for leaf in leaves(meaning):
        if isinstance(leaf, AggregateValue):
            flags = view.inexact(leaf.aggregate.id)
            if flags is not None and flags[row]:
                return True
    return False
