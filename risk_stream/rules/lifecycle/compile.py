"""Makes features and rules of a life cycle: what follows every loan through its steps is the engine, as of any rule."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from risk_stream.features import MOST_VALUES
from risk_stream.rules.lifecycle.examples import Examples
from risk_stream.rules.lifecycle.model import Step
from risk_stream.rules.lifecycle.proof import BY, NOT_REFUSED, PROCESS_STEP, Loans, Proof
from risk_stream.rules.lifecycle.read import Judging, Written

__all__ = ["Compiler", "pattern_name"]

#: Steps that a sentence tells apart; `choose` takes no more.
_MOST_NAMED = 9
_WHY = {
    "skipped": "What a step needs was put before it for a reason: without it nobody knows what the step stands on.",
    "repeated": "The step is done once: the second time is a mistake, or one of the two was not what it says.",
    "out-of-order": "What should have come first came after what it was to decide, so it decided nothing.",
    "overdue": "A time limit that passes unseen is how a process stops: somebody waits, or nobody does.",
}


def pattern_name(step: str) -> str:
    """The pattern of the events that prove a step."""
    return f"proof_{_word(step)}"


def _word(step: str) -> str:
    return step.replace("-", "_")


class Compiler:
    """The features and rules of a life cycle, as a rule file would have them; `proofs` are those of its steps."""

    def __init__(self, written: Written, loans: Loans, proofs: Mapping[str, Proof]) -> None:
        self._written, self._cycle = written, written.lifecycle
        self._loans, self._proofs = loans, proofs
        self._examples = Examples(self._cycle, loans, proofs)
        by_id = [step.id for step in self._cycle.steps if proofs[step.id].by_id]
        self._groups = [by_id[at : at + MOST_VALUES] for at in range(0, len(by_id), MOST_VALUES)]
        self._seen = {id: f"steps_{n}" for n, group in enumerate(self._groups, 1) for id in group}
        self._window = f"{self._cycle.window_ms // 1000}s"
        self.named: dict[str, str] = {}  # features that name a step in a sentence; made with the rules
        self._asked: set[str] = set()  # steps with a proof of their own that some rule asks for

    def rules(self) -> Iterator[tuple[Step, dict[str, Any]]]:
        """Every rule, with the step that it is of."""
        for step in self._cycle.steps:
            yield from ((step, rule) for rule in self._rules_of(step))

    def features(self) -> dict[str, Any]:
        """The features that the rules ask; made after these."""
        tail = {"by": BY, "window": self._window}
        found: dict[str, Any] = {
            self._loans.known(name): {"last": name, "of": list(types), **tail}
            for name, types in self._loans.fields.items()
        }
        for n, group in enumerate(self._groups, 1):
            found[f"steps_{n}"] = {"seen": "step", "values": group, "of": PROCESS_STEP, "where": NOT_REFUSED, **tail}
        for step in self._cycle.steps:
            if step.id in self._asked:
                found[_since(step.id)] = {"since": pattern_name(step.id), **tail}
            if step.limit is not None and step.limit.every:
                within = {"by": BY, "window": step.limit.written}
                found[_again(step.id)] = {"count": pattern_name(step.id), **within}
        return found | self.named

    def came(self, step: Step) -> dict[str, Any]:
        """A rule that fires on each event that proves a step."""
        proof = self._proofs[step.id]
        return {
            "id": f"{self._cycle.id}.{step.id}.came",
            "on": [t.name for t in proof.types],
            "when": self._is_step(step) or f"{BY} is not missing",
            "severity": "info",
            "owner": step.owner,
            "summary": f"Loan {{{BY}}}: {_escaped(step.name)}",
        }

    # Rules

    def _rules_of(self, step: Step) -> Iterator[dict[str, Any]]:
        judging = self._written.judging
        if step.before:
            yield self._skipped(step, judging[step.id, "skipped"])
        if step.once:
            yield self._repeated(step, judging[step.id, "repeated"])
        if later := self._cycle.later(step.id):
            yield self._out_of_order(step, later, judging[step.id, "out-of-order"])
        if step.limit is not None:
            yield from self._overdue(step, judging[step.id, "overdue"])

    def _rule(self, step: Step, on: Step, what: str, how: Judging, when: Iterable[str], summary: str) -> dict[str, Any]:
        """A rule on the events that prove the step `on`."""
        why = self._written.nodes[step.id].get("why")
        return {
            "id": f"{self._cycle.id}.{step.id}.{what}",
            "on": [t.name for t in self._proofs[on.id].types],
            "when": " and ".join(part for part in (self._is_step(on), *when) if part),
            "severity": how.severity,
            "score": how.score,
            "action": how.action,
            "mode": how.mode,
            "owner": step.owner,
            "summary": f"Loan {{{BY}}}: {summary}",
            "why": _WHY[what.removesuffix("-again")] if why is None else why,
        }

    def _skipped(self, step: Step, how: Judging) -> dict[str, Any]:
        lacking = [self._not_done(need) for need in step.needs]
        if step.needs_one:
            lacking.append(f"not ({self._one_done(step.needs_one)})")
        when = lacking[0] if len(lacking) == 1 else f"({' or '.join(lacking)})"
        names = [self._name(need) for need in step.needs]
        if step.needs_one:
            names.append(" or ".join(self._name(need) for need in step.needs_one))
        missing = self._first_that(f"lacks_{_word(step.id)}", lacking, names)
        summary = f"{_quoted(step.name)} came, and {missing} had not been done"
        return self._rule(step, step, "skipped", how, [when], summary) | self._examples.of_skipped(step)

    def _repeated(self, step: Step, how: Judging) -> dict[str, Any]:
        summary = f"{_quoted(step.name)} came again, and is done once"
        return self._rule(step, step, "repeated", how, [self._done(step.id)], summary) | self._examples.of_repeated(
            step
        )

    def _out_of_order(self, step: Step, later: Sequence[str], how: Judging) -> dict[str, Any]:
        when = [self._not_done(step.id), f"({self._one_done(later)})" if len(later) > 1 else self._one_done(later)]
        ahead = self._first_that(
            f"ahead_{_word(step.id)}", [self._done(one) for one in later], [self._name(one) for one in later]
        )
        summary = f"{_quoted(step.name)} came for the first time after {ahead}, which must come later"
        rule = self._rule(step, step, "out-of-order", how, when, summary)
        return rule | self._examples.of_out_of_order(step, later)

    def _overdue(self, step: Step, how: Judging) -> Iterator[dict[str, Any]]:
        limit = step.limit
        assert limit is not None
        after = self._cycle.step(limit.after)
        ends = [self._not_done(end) for end in self._cycle.ends if end != step.id]
        undone = f"{_again(step.id)} == 0" if limit.every else self._not_done(step.id)
        written = self._written.nodes[step.id]["every" if limit.every else "within"]
        begun = ((after, "overdue"), (step, "overdue-again")) if limit.every else ((after, "overdue"),)
        for on, what in begun:
            summary = f"{_quoted(step.name)} did not come within {limit.written} of {_quoted(on.name)}"
            rule = self._rule(step, on, what, how, [undone, *ends], summary)
            yield rule | {"after": written} | self._examples.of_overdue(step, on)

    # Conditions

    def _is_step(self, step: Step) -> str:
        """Whether an event of its types is this step of a loan of the life cycle."""
        proof = self._proofs[step.id]
        of_loan = self._loans.condition(proof.types)
        return " and ".join(f"({part})" for part in (of_loan, proof.where) if part)

    def _done(self, id: str) -> str:
        """Whether a step came before the event."""
        if id in self._seen:
            return f'has({self._seen[id]}, "{id}")'
        self._asked.add(id)
        return f"{_since(id)} is not missing"

    def _not_done(self, id: str) -> str:
        return f"not {self._done(id)}" if id in self._seen else self._done(id).replace("is not missing", "is missing")

    def _one_done(self, ids: Iterable[str]) -> str:
        """Whether one of some steps came before the event."""
        among: dict[str, list[str]] = {}
        others = []
        for id in ids:
            if id in self._seen:
                among.setdefault(self._seen[id], []).append(f'"{id}"')
            else:
                others.append(self._done(id))
        return " or ".join([*(f"has({seen}, {', '.join(texts)})" for seen, texts in among.items()), *others])

    def _first_that(self, feature: str, conditions: Sequence[str], names: Sequence[str]) -> str:
        """For a sentence: the name behind the first of some conditions that is true, one of which is."""
        texts = [_text(name) for name in names]
        if len(set(texts)) == 1:
            return _escaped(names[0])
        last = texts.pop() if len(names) <= _MOST_NAMED else _text("another step")
        texts = texts[:_MOST_NAMED]
        while texts[-1] == last:  # the last one need not be told from one of the same name
            texts.pop()
        said = [f"{when}, {text}" for when, text in zip(conditions, texts, strict=False)]
        self.named[feature] = f"choose({', '.join([*said, last])})"
        return f"{{{feature}}}"

    def _name(self, id: str) -> str:
        return f"'{self._cycle.step(id).name}'"


def _since(step: str) -> str:
    return f"since_{_word(step)}"


def _again(step: str) -> str:
    return f"again_{_word(step)}"


def _quoted(name: str) -> str:
    return f"'{_escaped(name)}'"


def _escaped(name: str) -> str:
    """A name in a summary, where braces stand for values."""
    return name.replace("{", "{{").replace("}", "}}")


def _text(name: str) -> str:
    """A name as a text of the rule language."""
    return '"' + name.replace("\\", "").replace('"', "'") + '"'
