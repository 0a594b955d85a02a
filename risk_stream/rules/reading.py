"""Reads keys of rule files: words, texts, one of several, noting what is wrong and where."""

from __future__ import annotations

import re

from risk_stream.catalogue import Field, FieldType, Node, Problem
from risk_stream.rules.language.check import nearest
from risk_stream.rules.language.expression import ExpressionError, parse
from risk_stream.rules.language.expression import Node as Tree
from risk_stream.rules.limits import MAX_PROBLEMS, MAX_TAGS, MAX_TEXT
from risk_stream.rules.place import problem_at
from risk_stream.rules.words import keys

__all__ = ["ID", "NAME", "WRITTEN", "EnoughError", "Reader", "fits", "kind_of"]

#: The ids of rules and other words; the names of features and constants.
ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")

#: What to do where a text is missing.
MISSING = {
    "id": "give the rule a name that no other has, such as large-outflow",
    "owner": "say who answers for the rule, here or at the top of the file",
    "summary": "say in a sentence what an alert means, with {names} of fields and features",
    "table": "give the decision table a name that no rule has, such as consumer-loans",
    "reason": "say in a sentence why, with {names} of fields and features",
    "scorecard": "give the scorecard a name that no other has, such as consumer",
    "model": "give the model a name that no other has, such as trade-novelty",
    "name": "say in a sentence what the test shows",
}


#: What a field's value is in a given event, for a sentence.
WRITTEN = {
    FieldType.STRING: "text (put a number in quotes)",
    FieldType.CHOICE: "text",
    FieldType.INTEGER: "a whole number",
    FieldType.NUMBER: "a number",
    FieldType.MONEY: "an amount",
    FieldType.BOOLEAN: "true or false",
    FieldType.TIMESTAMP: 'a time such as "2024-01-31T09:30:00Z"',
}


def kind_of(node: Node) -> str:
    """What a node is, for a sentence."""
    return node.kind if node.kind in {"text", "nothing"} else f"a {node.kind}"


def fits(field: Field, node: Node) -> bool:
    """Whether a written value can be a field's; nothing can be any field's."""
    value = node.value
    if value is None:
        return True
    if field.type.is_text:
        return isinstance(value, str) and (not field.choices or value in field.choices)
    if field.type is FieldType.TIMESTAMP:
        return isinstance(value, str | int) and not isinstance(value, bool)
    if field.type is FieldType.BOOLEAN:
        return isinstance(value, bool)
    whole = int if field.type is FieldType.INTEGER else int | float
    return isinstance(value, whole) and not isinstance(value, bool)


class EnoughError(Exception):
    """Raised when so much of a file is wrong that reading on helps nobody."""


class Reader:
    """Reads what stands under a key; what is wrong goes to `problems`, under the id of the `rule` that is read.

    Whatever reports raises `EnoughError` once `MAX_PROBLEMS` are noted.
    """

    def __init__(self, source: str, problems: list[Problem]) -> None:
        self.source, self.problems, self.rule = source, problems, ""
        self._lines: list[str] | None = None

    def report(self, node: Node, message: str) -> None:
        """Note what is wrong with a node."""
        self.note(node.problem(message, self.rule))

    def report_in(self, node: Node, error: ExpressionError) -> None:
        """Note what is wrong within the expression that a node holds."""
        if self._lines is None:
            self._lines = self.source.splitlines()
        self.note(problem_at(node, error.at, error.message, self.rule, self._lines))

    def note(self, problem: Problem) -> None:
        """Note a problem."""
        self.problems.append(problem)
        if len(self.problems) >= MAX_PROBLEMS:
            more = f"{MAX_PROBLEMS} things are wrong in this file: mend those named here, then the rest is checked"
            self.problems.append(Problem(problem.file, 0, 0, more))
            raise EnoughError

    def parsed(self, node: Node) -> Tree | None:
        """The tree of the expression that a node holds, or None with what is wrong noted."""
        try:
            return parse(node.value)
        except ExpressionError as error:
            self.report_in(node, error)
            return None

    def known(self, node: Node, known: tuple[str, ...], what: str) -> None:
        """Note keys of a mapping that are none of those known; `what` it is, for the sentence."""
        for key in keys(node):
            if key.value not in known:
                advice = nearest(key.value, known) or f": there are {', '.join(known)}"
                self.report(key, f"'{key.value}' is no part of {what}{advice}")

    def choice(self, node: Node, key: str, choices: tuple[str, ...], default: str | None) -> str | None:
        """One of some words under a key; where it is missing or none of them the default, which None makes a must."""
        found = node.get(key)
        if found is None:
            if default is None:
                self.report(node, f"'{key}' is missing: it is one of {', '.join(choices)}")
            return default
        if found.value not in choices:
            said = found.raw or kind_of(found)
            advice = nearest(said, choices) or f": it is one of {', '.join(choices)}"
            if len(choices) == 1:
                advice = f": it is {choices[0]}, or left out"
            self.report(found, f"{key} cannot be '{said}'{advice}")
            return default
        return str(found.value)

    def text(self, node: Node, key: str, default: str | None) -> str | None:
        """A text under a key, bare of space; where it is missing or wrong the default, which None makes a must."""
        found = node.get(key)
        if found is None:
            if default is None:
                self.report(node, f"'{key}' is missing: {MISSING[key]}")
            return default
        if not found.is_text:
            self.report(found, f"{key} must be text, and this is {kind_of(found)}")
            return default
        if not found.value.strip():
            self.report(found, f"{key} is empty: write it, or leave it out")
            return default
        if len(found.value) > MAX_TEXT:
            self.report(found, f"{key} has {len(found.value):,} characters, at most {MAX_TEXT:,} are allowed")
            return default
        return str(found.value).strip()

    def tags(self, node: Node) -> tuple[str, ...]:
        """The words of a list under `tags`."""
        found = node.get("tags")
        if found is None:
            return ()
        if not found.is_list or not all(t.is_text and ID.fullmatch(t.value) for t in found.value):
            self.report(found, "tags is a list of words (a-z 0-9 . _ -)")
            return ()
        if len(found.value) > MAX_TAGS:
            self.report(found, f"there are {len(found.value):,} tags, at most {MAX_TAGS} are allowed")
            return ()
        return tuple(t.value for t in found.value)

    def word(self, node: Node, key: str, default: str) -> str:
        """One word of a-z 0-9 . _ - under a key."""
        word = self.text(node, key, default) or default
        if not ID.fullmatch(word):
            self.report(node[key], f"{key} is one word of a-z 0-9 . _ -")
        return word
