"""Where in a file a character of a YAML text stands, so that an error in an expression points at its own column."""

from __future__ import annotations

from collections.abc import Sequence

from risk_stream.catalogue import Node, Problem, one_line

__all__ = ["problem_at"]

#: Characters behind a backslash in double quotes that name a character by its number, and how many digits follow.
_NUMBERED = {"x": 2, "u": 4, "U": 8}


def problem_at(node: Node, offset: int, message: str, rule: str, lines: Sequence[str]) -> Problem:
    """A Problem at the `offset`-th character of a scalar's text; `lines` are those of the whole file.

    The text and the file are walked side by side: folded lines, indentation, doubled quotes and escapes are skipped.
    """
    line, column = _Walk(node, lines).to(offset)
    return Problem(node.file, line, column, one_line(message), rule)


class _Walk:
    """A cursor in the file that follows the characters of a scalar."""

    def __init__(self, node: Node, lines: Sequence[str]) -> None:
        self._lines, self._text, self._style = lines, node.raw, node.style
        block = node.style in {"|", ">"}
        self._row = node.line if block else node.line - 1
        self._column = 0 if block else node.column - 1 + (node.style in {"'", '"'})

    def to(self, offset: int) -> tuple[int, int]:
        """(line, column) of a character, both from 1; of the end where the text has no such character."""
        place = (self._row, self._column)
        for character in self._text[: offset + 1]:
            if character.isspace() and self._at_line_end():
                place = (self._row, self._column)
                self._next_line()
                continue
            if not character.isspace():
                self._skip_space()
            place = (self._row, self._column)
            self._column += self._width()
        if offset >= len(self._text):
            place = (self._row, self._column)
        return place[0] + 1, place[1] + 1

    def _line(self) -> str:
        return self._lines[self._row] if self._row < len(self._lines) else ""

    def _at_line_end(self) -> bool:
        return not self._line()[self._column :].strip() and self._row + 1 < len(self._lines)

    def _next_line(self) -> None:
        self._row, self._column = self._row + 1, 0

    def _skip_space(self) -> None:
        while self._at_line_end():
            self._next_line()
        rest = self._line()[self._column :]
        self._column += len(rest) - len(rest.lstrip())
        if self._style == '"' and self._line()[self._column :].rstrip() == "\\":  # the line goes on in the next
            self._next_line()
            self._skip_space()

    def _width(self) -> int:
        """How many characters of the file stand for the one at the cursor."""
        rest = self._line()[self._column : self._column + 2]
        if self._style == "'" and rest == "''":
            return 2
        if self._style == '"' and rest[:1] == "\\":
            return 2 + _NUMBERED.get(rest[1:], 0)
        return 1
