"""Reads the text of an expression into a small tree of our own, and refuses whatever the language does not have.

Python's own parser does the reading; `_Reader` then takes over only the node types of its whitelist. Nothing is ever
evaluated.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from risk_stream.catalogue import hidden_character
from risk_stream.rules.limits import MAX_DEPTH, MAX_EXPRESSION, MAX_LITERAL, MAX_LITERALS

__all__ = [
    "ASKING",
    "CARD",
    "FIRED",
    "MOVED",
    "OVER",
    "RESERVED",
    "SCORE",
    "SEGMENT",
    "All",
    "Among",
    "Any",
    "Arithmetic",
    "Call",
    "Compare",
    "ExpressionError",
    "Listed",
    "Literal",
    "Missing",
    "Name",
    "Negate",
    "Node",
    "Not",
    "names",
    "parse",
]

#: Functions that ask other files of the house by a name, and what they name: a call of one is read as a `Name`, such as
#: scorecard("consumer"), for whatever gives names their meaning. No author can give such a name to anything.
CARD, FIRED, SCORE, OVER, MOVED, SEGMENT = "scorecard", "fired", "score", "over", "moved", "segment"
ASKING = {CARD: "a scorecard", FIRED: "a rule", **dict.fromkeys((SCORE, OVER, MOVED, SEGMENT), "a model")}

#: Words that cannot be the name of a feature.
RESERVED = frozenset(
    {MOVED, "and", "or", "not", "in", "is", "missing", "true", "false", "if", "else", "lambda", "none"}
)


class ExpressionError(ValueError):
    """Raised when a text is not an expression; `at` is the offset of the character to blame."""

    def __init__(self, message: str, at: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.at = at


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, a text, or true or false."""

    value: float | str | bool
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Name:
    """A field or a feature."""

    name: str
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Negate:
    """Minus a value."""

    value: Node
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Two values and one of + - * / %."""

    op: str
    left: Node
    right: Node
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """A function of the language and its arguments."""

    function: str
    arguments: tuple[Node, ...]
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Compare:
    """Two values and one of == != < <= > >=; a chain is read as All of its links."""

    op: str
    left: Node
    right: Node
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Among:
    """A value that is, or is not, one of some literals."""

    value: Node
    literals: tuple[Literal, ...]
    negated: bool
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Listed:
    """A value that is, or is not, on a list of the house as it is at the event's time."""

    value: Node
    list_name: str
    negated: bool
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Missing:
    """A value that is, or is not, missing."""

    value: Node
    negated: bool
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a condition."""

    part: Node
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class All:
    """Conditions joined by ``and``."""

    parts: tuple[Node, ...]
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Any:
    """Conditions joined by ``or``."""

    parts: tuple[Node, ...]
    at: int = field(default=0, compare=False)


Node: TypeAlias = Literal | Name | Negate | Arithmetic | Call | Compare | Among | Listed | Missing | Not | All | Any
"""What an expression is made of."""

_ARITHMETIC: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Mod: "%"}

_COMPARE: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}

_OTHER_OPERATORS: dict[type[ast.AST], str] = {
    ast.Pow: "there is no power sign: write power(x, 2)",
    ast.FloorDiv: "there is no // : write floor(x / y)",
    ast.BitAnd: "'&' is not part of the language: write 'and'",
    ast.BitOr: "'|' is not part of the language: write 'or'",
    ast.BitXor: "'^' is not part of the language",
    ast.LShift: "'<<' is not part of the language",
    ast.RShift: "'>>' is not part of the language",
    ast.MatMult: "'@' is not part of the language",
    ast.Invert: "'~' is not part of the language: write 'not'",
    ast.UAdd: "a plus before a value has no meaning: leave it out",
}

_OTHER_NODES: dict[type[ast.AST], str] = {
    ast.Attribute: "a dot cannot follow a name: features and fields are single words",
    ast.Subscript: "square brackets cannot follow a value: they only hold the list behind 'in'",
    ast.Lambda: "'lambda' is not part of the language",
    ast.ListComp: "a comprehension is not part of the language: count or sum over events with a feature",
    ast.SetComp: "a comprehension is not part of the language: count or sum over events with a feature",
    ast.DictComp: "a comprehension is not part of the language: count or sum over events with a feature",
    ast.GeneratorExp: "a comprehension is not part of the language: count or sum over events with a feature",
    ast.JoinedStr: "an f-string is not part of the language: only a summary has {names}",
    ast.NamedExpr: "':=' is not part of the language: name the value under features",
    ast.IfExp: "'if ... else' is not part of the language: write choose(condition, x, y)",
    ast.Starred: "'*' before a value is not part of the language",
    ast.Await: "'await' is not part of the language",
    ast.Yield: "'yield' is not part of the language",
    ast.YieldFrom: "'yield' is not part of the language",
    ast.Dict: "curly braces are not part of the language",
    ast.Set: "curly braces are not part of the language: write the list behind 'in' in square brackets",
    ast.Tuple: "a comma can only stand in the list behind 'in', in square brackets, or between arguments",
    ast.List: "a list can only stand behind 'in'",
    ast.Slice: "a colon is not part of the language",
}

_FULL_WIDTH = dict(zip("（）［］，＞＜＝！＋－＊／％“”‘’", "()[],><=!+-*/%\"\"''", strict=True))

#: What people write out of habit, and what to write here; tried in this order on a text that Python cannot read.
_HABITS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"&&"), "'&&' is not part of the language: write 'and'"),
    (re.compile(r"\|\|"), "'||' is not part of the language: write 'or'"),
    (re.compile(r"<>"), "'<>' is not part of the language: write '!='"),
    (re.compile(r"=<|=>"), "write '<=' or '>='"),
    (re.compile(r"\b\d+(ms|s|m|h|d|w)\b"), "a duration is written minutes(10), hours(1) or days(30) in an expression"),
    (re.compile(r"\b(AND|OR|NOT|IN|IS)\b"), "'and', 'or', 'not', 'in' and 'is' are written in small letters"),
    (re.compile(r"\b(?:and|or|not)\s*(?=$|\))"), "a condition is missing behind this word"),
    (re.compile(r"(?<![<>=!:])=(?!=)"), "'=' compares nothing: write '=='"),
    (re.compile(r"!(?!=)"), "'!' is not part of the language: write 'not'"),
    (re.compile(r"\bnot\s+missing\b|\bis\s+(?:null|None)\b"), "write 'is missing' or 'is not missing'"),
    (
        re.compile(r"(?<![\w.])\.(?:nan|inf)\b", re.IGNORECASE),
        "there is no .nan and no .inf: write a number, or x is missing",
    ),
    (re.compile(r";"), "';' is not part of the language: an expression is one condition or one value"),
    (re.compile(r"[$@?`\\]"), "this character is not part of the language: names are written bare"),
)

#: What cannot be the end of an expression.
_EXPECTING = frozenset("+-*/%<>=!,(")

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

_STRINGS = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"")


def parse(text: str) -> Node:
    """The tree of an expression.

    Raises `ExpressionError` with the offset in `text` of what is wrong.
    """
    if len(text) > MAX_EXPRESSION:
        raise ExpressionError(
            f"the expression has {len(text):,} characters, at most {MAX_EXPRESSION:,} are allowed:"
            " name parts of it under features"
        )
    if not text.strip():
        raise ExpressionError("the expression is empty: write a condition such as amount > 1000")
    one_line = re.sub(r"[\r\n\t]", " ", text)
    body = one_line.lstrip(" ")
    shift = len(one_line) - len(body)
    _refuse_hidden(body, shift)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a wrong escape in a string is Python's warning, of no use to an author
            tree = ast.parse(body, mode="eval")
    except SyntaxError as error:
        raise _syntax_error(body, shift, error) from None
    except (ValueError, RecursionError, MemoryError, OverflowError):
        raise ExpressionError("the expression is nested too deeply: name parts of it under features", shift) from None
    return _Reader(body, shift).read(tree.body, 0)


def names(node: Node) -> Iterator[Name]:
    """Every name in an expression, left to right, as often as it stands there."""
    match node:
        case Name():
            yield node
        case Negate(part) | Not(part) | Among(part) | Listed(part) | Missing(part):
            yield from names(part)
        case Arithmetic(_, left, right) | Compare(_, left, right):
            yield from names(left)
            yield from names(right)
        case Call(_, parts) | All(parts) | Any(parts):
            for part in parts:
                yield from names(part)
        case Literal():
            return


def _refuse_hidden(body: str, shift: int) -> None:
    """Refuse what an author does not see: control characters, and comments, which swallow the rest of a folded text."""
    unseen = _CONTROL.search(body)
    if unseen:
        code = f"U+{ord(unseen[0]):04X}"
        raise ExpressionError(f"the character {code} cannot stand in an expression: remove it", shift + unseen.start())
    if "#" in body:
        at = _blank_strings(body).find("#")
        if at >= 0:
            raise ExpressionError(
                "'#' cannot stand in an expression: put the comment on a line of its own above", shift + at
            )


def _blank_strings(body: str) -> str:
    """The text with what stands in quotes blanked out, every other character in its place."""
    return _STRINGS.sub(lambda found: '"' + " " * (len(found.group()) - 2) + '"', body)


def _syntax_error(body: str, shift: int, error: SyntaxError) -> ExpressionError:
    """Python's complaint in words for somebody who writes rules."""
    for at, character in enumerate(body):
        if character in _FULL_WIDTH:
            return ExpressionError(
                f"'{character}' is a full-width character: write {_FULL_WIDTH[character]}", shift + at
            )
    if "nested" in (error.msg or ""):
        return ExpressionError("the brackets are nested too deeply: name parts of it under features", shift)
    bare = _blank_strings(body)
    for pattern, advice in _HABITS:
        found = pattern.search(bare)
        if found:
            return ExpressionError(advice, shift + found.start())
    for quote in "\"'":
        if bare.count(quote) % 2:
            return ExpressionError("the quotation mark is never closed", shift + bare.rfind(quote))
    for opening, closing in ("()", "[]"):
        if bare.count(opening) > bare.count(closing):
            return ExpressionError(f"'{opening}' is never closed", shift + bare.find(opening))
        if bare.count(opening) < bare.count(closing):
            return ExpressionError(
                f"'{closing}' closes nothing: remove it, or open it before", shift + bare.rfind(closing)
            )
    end = len(body.rstrip()) - 1
    if bare[end] in _EXPECTING:
        return ExpressionError("the expression ends too early: a value is expected behind this", shift + end)
    at = min(max((error.offset or 1) - 1, 0), len(body) - 1)
    return ExpressionError(f"the expression cannot be read at {_excerpt(body, at)}", shift + at)


