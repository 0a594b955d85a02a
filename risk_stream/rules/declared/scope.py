"""What the names in a rule file stand for: the features of the file, each checked once, and the fields of events."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from risk_stream.catalogue import Catalogue, EventType, Node
from risk_stream.features import Aggregate
from risk_stream.rules.declared.aggregates import Feature
from risk_stream.rules.declared.cases import BY, Cases, misfits
from risk_stream.rules.declared.neighbours import MODEL_FUNCTIONS, Neighbours
from risk_stream.rules.language.check import Checker, Noted, Resolver, aggregate_value, field_value, nearest
from risk_stream.rules.language.events import Pattern, has_key, shared_field
from risk_stream.rules.language.expression import CARD, MOVED, SEGMENT, ExpressionError, names
from risk_stream.rules.language.functions import Vocabulary
from risk_stream.rules.language.meaning import (
    AggregateValue,
    ByCase,
    Constant,
    FieldValue,
    Meaning,
    depth,
    leaves,
    size,
)
from risk_stream.rules.limits import MAX_INLINED_DEPTH, MAX_NODES

__all__ = ["Features", "RuleScope"]


class Features:
    """The features, constants and patterns of one file. None stands for what is wrong in itself, which was reported."""

    def __init__(
        self,
        catalogue: Catalogue,
        vocabulary: Vocabulary,
        report_in: Callable[[Node, ExpressionError], None],
        neighbours: Neighbours,
    ) -> None:
        self.catalogue, self.vocabulary, self.neighbours = catalogue, vocabulary, neighbours
        self.declared: dict[str, Feature | None] = {}
        self.constants: dict[str, Constant | Cases | None] = {}
        self.patterns: dict[str, Pattern | None] = {}
        self.used: set[str] = set()
        self._report_in = report_in
        self._meanings: dict[str, Meaning | None] = {}
        self._sizes: dict[str, int] = {}
        self._fits: dict[tuple[str, tuple[str, ...]], str] = {}
        self._checker = Checker(self.resolve, catalogue.fields, vocabulary)

    def check(self) -> None:
        """Give every feature its meaning, those that others need first; report what is wrong."""
        for name in self.declared:
            self._settle(name)

    def check_cases(self, constants: Iterable[str], report: Callable[[Node, str], None]) -> None:
        """Check what some constants go by, once the features have a meaning; report what is wrong."""
        for name in constants:
            cases = self.constants.get(name)
            if not isinstance(cases, Cases):
                continue
            try:
                by = cases.meaning(self.resolve).by
                wrong = misfits(cases, self._checker.choices(by))
            except ExpressionError as error:
                wrong = [(cases.node[BY], error.message)]
            except Noted:
                wrong = []
            for node, message in wrong:
                self.constants[name] = None
                report(node, message)

    def meaning(self, name: str) -> Meaning:
        """What a feature stands for. Raises `Noted` where it is wrong."""
        meaning = self._meanings.get(name)
        if meaning is None:
            raise Noted
        return meaning

    def constant(self, name: str, resolve: Resolver) -> Constant | ByCase:
        """What a constant stands for where `resolve` gives names their meaning.

        Raises `Noted` where it is wrong, and `ExpressionError` where that by which it has cases is.
        """
        self.used.add(name)
        constant = self.constants[name]
        if constant is None:
            raise Noted
        return constant.meaning(resolve) if isinstance(constant, Cases) else constant

    def goes_by(self, name: str) -> str | None:
        """The name by which a constant has cases; None for other names."""
        constant = self.constants.get(name)
        return constant.by if isinstance(constant, Cases) else None

    def size(self, name: str) -> int:
        """How many operations a name stands for, those of the features in it included."""
        constant = self.constants.get(name)
        return len(constant.cases) if isinstance(constant, Cases) else self._sizes.get(name, 1)

    def needs(self, name: str) -> list[str]:
        """The names that stand in a feature's expression, and those by which constants in it have cases."""
        feature = self.declared.get(name)
        found = [n.name for n in names(feature.tree)] if feature is not None and feature.tree is not None else []
        return found + [by for by in map(self.goes_by, found) if by is not None]

    def misfit(self, name: str, types: tuple[EventType, ...]) -> str:
        """Why events of some types cannot have a feature, or nothing."""
        key = (name, tuple(t.name for t in types))
        if key not in self._fits:
            self._fits[key] = self.misfit_of(self.meaning(name), types)
        return self._fits[key]

    def misfit_of(self, meaning: Meaning, types: tuple[EventType, ...]) -> str:
        """Why events of some types cannot have what is meant, or nothing."""
        for leaf in leaves(meaning):
            if isinstance(leaf, AggregateValue):
                by = leaf.aggregate.by
                for event_type in types:
                    if not has_key(self.catalogue, event_type, by):
                        return f"is kept by {by}, and {event_type.name} has no {by}"
                    model = self.neighbours.model_of(leaf.aggregate.id)
                    if model is not None and event_type.name not in model.on:
                        return (
                            f"asks the model '{model.id}', which scores {', '.join(model.on)} and no {event_type.name}"
                        )
                    if leaf.aggregate.op.is_baseline and event_type.field(leaf.aggregate.field or "") is None:
                        field = leaf.aggregate.field
                        return f"compares the event's own {field} with others, and {event_type.name} has no {field}"
            else:
                try:
                    shared_field(types, leaf.name)
                except ExpressionError as error:
                    return f"cannot be used here: {error.message}"
        return ""

    def _settle(self, first: str) -> None:
        """Check a feature after those it needs, without recursion: a file may chain many."""
        pending, path = [first], list[str]()
        while pending:
            name = pending[-1]
            if name in self._meanings:
                pending.pop()
            elif path and path[-1] == name:
                path.pop()
                self._meanings[name] = self._checked(name)
            else:
                path.append(name)
                for needed in dict.fromkeys(self.needs(name)):
                    if needed in path:
                        self._report_circle(name, needed, [*path[path.index(needed) :], needed])
                        self._meanings[name] = None
                        path.pop()
                        break
                    if needed in self.declared and needed not in self._meanings:
                        pending.append(needed)

    def _report_circle(self, name: str, needed: str, path: list[str]) -> None:
        feature = self.declared[name]
        assert feature is not None
        assert feature.tree is not None
        at = next(n.at for n in names(feature.tree) if needed in (n.name, self.goes_by(n.name)))
        self._report_in(feature.node, ExpressionError(f"the feature '{needed}' needs itself: {' -> '.join(path)}", at))

    def _checked(self, name: str) -> Meaning | None:
        feature = self.declared[name]
        if feature is None:
            return None
        if feature.aggregate is not None:
            self._sizes[name] = 1
            return aggregate_value(feature.aggregate, self.catalogue.field(feature.aggregate.field or ""))
        assert feature.tree is not None
        total = sum(self.size(n.name) for n in names(feature.tree))
        if total > MAX_NODES:
            self._report_in(feature.node, ExpressionError(too_large("the feature")))
            return None
        meaning = self._checker.meaning(feature.tree)
        for error in self._checker.errors:
            self._report_in(feature.node, error)
        if meaning is None:
            return None
        self._sizes[name] = size(meaning)
        if self._sizes[name] > MAX_NODES or depth(meaning) > MAX_INLINED_DEPTH:
            self._report_in(feature.node, ExpressionError(too_large("the feature")))
            return None
        return meaning

    def resolve(self, name: str) -> Meaning:
        """The meaning of a feature, a constant or a field. Raises `ExpressionError`, or `Noted`."""
        if name in self.declared:
            return self.meaning(name)
        if name in self.constants:
            return self.constant(name, self.resolve)
        if asked := _asked(name):
            function, other = asked
            if function == CARD:
                return self.neighbours.card(other).value
            if function in MODEL_FUNCTIONS:
                return self.neighbours.model(function, other)
            raise ExpressionError("fired() stands in the rows of a decision table, not in a feature")
        field = self.catalogue.field(name)
        if field is None:
            near = nearest(name, (*self.declared, *self.constants, *self.catalogue.fields))
            raise ExpressionError(f"there is no feature, constant or field '{name}'{near}")
        return field_value(field)


