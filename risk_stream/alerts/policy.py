"""How a house works its alerts: what makes a case, what is escalated when, what inhibits what, what models are told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

__all__ = ["DAY_MS", "KINDS", "SEVERITIES", "Inhibit", "Policy", "circle"]

#: From the least to the most severe.
SEVERITIES = ("info", "low", "medium", "high", "critical")

#: Kinds of key that a life has, where its alert names one; the first is what a case is of, unless the house says so.
KINDS = ("group", "customer", "account", "loan", "instrument", "device", "counterparty")

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Inhibit:
    """While an alert of a cause is not closed, nobody is told of alerts of its effects with the same keys."""

    causes: frozenset[str]  # rules
    effects: frozenset[str]
    same: tuple[str, ...]  # kinds of key


@dataclass(frozen=True)
class Policy:
    """Periods in ms. The kinds of key that a case may be of stand in the order in which they are asked for."""

    case_by: tuple[str, ...] = KINDS
    quiet_ms: int = DAY_MS  # after the last of a case's alerts is closed, and nothing came for so long, it is over
    remember_ms: int = 90 * DAY_MS  # closed lives, ended silences and acts are forgotten after this
    longest_snooze_ms: int = 7 * DAY_MS
    longest_silence_ms: int = 30 * DAY_MS
    escalate_ms: Mapping[str, int] = field(default_factory=dict)  # severity -> how long at one level with nobody on it
    levels: int = 1  # of people who are told; from the last one nothing goes higher by itself
    inhibits: tuple[Inhibit, ...] = ()
    outcome_of_rule: Mapping[str, str] = field(default_factory=dict)  # rule -> what a confirmed alert of it teaches
    outcome_of_stage: Mapping[str, str] = field(default_factory=dict)  # the same of rules that are not named

    def outcome(self, rule: str, stage: str) -> str | None:
        """The label of an event of which an alert was confirmed; None where models are told nothing."""
        return self.outcome_of_rule.get(rule) or self.outcome_of_stage.get(stage)


def circle(inhibits: Iterable[Inhibit]) -> list[str]:
    """Rules that inhibit one another in a circle, the first again at the end; none where there is no circle.

    In a circle each would keep people from being told of the other.
    """
    effects: dict[str, set[str]] = {}
    for one in inhibits:
        for cause in one.causes:
            effects.setdefault(cause, set()).update(one.effects)
    done: set[str] = set()
    for start in sorted(effects):
        way: list[str] = []
        found = _around(start, effects, way, done)
        if found:
            return found
    return []


def _around(rule: str, effects: Mapping[str, set[str]], way: list[str], done: set[str]) -> list[str]:
    if rule in way:
        return [*way[way.index(rule) :], rule]
    if rule in done:
        return []
    way.append(rule)
    for effect in sorted(effects.get(rule, ())):
        found = _around(effect, effects, way, done)
        if found:
            return found
    way.pop()
    done.add(rule)
    return []
