"""YAML with the place of every value, for files that people write: event types here, rules elsewhere.

    root = read_yaml(Path("rules/velocity.yaml"))          # or read_yaml(text, "name shown in errors")
    root["rules"].value[0]["when"].line                    # 1-based; .column too

`read_yaml` raises `ProblemsError` with every fault of form it found: not YAML, too large, too deep, an anchor or alias
(no bomb is ever expanded), a tag, a key given twice, a character that cannot be seen or turns the text around it, more
than one document. An empty file is a Node of None.

A `Node` has
* `.value`: `dict[str, Node]` of a mapping, `list[Node]` of a list, or `str | int | float | bool | None` of a scalar;
* `.line`, `.column`, `.file`; `.raw`, a scalar's text as written; `.style`, "" plain, or one of `'` `"` `|` `>`;
* `.is_mapping`, `.is_list`, `.is_text`; `.kind`, for messages: mapping, list, text, number, yes-or-no, nothing;
* `.get(key)`, the child Node or None; `node[key]`; `key in node`; `.items()`, pairs (key Node, child Node);
* `.key(name)`, the Node of a key itself, for faults of the key and not of its value;
* `.plain()`, ordinary Python values all the way down;
* `.problem(message, rule="")`, a Problem at this place.

Scalars are read as YAML 1.2 does: only `true` and `false` are yes-or-no (so `on:` and `no` stay text), numbers are
decimal, `null`, `~` and nothing are None. Dates stay text. Keys are always text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from risk_stream.catalogue.problems import Problem, ProblemsError, one_line

__all__ = ["MAX_BYTES", "MAX_DEPTH", "MAX_NODES", "Node", "Scalar", "hidden_character", "read_yaml"]

#: Bytes of one file. 20,000 rules fit.
MAX_BYTES = 16 * 1024 * 1024
#: Mappings and lists within one another.
MAX_DEPTH = 40
#: Values and keys of one file: so many of the shortest take about 100 MiB.
MAX_NODES = 600_000
#: Doubled keys named before the reader stops looking.
MAX_PROBLEMS = 100

Scalar: TypeAlias = str | int | float | bool | None

_INTEGER = re.compile(r"[-+]?[0-9]+")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("null", "Null", "NULL", "~", ""), None),
}
#: What a reader does not see, or sees in another order than a program: line ends that editors do not show, direction
#: controls (https://trojansource.codes), zero-width characters. Joiners, which scripts and emoji need, are allowed.
_INVISIBLE = "\x85\xad\u200b\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
_IN_FILE = re.compile(f"[{_INVISIBLE}]")
#: The same in a text that was written with escapes, and what commands a terminal; the parser refuses that as it stands.
_IN_TEXT = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{_INVISIBLE}]")
_NUMBER_STARTS = frozenset("0123456789+-.")
#: Longer runs of digits are no number anybody means, and slow to read as one.
_MAX_DIGITS = 40

#: Why such a character is refused.
_UNSEEN = "does not show, or changes how the text around it shows; remove it"

# libyaml where PyYAML was built with it (its wheels are): about ten times as fast as the parser in Python.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


_NO_KEYS: dict[str, Node] = {}


class Node:
    """A value with its place in a file; the module's docstring lists what it can do."""

    __slots__ = ("_keys", "column", "file", "line", "raw", "style", "value")

    def __init__(
        self,
        value: dict[str, Node] | list[Node] | Scalar,
        file: str,
        line: int,
        column: int,
        raw: str = "",
        style: str = "",
    ) -> None:
        self.value: Any = value
        self.file, self.line, self.column, self.raw, self.style = file, line, column, raw, style
        self._keys = _NO_KEYS

    @property
    def is_mapping(self) -> bool:
        """Whether the value is a mapping."""
        return isinstance(self.value, dict)

    @property
    def is_list(self) -> bool:
        """Whether the value is a list."""
        return isinstance(self.value, list)

    @property
    def is_text(self) -> bool:
        """Whether the value is text: quoted, or plain and neither number, yes-or-no nor nothing."""
        return isinstance(self.value, str)

    @property
    def kind(self) -> str:
        """The sort of value in one word, for messages."""
        if isinstance(self.value, bool):
            return "yes-or-no"
        words = {dict: "mapping", list: "list", str: "text", int: "number", float: "number"}
        return words.get(type(self.value), "nothing")

    def get(self, key: str) -> Node | None:
        """The child under `key`; None where there is none or this is no mapping."""
        return self.value.get(key) if isinstance(self.value, dict) else None

    def __getitem__(self, key: str) -> Node:
        node = self.get(key)
        if node is None:
            raise KeyError(key)
        return node

    def __contains__(self, key: object) -> bool:
        return isinstance(self.value, dict) and key in self.value

    def items(self) -> Iterator[tuple[Node, Node]]:
        """(key, child) of a mapping, in file order; nothing of anything else."""
        if isinstance(self.value, dict):
            for key, child in self.value.items():
                yield self._keys[key], child

    def key(self, name: str) -> Node:
        """The Node of the key `name` itself."""
        return self._keys[name]

    def fill(self, children: dict[str, Node], keys: dict[str, Node]) -> None:
        """Make this a mapping of `children`, their keys' places being those of `keys`."""
        self.value, self._keys = children, keys

    def plain(self) -> Any:
        """Ordinary Python values all the way down."""
        if isinstance(self.value, dict):
            return {key: child.plain() for key, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.plain() for child in self.value]
        return self.value

    def problem(self, message: str, rule: str = "") -> Problem:
        """A Problem at this place."""
        return Problem(self.file, self.line, self.column, one_line(message), rule)

    def __repr__(self) -> str:
        return f"Node({self.plain()!r}, {self.file}:{self.line}:{self.column})"


