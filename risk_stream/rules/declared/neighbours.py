"""What expressions of one file may ask of other files of the house: scorecards, models, and whether a rule fires."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias

from risk_stream.rules.language.check import Noted, nearest
from risk_stream.rules.language.expression import CARD, FIRED, MOVED, OVER, SCORE, SEGMENT, ExpressionError
from risk_stream.rules.language.meaning import AggregateValue
from risk_stream.rules.model import Card, Rule
from risk_stream.rules.scored import Scored

__all__ = ["MODEL_FUNCTIONS", "NOTHING", "Name", "Neighbour", "Neighbours"]

Name: TypeAlias = tuple[str, str]
"""What is asked, as the function that asks it, and its name."""

Neighbour: TypeAlias = Card | Rule | Scored | None
"""What has a name; None where it is wrong in itself, which is reported where it stands."""

#: Functions that ask a model.
MODEL_FUNCTIONS = (SCORE, OVER, MOVED, SEGMENT)
#: Files that are read before models are known, or that models may ask.
_ASK_NO_MODEL = {
    "library": "a file that others import",
    "scorecard": "a scorecard",
    "segments": "a model that gives segments",
    "model": "a model",
}
#: What each kind of file may ask of models all the same.
_MAY_ASK = {"model": (SEGMENT,)}

#: Stands for what there is not.
NOTHING: Mapping[Name, Neighbour] = MappingProxyType({})


class Neighbours:
    """Scorecards, models and rules by name, as one file asks them.

    `asked` is what it has asked so far, and what it was told. `kind` is that of the file, one of `load.KINDS`: a rule
    can be asked in a decision table alone, a model by rules and tables alone, for segments by other models too.
    """

    def __init__(self, known: Mapping[Name, Neighbour], kind: str) -> None:
        self._known, self._kind = known, kind
        self.asked: dict[Name, object] = {}
        self._models: dict[str, Scored] = {}  # by the ids of what was asked of them

    def card(self, name: str) -> Card:
        """A scorecard. Raises `ExpressionError` where there is none, and `Noted` where it is wrong."""
        found = self._named(CARD, name, "scorecard")
        assert isinstance(found, Card)
        return found

    def rule(self, name: str) -> Rule:
        """A rule of which can be asked whether it fires. Raises `ExpressionError`, or `Noted` where it is wrong."""
        if self._kind != "table":
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

    def model(self, function: str, name: str) -> AggregateValue:
        """What a model says, as one of `MODEL_FUNCTIONS` asks it.

        Raises `ExpressionError` where there is none that can be asked here, and `Noted` where it is wrong.
        """
        if self._kind in _ASK_NO_MODEL and function not in _MAY_ASK.get(self._kind, ()):
            raise ExpressionError(f"{_ASK_NO_MODEL[self._kind]} cannot ask a model: ask it where the result is used")
        found = self.model_named(name)
        if found.mode == "off":
            raise ExpressionError(f"the model '{name}' is off: make it live or shadow, or leave it out here")
        if function == SEGMENT and found.segment is None:
            raise ExpressionError(f"the model '{name}' gives a score and no segment: ask score(\"{name}\")")
        value = found.value(function)
        self._models[value.aggregate.id] = found
        return value

    def model_named(self, name: str) -> Scored:
        """A model. Raises `ExpressionError` where there is none, and `Noted` where it is wrong."""
        found = self._named(SCORE, name, "model")
        assert isinstance(found, Scored)
        return found

    def model_of(self, aggregate: str) -> Scored | None:
        """The model that gives an aggregate that was asked, by its id."""
        return self._models.get(aggregate)

    def _named(self, what: str, name: str, word: str) -> Card | Rule | Scored:
        self.asked[what, name] = self._known.get((what, name), NOTHING)
        if (what, name) in self._known:
            found = self._known[what, name]
            if found is None:
                raise Noted
            return found
        others = [other for of, other in self._known if of == what]
        none = ": no file of the house has one" if not others else ": name one of the rule files"
        raise ExpressionError(f"there is no {word} '{name}'{nearest(name, others) or none}")
