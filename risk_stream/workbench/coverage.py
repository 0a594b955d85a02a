"""Which parts of a rule's condition its tests have seen true, false and unknown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from risk_stream.rules import Rule, limits_of
from risk_stream.rules.language.meaning import wording
from risk_stream.workbench.rule_tests import TestResult

__all__ = ["Cover", "Covered", "cover"]


@dataclass(frozen=True, slots=True)
class Covered:
    """A comparison of a rule, and on how many judged events of its tests it was true, false and unknown."""

    text: str
    true: int
    false: int
    unknown: int

    @property
    def seen(self) -> int:
        """How many of true and false were seen: 0, 1 or 2."""
        return (self.true > 0) + (self.false > 0)


@dataclass(frozen=True, slots=True)
class Cover:
    """What the tests of one rule have seen of it."""

    rule: str
    file: str
    line: int
    tests: int
    parts: tuple[Covered, ...]  # in the order of the condition; none where no test's event was judged

    @property
    def share(self) -> float:
        """The share of what can be seen, each comparison true and false, that was; 0 without tests."""
        return sum(part.seen for part in self.parts) / (2 * len(self.parts)) if self.parts else 0.0


def cover(rules: Iterable[Rule], results: Iterable[TestResult]) -> list[Cover]:
    """What the results of tests say of each rule, in the order of the rules.

    Every event that a rule judged in its tests counts, not the last one alone. That a comparison was never true, or
    never false, says that a test is missing, or that the comparison decides nothing. Unknown need not be seen: many
    values are always known. The days from and until which a rule judges need no test.
    """
    of_rule: dict[str, list[TestResult]] = {}
    for result in results:
        of_rule.setdefault(result.rule, []).append(result)
    return [_cover(rule, of_rule.get(rule.id, ())) for rule in rules]


def _cover(rule: Rule, results: Iterable[TestResult]) -> Cover:
    counts: dict[str, dict[bool | None, int]] = {}
    tests, days = 0, {wording(limit) for limit in limits_of(rule.validity)} if rule.validity is not None else set()
    for result in results:
        tests += 1
        for step in result.steps:
            for leaf in step.leaves():
                if leaf.text in days:
                    continue
                seen = counts.setdefault(leaf.text, {True: 0, False: 0, None: 0})
                seen[leaf.holds] += 1
    parts = tuple(Covered(text, seen[True], seen[False], seen[None]) for text, seen in counts.items())
    return Cover(rule.id, rule.file, rule.line, tests, parts)
