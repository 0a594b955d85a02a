"""Several plans in one pass: their rules side by side in one plan, what they have in common once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from risk_stream.rules import Plan, Rule

__all__ = ["Sides", "Variant"]


@dataclass(frozen=True, slots=True)
class Variant:
    """One meaning of a rule, as one side or several have it. `name` is its id in the joint plan."""

    name: str
    rule: Rule
    sides: tuple[str, ...]


@dataclass(slots=True)
class Sides:
    """Plans of one catalogue by the name of their side, and the joint plan that judges for all of them.

    A rule that means the same on several sides is judged once, equal features of all rules are computed once. In the
    joint plan shadow rules are live, and those that are live for some keys are for all, so that what they would say is
    heard; a rule that is off on a side is not there.

    Raises:
        ValueError: the plans are of different catalogues.
        ProblemsError: the features of all sides together are more than a kind of key can keep.
    """

    plans: Mapping[str, Plan]
    plan: Plan = field(init=False)
    variants: dict[str, Variant] = field(init=False)  # by name
    _judged: dict[tuple[str, str], Rule] = field(init=False)

    def __post_init__(self) -> None:
        first = next(iter(self.plans.values()))
        if any(plan.catalogue.version != first.catalogue.version for plan in self.plans.values()):
            raise ValueError("the sides must have the same event types")
        found: dict[tuple[str, str], list[tuple[str, Rule]]] = {}
        for side, plan in self.plans.items():
            for rule in plan.judged:
                found.setdefault((rule.id, rule.version), []).append((side, rule))
        meanings: dict[str, int] = {}
        self.variants = {}
        for (rule_id, _), held in found.items():
            number = meanings[rule_id] = meanings.get(rule_id, 0) + 1
            # "@" is in no rule's id
            name = rule_id if number == 1 else f"{rule_id}@{number}"
            rule = held[0][1]
            self.variants[name] = Variant(name, rule, tuple(side for side, _ in held))
        wheres = {key: where for plan in self.plans.values() for key, where in plan.wheres.items()}
        calendars = {name: calendar for plan in self.plans.values() for name, calendar in plan.calendars.items()}
        rules = (replace(v.rule.for_all(), id=v.name) for v in self.variants.values())
        models = {model.version: model for plan in self.plans.values() for model in plan.models}
        self.plan = Plan(first.catalogue, rules, wheres, calendars=calendars, models=models.values())

        self._judged = {(side, rule.id): rule for side, plan in self.plans.items() for rule in plan.judged}

    def rule(self, side: str, rule_id: str) -> Rule | None:
        """A rule as a side has it; None where it has none, or it is off."""
        return self._judged.get((side, rule_id))

    def is_live(self, side: str, rule_id: str, keys: Mapping[str, str]) -> bool:
        """Whether a side shows what a rule says of an event with these keys, by their kinds."""
        rule = self.rule(side, rule_id)
        return rule is not None and rule.mode_of(keys) == "live"