def _asked(name: str) -> tuple[str, str] | None:
    """(function, name) of a name that stands for a call which asks other files, as `functions.call_of` makes it."""
    function, call, rest = name.partition('("')
    return (function, rest.removesuffix('")')) if call else None


def too_large(what: str) -> str:
    """The sentence about an expression that is too large once its features are in their place."""
    return f"{what} has more than {MAX_NODES:,} operations with the features in it: simplify it"


class RuleScope:
    """The names one rule can use: the file's features, and the fields that all types it judges have.

    `named` collects what the rule has named so far, the features within features too.
    """

    def __init__(self, features: Features, types: tuple[EventType, ...]) -> None:
        self.named: dict[str, Meaning] = {}
        self.checker = Checker(self.resolve, features.catalogue.fields, features.vocabulary)
        self._features, self._types = features, types

    def resolve(self, name: str) -> Meaning:
        """The meaning of a feature or a field. Raises `ExpressionError`, or `Noted`."""
        meaning = self.named.get(name)
        if meaning is None:
            if name in self._features.constants:
                return self._constant(name)
            if asked := _asked(name):
                return self._neighbour(name, *asked)
            meaning = self._feature(name) if name in self._features.declared else self._field(name)
            self.named[name] = meaning
            self._name_parts(name)
        return meaning

    def size(self, parts: Iterable[str]) -> int:
        """How many operations some names stand for together."""
        return sum(self._features.size(name) for name in parts)

    def aggregates(self) -> tuple[Aggregate, ...]:
        """Every aggregate that a name of the rule needs, once each."""
        found = (leaf.aggregate for m in self.named.values() for leaf in leaves(m) if isinstance(leaf, AggregateValue))
        return tuple(dict.fromkeys(found))

    def fields(self) -> frozenset[str]:
        """Every field of the event that a name of the rule needs."""
        return frozenset(leaf.name for m in self.named.values() for leaf in leaves(m) if isinstance(leaf, FieldValue))

    def _constant(self, name: str) -> Constant | ByCase:
        """What a constant stands for here. One with cases is a value of each event: an alert shows which it was."""
        constant = self._features.constant(name, self.resolve)
        if isinstance(constant, ByCase):
            self.named[name] = constant
        return constant

    def _neighbour(self, name: str, function: str, other: str) -> Meaning:
        """What a scorecard, a model or a rule of another file stands for, and what an explanation says of it."""
        features, parts = self._features, dict[str, Meaning]()
        if function == CARD:
            card = features.neighbours.card(other)
            meaning: Meaning = card.value
            parts = {f"{other}.{one.name}": one.value for one in card.characteristics}
        elif function in MODEL_FUNCTIONS:
            meaning = features.neighbours.model(function, other)
            if function != SEGMENT:
                parts = {f"{other}.{MOVED}": features.neighbours.model(MOVED, other)}
        else:
            rule = features.neighbours.rule(other)
            judged = [t.name for t in self._types if t.name not in rule.on]
            if judged:
                raise ExpressionError(f"the rule '{other}' judges {', '.join(rule.on)}, and not {', '.join(judged)}")
            meaning = rule.condition
            parts = {f"{other}.{said}": rule.meaning(said) for said in rule.summary_names}
        if misfit := features.misfit_of(meaning, self._types):
            asking = name if function in MODEL_FUNCTIONS else f"the {function} '{other}'"
            raise ExpressionError(f"{asking} {misfit}")
        self.named[name] = meaning
        self.named.update(parts)
        return meaning

    def _feature(self, name: str) -> Meaning:
        self._features.used.add(name)
        meaning = self._features.meaning(name)
        misfit = self._features.misfit(name, self._types)
        if misfit:
            raise ExpressionError(f"the feature '{name}' {misfit}")
        return meaning

    def _field(self, name: str) -> FieldValue:
        try:
            return field_value(shared_field(self._types, name))
        except ExpressionError:
            known = {f.name for t in self._types for f in t.all_fields}
            if name in known:  # some of the types have it
                raise
            judged = ", ".join(t.name for t in self._types)
            others = [t.name for t in self._features.catalogue if t.field(name) is not None]
            if others:
                raise ExpressionError(f"'{name}' is a field of {', '.join(others)}, not of {judged}") from None
            near = nearest(name, (*self._features.declared, *self._features.constants, *known))
            advice = near or f": name a feature or constant of this file or a field of {judged}"
            raise ExpressionError(f"there is no feature, constant or field '{name}' here{advice}") from None

    def _name_parts(self, name: str) -> None:
        """Name what a feature is made of too, so that an alert can explain it."""
        pending = self._features.needs(name)
        while pending:
            part = pending.pop(0)
            if part in self.named:
                continue
            if part in self._features.declared:
                self._features.used.add(part)
                self.named[part] = self._features.meaning(part)
                pending += self._features.needs(part)
            elif part in self._features.constants:
                self._constant(part)
            elif asked := _asked(part):
                self._neighbour(part, *asked)
            else:
                self.named[part] = self._field(part)
