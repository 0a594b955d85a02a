"""What rules take: now and then one of them is evaluated once more, alone, on events that it has just judged.

Rules of a hop are one program that computes equal parts of them once, so no clock can be put between them. The figure
is therefore what each would take alone, and that of many is more than they take together.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from risk_stream.engine import View
from risk_stream.rules import Evaluator, RulesAt, program_of

__all__ = ["SHARE", "Meter", "Spent"]

#: Of the time of one processor, what measuring may take.
SHARE = 0.005


@dataclass(slots=True)
class Spent:
    """What one rule took: `samples` evaluations were measured, and `seconds` are reckoned from them."""

    seconds: float = 0.0
    samples: int = 0


@dataclass(slots=True)
class _Turn:
    """The rules that judge together: which of them is next, and not before when, ns."""

    batches: int = 0  # that they were evaluated on
    next: int = 0
    not_before: int = 0
    reckoned: dict[str, int] = field(default_factory=dict)  # rule id -> `batches` at its last sample


class Meter:
    """Measures rules in turn, within `share` of the time; `clock` gives ns.

    Each measurement stands for all batches since the rule's one before it, so what is said of a rule never falls. By
    batches, not by events: a small one, of which each event costs most, would stand for too much.
    """

    def __init__(self, clock: Callable[[], int] = time.perf_counter_ns, share: float = SHARE) -> None:
        self.spent: dict[str, Spent] = {}  # by rule id
        self._clock, self._share = clock, share
        self._turns: dict[RulesAt, _Turn] = {}

    def use(self, plan: str, rules: set[str]) -> None:
        """Another plan is in force, which judges by these rules: forget others."""
        self._turns = {at: turn for at, turn in self._turns.items() if at.plan == plan}
        self.spent = {rule: spent for rule, spent in self.spent.items() if rule in rules}

    def __call__(self, evaluator: Evaluator, view: View) -> None:
        """These rules were evaluated on these events."""
        if not evaluator.rules or view.n == 0:
            return
        turn = self._turns.get(evaluator.at)
        if turn is None:
            turn = self._turns[evaluator.at] = _Turn()
        turn.batches += 1
        began = self._clock()
        if began < turn.not_before:
            return
        self._sample(turn, evaluator, view)
        took = self._clock() - began
        # All turns share the time: none is before its own, so that rarely judged types are measured too.
        turn.not_before = began + int(took * len(self._turns) / self._share)

    def _sample(self, turn: _Turn, evaluator: Evaluator, view: View) -> None:
        rule = evaluator.rules[turn.next % len(evaluator.rules)]
        turn.next += 1
        try:
            program = program_of([rule])
            times = [self._clock()]
            for _ in range(2):  # the first one may find its columns and its code cold
                program.masks(view)
                times.append(self._clock())
        except Exception:  # noqa: BLE001  it failed in judging too, which counted it
            return
        took = min(times[1] - times[0], times[2] - times[1])
        spent = self.spent.setdefault(rule.id, Spent())
        spent.samples += 1
        spent.seconds += took / 1e9 * (turn.batches - turn.reckoned.get(rule.id, 0))
        turn.reckoned[rule.id] = turn.batches
