"""A condition as a sentence for people who read no rule language: `amount is at least 4 and product is one of …`."""

from __future__ import annotations

from risk_stream.rules import Rule
from risk_stream.rules.explain import length
from risk_stream.rules.language.meaning import (
    Comparison,
    Condition,
    Constant,
    Either,
    Every,
    Kind,
    Listing,
    Meaning,
    Membership,
    Presence,
    Truth,
    Value,
    wording,
)
from risk_stream.workbench.trace import bare

__all__ = ["in_words", "value_in_words"]

_NUMBERS = {Kind.NUMBER, Kind.MONEY, Kind.DURATION}
_COMPARED = {
    "==": "is",
    "!=": "is not",
    ">": "is more than",
    ">=": "is at least",
    "<": "is less than",
    "<=": "is at most",
}
_IN_TIME = {**_COMPARED, ">": "is after", ">=": "is not before", "<": "is before", "<=": "is not after"}


def in_words(rule: Rule, condition: Condition) -> str:
    """A condition of a rule; features stand by their names, constants as the values that they have."""
    return _Speaker(rule).condition(condition, "")


def value_in_words(rule: Rule, value: Value) -> str:
    """A value of a rule, such as its score."""
    return _Speaker(rule).value(value)


class _Speaker:
    def __init__(self, rule: Rule) -> None:
        features = {name for name, _ in rule.features}
        self.names = {meaning: name for name, meaning in rule.named if name in features}

    def condition(self, condition: Condition, inside: str) -> str:
        """`inside` is the word that joins this condition to others: another one in it needs brackets."""
        if (name := self.names.get(condition)) is not None:
            return f"{name} holds"
        match condition:
            case Every(parts) | Either(parts):
                word = "and" if isinstance(condition, Every) else "or"
                said = f" {word} ".join(self.condition(part, word) for part in parts)
                return f"({said})" if inside not in ("", word) else said
            case Comparison(op, left, right):
                kinds = {getattr(side, "kind", None) for side in (left, right)}
                verb = (_IN_TIME if Kind.TIME in kinds else _COMPARED)[op]
                lasts = Kind.DURATION in kinds
                return f"{self.value(left, lasts=lasts)} {verb} {self.value(right, lasts=lasts)}"
            case Membership(value, constants, negated):
                members = sorted(constants) if value.kind is not Kind.TEXT else constants
                listed = ", ".join(self.value(Constant(value.kind, member)) for member in members)
                return f"{self.value(value)} is {'none' if negated else 'one'} of {listed}"
            case Listing(value, list_name, negated):
                return f"{self.value(value)} is {'not ' if negated else ''}on the list {list_name}"
            case Presence(value, missing):
                return f"{self.value(value)} is {'missing' if missing else 'known'}"
            case Truth(value, wanted):
                return f"{self.value(value)} is {'true' if wanted else 'false'}"

    def value(self, value: Value, *, lasts: bool = False) -> str:
        """`lasts`: it is compared with a duration, so a number is one too, in seconds."""
        if isinstance(value, Constant) and isinstance(value.value, float) and value.kind in _NUMBERS:
            ms = value.value * 1000
            return length(int(ms)) if lasts and ms > 0 and ms.is_integer() else f"{value.value:,.15g}"
        return bare(wording(value, self._called))

    def _called(self, meaning: Meaning) -> str | None:
        return self.names.get(meaning)
