"""The tests of a life cycle's rules: events that each judgement is about, and events that it is not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from risk_stream.rules.lifecycle.model import Lifecycle, Step
from risk_stream.rules.lifecycle.proof import BY, NO_STEP, PROCESS_STEP, Loans, Proof
from risk_stream.rules.limits import MAX_WINDOW_MS

__all__ = ["Examples"]

_DAY_MS = 86_400_000


class Examples:
    """Makes tests; a rule has none where nobody can tell from a condition which event meets it."""

    def __init__(self, cycle: Lifecycle, loans: Loans, proofs: Mapping[str, Proof]) -> None:
        self._cycle, self._loans, self._proofs = cycle, loans, proofs

    def of_skipped(self, step: Step) -> dict[str, Any]:
        """The step alone fires; it is quiet behind all that it needs."""
        return self._tests(step, [step.id], [*step.before, step.id], others=step.before)

    def of_repeated(self, step: Step) -> dict[str, Any]:
        """The second time fires, the first does not."""
        return self._tests(step, [step.id, step.id], [step.id])

    def of_out_of_order(self, step: Step, later: Sequence[str]) -> dict[str, Any]:
        """The step behind one that must come later fires; behind itself it does not."""
        together = [id for id in later if self._proofs[id].by_id]  # one `has` asks for them all
        quiet = [step.id, *together[:1], *(id for id in later if id not in together), step.id]
        return self._tests(step, [later[0], step.id], quiet, others=quiet)

    def of_overdue(self, step: Step, on: Step) -> dict[str, Any]:
        """Nothing within the limit fires; the step, or an end, does not."""
        assert step.limit is not None
        until = {"until": f"{min(step.limit.delay.longest_ms + _DAY_MS, MAX_WINDOW_MS) // _DAY_MS}d"}
        ends = [end for end in self._cycle.ends if end != step.id]
        behind = self._others(on) if on is step else []  # what is judged last is not the step, which is awaited again
        found = self._tests(on, [on.id], [on.id, step.id], others=[step.id, *ends], behind=behind)
        tests = found.get("tests", [])
        if tests:
            tests += [self._quiet(on, f"{self._cycle.step(end).name} ends it", [on.id, end]) for end in ends]
        if on is step and not behind:
            tests = tests[:1]
        return {"tests": [test | until for test in tests]} if tests else {}

    def _tests(
        self,
        on: Step,
        fires: Sequence[str],
        quiet: Sequence[str],
        *,
        others: Iterable[str] = (),
        behind: Sequence[dict[str, Any]] = (),
    ) -> dict[str, Any]:
        """`tests` of a rule on the events of a step, or nothing; the quiet one goes on with what comes `behind`."""
        if not self._loans.can_be_said or any(self._proofs[id].fields is None for id in (on.id, *others)):
            return {}
        first = {"name": "as it should not go", "given": self._given(on, fires), "then": "fires"}
        return {"tests": [first, self._quiet(on, "as it should go", quiet, behind)]}

    def _quiet(
        self, on: Step, name: str, steps: Sequence[str], behind: Sequence[dict[str, Any]] = ()
    ) -> dict[str, Any]:
        """A test that is quiet, which begins with another loan that is none of the life cycle."""
        return {"name": name, "given": [*self._others(on), *self._given(on, steps), *behind], "then": "quiet"}

    def _given(self, on: Step, steps: Sequence[str]) -> list[dict[str, Any]]:
        """Events that prove some steps, one after another, of a loan that is known to be of the life cycle."""
        events = [self._event(id) for id in steps]
        return events if self._says(on) else [self._opening(self._loans.values or {}), *events]

    def _says(self, on: Step) -> bool:
        """Whether the events that prove a step say themselves of which loans they are."""
        event_type = self._proofs[on.id].types[0]
        return self._loans.said_by(event_type).keys() == (self._loans.values or {}).keys()

    def _opening(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """An event that is no step of the life cycle, and says what is known of the loan from then on."""
        return {"after": "1s", PROCESS_STEP: {"step": NO_STEP, **fields}}

    def _event(self, id: str) -> dict[str, Any]:
        proof = self._proofs[id]
        event_type = proof.types[0]
        fields = {**(proof.fields or {}), **self._loans.said_by(event_type)}
        return {"after": "1s", event_type.name: fields}

    def _others(self, on: Step) -> list[dict[str, Any]]:
        """Events of the types that are judged which are not the step: of another loan, of which it is known too."""
        event_type = self._proofs[on.id].types[0]
        another = {BY: f"another-{BY}"}
        against = {**self._loans.against(event_type), **self._proofs[on.id].against()}
        event = {"after": "1s", event_type.name: {**another, **against}}
        if self._says(on):
            return [event] if against else []
        return [self._opening({**another, **self._loans.against_all()}), event]
