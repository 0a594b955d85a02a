"""What a rule says in expressions: its conditions, its score, and the names in its summary."""

from __future__ import annotations

import re

from risk_stream.catalogue import Node
from risk_stream.rules.declared.scope import Features, RuleScope, too_large
from risk_stream.rules.language.check import Noted
from risk_stream.rules.language.expression import ExpressionError, names
from risk_stream.rules.language.expression import Node as Tree
from risk_stream.rules.language.meaning import Condition, Constant, Kind, Meaning, Value, depth
from risk_stream.rules.language.sentence import PLACEHOLDER, said
from risk_stream.rules.limits import MAX_INLINED_DEPTH, MAX_LITERAL, MAX_NODES, MAX_TEXT
from risk_stream.rules.reading import NAME, Reader, kind_of

__all__ = ["Terms", "with_constants"]

#: As `PLACEHOLDER`, and a brace that is nothing of it.
_HOLE = re.compile(PLACEHOLDER.pattern + "|[{}]")


class Terms:
    """Reads the expressions of one rule, in its scope of names; `nodes` counts their operations and names."""

    def __init__(self, reader: Reader, scope: RuleScope) -> None:
        self._reader, self._scope = reader, scope
        self.nodes = 0

    def condition(self, node: Node | None, what: str = "when") -> Condition | None:
        """The meaning of `when`, or of a level of severity, or None with its problems reported."""
        if node is None:
            return None
        if not node.is_text:
            example = "when: amount > 1000" if what == "when" else "amount > 1000"
            self._reader.report(node, f"{what} is a condition, such as {example}, and this is {kind_of(node)}")
            return None
        tree = self._reader.parsed(node)
        if tree is None:
            return None
        if self._is_too_large(tree):
            self._reader.report(node, too_large("the condition"))
            return None
        condition = self._scope.checker.condition(tree)
        for error in self._scope.checker.errors:
            self._reader.report_in(node, error)
        if condition is not None and depth(condition) > MAX_INLINED_DEPTH:
            self._reader.report(node, too_large("the condition"))
            return None
        return condition

    def _is_too_large(self, tree: Tree) -> bool:
        nodes = self._scope.size(name.name for name in names(tree))
        self.nodes += nodes
        return nodes > MAX_NODES

    def score(self, node: Node | None) -> Value | None:
        """The meaning of `score`, a number or an expression, or None with its problems reported."""
        if node is None:
            return Constant(Kind.NUMBER, 0.0)
        return self.value(node, "score", (Kind.NUMBER, Kind.MONEY, Kind.DURATION))

    def value(self, node: Node, what: str, kinds: tuple[Kind, ...]) -> Value | None:
        """The meaning of a number or an expression of one of some kinds, or None with its problems reported."""
        if isinstance(node.value, int | float) and not isinstance(node.value, bool):
            if abs(node.value) <= MAX_LITERAL:
                return Constant(Kind.NUMBER, float(node.value))
            self._reader.report(node, f"{what} is too large a number: write a smaller one")
            return None
        if not node.is_text:
            self._reader.report(node, f"{what} is a number or an expression, and this is {kind_of(node)}")
            return None
        tree = self._reader.parsed(node)
        if tree is None:
            return None
        if self._is_too_large(tree):
            self._reader.report(node, too_large(what))
            return None
        value = self._scope.checker.value(tree)
        for error in self._scope.checker.errors:
            self._reader.report_in(node, error)
        if value is not None and value.kind not in kinds:
            self._reader.report(node, f"{what} is a number, and this is {value.kind.value}")
            return None
        return value

    def meaning(self, node: Node, what: str) -> Meaning | None:
        """The meaning of what may be a value or a condition, or None with its problems reported."""
        if not node.is_text:
            self._reader.report(node, f"{what} is an expression, and this is {kind_of(node)}")
            return None
        tree = self._reader.parsed(node)
        if tree is None:
            return None
        meaning = None if self._is_too_large(tree) else self._scope.checker.meaning(tree)
        for error in self._scope.checker.errors:
            self._reader.report_in(node, error)
        if self._is_too_large(tree) or (meaning is not None and depth(meaning) > MAX_INLINED_DEPTH):
            self._reader.report(node, too_large(what))
            return None
        return meaning

    @staticmethod
    def said_of(rule: str, summary: str) -> str:
        """The summary of a rule that is asked here, its names as an explanation has them."""
        return PLACEHOLDER.sub(lambda hole: hole[0] if hole[1] is None else f"{{{rule}.{hole[1].strip()}}}", summary)

    def placeholders(self, node: Node | None) -> tuple[str, ...]:
        """The names in a summary, problems reported."""
        found: dict[str, None] = {}
        if node is None or not node.is_text:
            return ()
        for hole in _HOLE.finditer(node.value):
            if hole[0] in {"{{", "}}"}:
                continue
            name = (hole[1] or "").strip()
            try:
                if not NAME.fullmatch(name):
                    raise ExpressionError(
                        "a brace holds the name of a field or a feature: write {name}, or {{ for a brace"
                    )
                if not isinstance(self._scope.resolve(name), Constant):
                    found[name] = None
            except ExpressionError as error:
                at = hole.start() + (hole[1] is not None)
                self._reader.report_in(node, ExpressionError(error.message, at))
            except Noted:
                pass
        return tuple(found)


def with_constants(reader: Reader, node: Node, summary: str, known: Features) -> str | None:
    """A summary with the constants it names in their place; None where it is too long so, which is reported."""

    def put(hole: re.Match[str]) -> str:
        constant = known.constants.get((hole[1] or "").strip())
        if not isinstance(constant, Constant):
            return hole[0]
        return said(constant, constant.value).replace("{", "{{").replace("}", "}}")

    whole = PLACEHOLDER.sub(put, summary)
    if len(whole) > MAX_TEXT:
        most = f"at most {MAX_TEXT:,} are allowed"
        reader.report(node, f"summary has {len(whole):,} characters with its constants, {most}")
        return None
    return whole