def _excerpt(body: str, at: int) -> str:
    word = re.match(r"\w+|\W", body[at:])
    return repr(word.group() if word else body[at : at + 1])


class _Reader:
    """Takes a Python syntax tree over, node by node, and stops at the first one that is not of the language."""

    def __init__(self, body: str, shift: int) -> None:
        self._encoded = None if body.isascii() else body.encode()
        self._body = body
        self._shift = shift

    def _at(self, node: ast.expr) -> int:
        """Offset in characters; Python counts bytes."""
        if self._encoded is None:
            return self._shift + node.col_offset
        return self._shift + len(self._encoded[: node.col_offset].decode(errors="ignore"))

    def _error(self, message: str, node: ast.expr) -> ExpressionError:
        return ExpressionError(message, self._at(node))

    def read(self, node: ast.expr, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise self._error(
                f"the expression is nested more than {MAX_DEPTH} deep: name parts of it under features", node
            )
        deeper = depth + 1
        match node:
            case ast.Name(id=name):
                return self._name(name, node)
            case ast.Constant():
                return self._literal(node)
            case ast.BoolOp(op=op, values=values):
                parts = tuple(self.read(value, deeper) for value in values)
                return (All if isinstance(op, ast.And) else Any)(parts, self._at(node))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return Not(self.read(operand, deeper), self._at(node))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._minus(self.read(operand, deeper), self._at(node))
            case ast.BinOp(op=op, left=left, right=right) if type(op) in _ARITHMETIC:
                return Arithmetic(
                    _ARITHMETIC[type(op)], self.read(left, deeper), self.read(right, deeper), self._at(node)
                )
            case ast.UnaryOp(op=operator) | ast.BinOp(op=operator):
                raise self._error(_OTHER_OPERATORS[type(operator)], node)
            case ast.Compare():
                return self._compare(node, deeper)
            case ast.Call():
                return self._call(node, deeper)
            case _:
                raise self._error(_OTHER_NODES.get(type(node), "this is not part of the language"), node)

    def _name(self, name: str, node: ast.expr) -> Node:
        if name in ("true", "false"):
            return Literal(name == "true", self._at(node))
        if name == "missing":
            raise self._error("'missing' stands behind 'is': write x is missing", node)
        if not self._written(node).isascii():  # Python takes letters of other widths and styles for the usual ones
            raise self._error("a name is written in the letters a-z, A-Z, digits and _", node)
        return Name(name, self._at(node))

    def _written(self, node: ast.expr) -> str:
        """What stands in the text for a node."""
        body = self._body.encode() if self._encoded is None else self._encoded
        return body[node.col_offset : node.end_col_offset].decode(errors="ignore")

    def _literal(self, node: ast.Constant) -> Literal:
        value, at = node.value, self._at(node)
        if isinstance(value, bool):
            raise self._error(f"write '{str(value).lower()}' in small letters", node)
        if value is None:
            raise self._error("'None' is not part of the language: write x is missing", node)
        if isinstance(value, str):
            return Literal(self._text(value, node), at)
        if isinstance(value, int | float):
            # an int is compared as it is: a huge one cannot be made a float
            if not -MAX_LITERAL <= value <= MAX_LITERAL:
                raise self._error(
                    "the number is too large: at most 9,007,199,254,740,992 (2 to the 53rd) is exact", node
                )
            return Literal(float(value), at)
        raise self._error("only numbers, texts, true and false can be written as values", node)

    @staticmethod
    def _minus(value: Node, at: int) -> Node:
        if isinstance(value, Literal) and isinstance(value.value, float):
            return Literal(-value.value, at)
        return Negate(value, at)

    def _call(self, node: ast.Call, depth: int) -> Node:
        if not isinstance(node.func, ast.Name):
            raise self._error(_OTHER_NODES.get(type(node.func), "only a function of the language can be called"), node)
        if node.keywords:
            raise self._error(f"arguments have no names: write {node.func.id}(x, y)", node)
        if node.func.id in ASKING:
            return self._asking(node.func.id, node)
        return Call(node.func.id, tuple(self.read(argument, depth) for argument in node.args), self._at(node))

    def _text(self, value: str, node: ast.Constant) -> str:
        """A written text as it is, if it is one that an event can hold and people can see."""
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise self._error("the text holds half a character (a surrogate), which no event can hold", node)
        if (hidden := hidden_character(value)) is not None:
            # what Python makes of \b and \1, which a pattern may be meant to hold
            swallowed = any("\x01" <= character <= "\x08" for character in value)
            advice = "a backslash is written twice" if swallowed else "remove it"
            raise self._error(f"the text holds the character {hidden[1]}, which nobody sees: {advice}", node)
        if not _STRINGS.fullmatch(self._written(node)):
            raise self._error(
                "a text stands in one pair of quotation marks, with nothing before it; between two is a comma", node
            )
        return value

    def _asking(self, function: str, node: ast.Call) -> Name:
        match node.args:
            case [ast.Constant(value=str(name)) as given] if name.strip():
                return Name(f'{function}("{self._text(name, given)}")', self._at(node))
        raise self._error(f'{function}() takes the name of {ASKING[function]} in quotes: {function}("name")', node)

    def _compare(self, node: ast.Compare, depth: int) -> Node:
        if len(node.ops) == 1:
            return self._link(node.ops[0], node.left, node.comparators[0], node, depth)
        for op in node.ops:
            if type(op) not in _COMPARE:
                raise self._error(
                    "'in' and 'is' cannot stand in a chain of comparisons: join two conditions with 'and'", node
                )
        sides = [node.left, *node.comparators]
        links = tuple(
            self._link(op, left, right, left, depth)
            for op, left, right in zip(node.ops, sides, sides[1:], strict=False)
        )
        return All(links, self._at(node))

    def _link(self, op: ast.cmpop, left: ast.expr, right: ast.expr, node: ast.expr, depth: int) -> Node:
        at = self._at(node)
        if isinstance(op, ast.Is | ast.IsNot):
            if not (isinstance(right, ast.Name) and right.id == "missing"):
                raise self._error(
                    "behind 'is' only 'missing' or 'not missing' can stand: everything else is compared with ==", right
                )
            return Missing(self.read(left, depth), isinstance(op, ast.IsNot), at)
        if isinstance(op, ast.In | ast.NotIn):
            if isinstance(right, ast.Call):
                return Listed(self.read(left, depth), self._list_name(right), isinstance(op, ast.NotIn), at)
            return Among(self.read(left, depth), self._list(right, depth), isinstance(op, ast.NotIn), at)
        return Compare(_COMPARE[type(op)], self.read(left, depth), self.read(right, depth), at)

    def _list_name(self, node: ast.Call) -> str:
        """The name of a list of the house: ``list("watch")``."""
        if not isinstance(node.func, ast.Name) or node.func.id != "list":
            raise self._error("behind 'in' only a list can be called for: in list(\"watch\")", node)
        named = node.args[0] if len(node.args) == 1 and not node.keywords else None
        if not isinstance(named, ast.Constant) or not isinstance(named.value, str) or not named.value.strip():
            raise self._error('list takes the name of a list of the house in quotes: in list("watch")', node)
        return self._text(named.value, named)

    def _list(self, node: ast.expr, depth: int) -> tuple[Literal, ...]:
        if not isinstance(node, ast.List):
            raise self._error('behind \'in\' a list in square brackets is expected: in ["a", "b"]', node)
        if not node.elts:
            raise self._error("the list behind 'in' is empty: write at least one value", node)
        if len(node.elts) > MAX_LITERALS:
            raise self._error(f"the list has {len(node.elts):,} values, at most {MAX_LITERALS} are allowed", node)
        values = []
        for element in node.elts:
            value = self.read(element, depth)
            if not isinstance(value, Literal):
                raise self._error(
                    "the list behind 'in' can only hold written values, not names or computations", element
                )
            values.append(value)
        return tuple(values)