def read_yaml(source: str | Path, name: str | None = None) -> Node:
    """Read a file (a Path) or text (a str; `name` is what errors call it). Raises ProblemsError, see above."""
    shown = name if name is not None else str(source) if isinstance(source, Path) else "<text>"
    text = _read(source, shown) if isinstance(source, Path) else source
    if len(text) > MAX_BYTES:
        raise ProblemsError([_too_large(shown)])
    if (hidden := _IN_FILE.search(text, text.startswith("\ufeff"))) is not None:
        raise ProblemsError([_at(text, hidden.start(), shown, f"the character U+{ord(hidden[0]):04X} {_UNSEEN}")])
    try:
        return _Composer(shown).compose(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        said = " ".join(str(part) for part in (error.context, error.problem) if part)
        message = f"this is not YAML: {said}; mend the line, or the one before it"
        if mark and text.splitlines()[mark.line : mark.line + 1] and _begins_with_tab(text.splitlines()[mark.line]):
            message = "this line is indented with a tab, which YAML does not allow: write spaces"
        raise ProblemsError([Problem(shown, line, column, one_line(message))]) from None
    except yaml.YAMLError as error:
        message = f"this is not YAML: {str(error).splitlines()[0]}"
        raise ProblemsError([_unreadable_character(text, shown) or Problem(shown, 1, 1, message)]) from None
    except UnicodeEncodeError as error:
        line = text.count("\n", 0, error.start) + 1
        message = "the text holds half of a surrogate pair; save it as UTF-8"
        raise ProblemsError([Problem(shown, line, 1, message)]) from None


def _begins_with_tab(line: str) -> bool:
    return "\t" in line[: len(line) - len(line.lstrip())]


def _too_large(name: str) -> Problem:
    return Problem(name, 0, 0, f"the file is larger than {MAX_BYTES // 1024**2} MiB; split it into several")


def _read(path: Path, name: str) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ProblemsError(
            [
                Problem(
                    name,
                    0,
                    0,
                    f"cannot read the file: {error.strerror or error}; give this user the right, or name another",
                )
            ]
        ) from None
    if len(data) > MAX_BYTES:
        raise ProblemsError([_too_large(name)])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ProblemsError([Problem(name, line, 1, "the file is not UTF-8 text; save it as UTF-8")]) from None


def hidden_character(text: str) -> tuple[int, str] | None:
    """Where the first character stands that a reader of a text cannot see, and its name such as U+202E; None for none.

    Line ends and tabs are no such characters.
    """
    found = _IN_TEXT.search(text)
    return None if found is None else (found.start(), f"U+{ord(found[0]):04X}")


def _at(text: str, at: int, name: str, message: str) -> Problem:
    line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
    return Problem(name, line, column, message)


def _unreadable_character(text: str, name: str) -> Problem | None:
    """The first character that YAML does not allow."""
    found = re.search(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", text)
    if found is None:
        return None
    return _at(text, found.start(), name, f"the character U+{ord(found[0]):04X} is not allowed in YAML; remove it")


class _Composer:
    """Turns the parser's events into Nodes; refuses what could grow before it grows."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.problems: list[Problem] = []
        self.nodes = 0

    def compose(self, text: str) -> Node:
        parser = _Loader(text)
        try:
            root = self._document(parser.get_event)
        finally:
            parser.dispose()
        if self.problems:
            raise ProblemsError(self.problems)
        return root

    def _document(self, next_event: Any) -> Node:
        next_event()  # the stream's start
        event = next_event()
        if type(event) is yaml.StreamEndEvent:
            return Node(None, self.name, 1, 1)
        root = self._node(next_event(), next_event, 0)
        next_event()  # the document's end
        event = next_event()
        if type(event) is not yaml.StreamEndEvent:
            self._refuse(event, "a second document begins here; a file holds one, so remove the line with ---")
        return root

    def _refuse(self, event: Any, message: str) -> None:
        mark = event.start_mark
        self.problems.append(Problem(self.name, mark.line + 1, mark.column + 1, one_line(message)))
        raise ProblemsError(self.problems)

    def _node(self, event: Any, next_event: Any, depth: int) -> Node:
        kind, mark = type(event), event.start_mark
        if kind is yaml.AliasEvent or event.anchor is not None:
            self._refuse(event, "anchors (&) and aliases (*) are not used here; write the value out")
        if event.tag is not None:
            self._refuse(event, f"tags such as {event.tag} are not used here; remove it")
        self.nodes += 1
        if self.nodes > MAX_NODES:
            self._refuse(event, f"the file has more than {MAX_NODES:,} values and keys; split it into several")
        if kind is yaml.ScalarEvent:
            raw, style = event.value, event.style or ""
            if style == '"' and (hidden := hidden_character(raw)) is not None:
                self._refuse(event, f"the character {hidden[1]} in this text {_UNSEEN}")
            value = _scalar(raw) if event.implicit[0] and not style else raw
            return Node(value, self.name, mark.line + 1, mark.column + 1, raw, style)
        if depth >= MAX_DEPTH:
            self._refuse(event, f"mappings and lists are more than {MAX_DEPTH} deep; nothing here needs that")
        node = Node(None, self.name, mark.line + 1, mark.column + 1)
        if kind is yaml.MappingStartEvent:
            self._mapping(node, next_event, depth)
        else:
            children = node.value = []
            while type(event := next_event()) is not yaml.SequenceEndEvent:
                children.append(self._node(event, next_event, depth + 1))
        return node

    def _mapping(self, node: Node, next_event: Any, depth: int) -> None:
        children: dict[str, Node] = {}
        keys: dict[str, Node] = {}
        while type(event := next_event()) is not yaml.MappingEndEvent:
            if type(event) is not yaml.ScalarEvent:
                self._refuse(event, "a key must be plain text")
            key = self._node(event, next_event, depth)
            key.value = name = key.raw
            child = self._node(next_event(), next_event, depth + 1)
            if name in children:
                first = keys[name].line
                self.problems.append(key.problem(f'"{name}" is given twice (first in line {first}); remove one'))
                if len(self.problems) >= MAX_PROBLEMS:
                    raise ProblemsError(self.problems)
            else:
                children[name], keys[name] = child, key
        node.fill(children, keys)


def _scalar(raw: str) -> Scalar:
    """A plain scalar by the core schema of YAML 1.2, decimal numbers only."""
    if not raw or raw[0] not in _NUMBER_STARTS:
        return _WORDS.get(raw, raw) if len(raw) < 6 else raw
    if len(raw) <= _MAX_DIGITS:
        if _INTEGER.fullmatch(raw):
            return int(raw)
        if _NUMBER.fullmatch(raw) and isfinite(number := float(raw)):
            return number
    return raw
