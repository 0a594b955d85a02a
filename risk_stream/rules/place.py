"""Where in a file a character of a YAML text stands, so that an error in an expression points at its own column."""

from __future__ import annotations

from risk_stream.catalogue import Node, Problem

__all__ = ["problem_at"]


def problem_at(node: Node, offset: int, message: str, rule: str, source: str) -> Problem:
    """A Problem at the `offset`-th character of a scalar's text; `source` is the file's whole text.

    Exact for plain, quoted and block scalars of one line or more, as long as they hold no escapes.
    """
    line, column = _place(node, offset, source.splitlines())
    return Problem(node.file, line, column, message, rule)


def _place(node: Node, offset: int, lines: list[str]) -> tuple[int, int]:
    if node.style in ("|", ">"):
        line, column = node.line + 1, 1
    else:
        line, column = node.line, node.column + (node.style in ("'", '"'))
    left = offset
    while line <= len(lines):
        text = lines[line - 1][column - 1 :]
        indent = 0 if line == node.line else len(text) - len(text.lstrip())
        length = len(text.strip()) if line != node.line else len(text.rstrip())
        if left <= length or line == len(lines):
            return line, column + indent + min(left, length)
        left -= length + 1
        line, column = line + 1, 1
    return node.line, node.column
