"""Constants, and those with cases: one name for values that differ by a text of the event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from risk_stream.catalogue import Node
from risk_stream.rules.language.check import Resolver, nearest
from risk_stream.rules.language.expression import ExpressionError
from risk_stream.rules.language.meaning import ByCase, Constant, Kind, Value
from risk_stream.rules.limits import MAX_LITERAL, MAX_LITERALS, MAX_TEXT
from risk_stream.rules.words import keys

__all__ = ["BY", "OTHERWISE", "Cases", "constant_of", "misfits", "read_cases"]

#: The key that names what a constant with cases goes by, and the case of all other texts (and values of a severity).
BY, OTHERWISE = "by", "otherwise"


@dataclass(frozen=True, slots=True)
class Cases:
    """A constant with cases as it is declared; what `by` means depends on where the constant stands."""

    name: str
    node: Node
    by: str
    kind: Kind
    cases: tuple[tuple[str, float | str], ...]
    otherwise: float | str | None

    def meaning(self, resolve: Resolver) -> ByCase:
        """What it is where `resolve` gives names their meaning. Raises `ExpressionError`, or what `resolve` does."""
        try:
            by = resolve(self.by)
        except ExpressionError as error:
            raise ExpressionError(f"'{self.name}' goes by '{self.by}': {error.message}") from None
        if isinstance(by, Constant | ByCase) or not isinstance(by, Value) or by.kind is not Kind.TEXT:
            raise ExpressionError(f"'{self.name}' goes by '{self.by}', which is no text of an event")
        return ByCase(self.kind, by, self.cases, self.otherwise)


def constant_of(node: Node) -> Constant | None:
    """The constant that a node writes; None where it is neither number, text, true nor false, or too large."""
    value = node.value
    if isinstance(value, bool):
        return Constant(Kind.BOOLEAN, float(value))
    if isinstance(value, int | float) and abs(value) <= MAX_LITERAL:
        return Constant(Kind.NUMBER, float(value))
    if isinstance(value, str) and 0 < len(value) <= MAX_TEXT:
        return Constant(Kind.TEXT, value)
    return None


def read_cases(key: Node, node: Node, report: Callable[[Node, str], None]) -> Cases | None:
    """The cases that a mapping declares under a name, or None with what is wrong reported."""
    example = f"{key.value}: {{by: channel, app: 5000, otherwise: 10000}}"
    by = node.get(BY)
    if by is None or not by.is_text:
        report(by or node, f"a constant with cases goes by a text of the event, as in {example}")
        return None
    written = [(case, child) for case, child in node.items() if case.value != BY]
    if all(case.value == OTHERWISE for case, _ in written) or len(written) > MAX_LITERALS:
        report(node, f"a constant with cases has one case or more, at most {MAX_LITERALS}, as in {example}")
        return None
    found: dict[str, Constant] = {}
    for case, child in written:
        value = constant_of(child)
        if value is None:
            report(child, f"the case '{case.value}' of '{key.value}' is a number, a text, true or false")
            return None
        first, other = next(iter(found.items()), (case.value, value))
        if value.kind is not other.kind:
            kinds = f"'{first}' is {other.kind.value}, and '{case.value}' is {value.kind.value}"
            report(child, f"all cases of '{key.value}' are of one kind: {kinds}")
            return None
        found[case.value] = value
    otherwise = found.pop(OTHERWISE, None)
    cases = tuple(sorted((text, value.value) for text, value in found.items()))
    kind = next(iter(found.values())).kind
    return Cases(key.value, node, str(by.value), kind, cases, None if otherwise is None else otherwise.value)


def misfits(cases: Cases, choices: tuple[str, ...]) -> list[tuple[Node, str]]:
    """(where, what) of each case that is none of the `choices` of the text that they go by, where it has any."""
    found = []
    for key in keys(cases.node):
        if choices and key.value not in {BY, OTHERWISE, *choices}:
            advice = nearest(key.value, choices) or f": it is one of {', '.join(choices)}"
            found.append((key, f"'{cases.by}' is never \"{key.value}\"{advice}"))
    return found
