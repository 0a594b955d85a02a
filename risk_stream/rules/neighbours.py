"""What expressions of one file may ask of other files of the house: scorecards, and whether a rule fires."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias

from risk_stream.rules.check import Noted, nearest
from risk_stream.rules.expression import CARD, FIRED, ExpressionError
from risk_stream.rules.model import Card, Rule

__all__ = ["NOTHING", "Name", "Neighbour", "Neighbours"]

Name: TypeAlias = tuple[str, str]
"""What is asked, as the function that asks it, and its name."""

Neighbour: TypeAlias = Card | Rule | None
"""What has a name; None where it is wrong in itself, which is reported where it stands."""

#: Stands for what there is not.
NOTHING: Mapping[Name, Neighbour] = MappingProxyType({})


class Neighbours:
    """Scorecards and rules by name, as one file asks them; `asked` is what it has asked so far, and what it was told.

    Only where `may_ask_rules` a rule can be asked: in a decision table.
    """

    def __init__(self, known: Mapping[Name, Neighbour], *, may_ask_rules: bool) -> None:
        self._known, self._may_ask_rules = known, may_ask_rules
        self.asked: dict[Name, object] = {}

    def card(self, name: str) -> Card:
        """A scorecard. Raises `ExpressionError` where there is none, and `Noted` where it is wrong."""
        found = self._named(CARD, name, "scorecard")
        assert isinstance(found, Card)
        return found

    def rule(self, name: str) -> Rule:
        """A rule of which can be asked whether it fires. Raises `ExpressionError`, or `Noted` where it is wrong."""
        if not self._may_ask_rules:
            raise ExpressionError("fired() stands in the rows of a decision table: a rule cannot ask another one")
        found = self._named(FIRED, name, "rule")
        assert isinstance(found, Rule)
        wrong = ""
        if found.after is not None:
            wrong = "judges some time after its event, when the decision is made already"
        elif found.mode == "off":
            wrong = "is off: make it live or shadow, or leave it out here"
        elif found.approximate:
            wrong = "takes inexact values as exact, and a decision does not"
        if wrong:
            raise ExpressionError(f"the rule '{name}' {wrong}")
        return found

    def _named(self, what: str, name: str, word: str) -> Card | Rule:
        self.asked[what, name] = self._known.get((what, name), NOTHING)
        if (what, name) in self._known:
            found = self._known[what, name]
            if found is None:
                raise Noted
            return found
        others = [other for of, other in self._known if of == what]
        none = ": no file of the house has one" if not others else ": name one of the rule files"
        raise ExpressionError(f"there is no {word} '{name}'{nearest(name, others) or none}")
