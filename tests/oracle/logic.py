"""Expressions of the rule language, evaluated on one event at a time by walking Python's own syntax tree.

`None` is unknown. Numbers are exact fractions, so that nothing here can be right or wrong by rounding.
"""

from __future__ import annotations

import ast
import datetime as dt
import math
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from tests.oracle.clocks import clock

__all__ = ["Value", "evaluate"]

Value = Fraction | str | bool | tuple[str, ...] | None


def evaluate(text: str, lookup: Callable[[str], Value]) -> Value:
    """The value of `text`, each name's value given by `lookup`."""
    return _value(ast.parse(f"({text.strip()}\n)", mode="eval").body, lookup)


def _value(node: ast.expr, lookup: Callable[[str], Value]) -> Value:  # noqa: PLR0911 - one for each form
    match node:
        case ast.BoolOp(op=op, values=parts):
            return _all_or_any(isinstance(op, ast.And), [_value(p, lookup) for p in parts])
        case ast.UnaryOp(op=ast.Not(), operand=x):
            inner = _value(x, lookup)
            return None if inner is None else not inner
        case ast.UnaryOp(op=ast.USub(), operand=x):
            number = _value(x, lookup)
            assert number is None or isinstance(number, Fraction)
            return None if number is None else -number
        case ast.Compare():
            return _comparison(node, lookup)
        case ast.BinOp(left=a, op=op, right=b):
            return _arithmetic(op, _value(a, lookup), _value(b, lookup))
        case ast.Call(func=ast.Name(id=("fired" | "scorecard") as name), args=[ast.Constant(value=str(asked))]):
            return lookup(f'{name}("{asked}")')
        case ast.Call(func=ast.Name(id=name), args=args):
            return _function(name, [_value(a, lookup) for a in args])
        case ast.Name(id=("true" | "false") as word):
            return word == "true"
        case ast.Name(id=name):
            return lookup(name)
        case ast.Constant(value=str(text)):
            return text
        case ast.Constant(value=number):
            return Fraction(str(number))
    raise AssertionError(f"the oracle does not know {ast.dump(node)}")


def _all_or_any(conjunction: bool, parts: list[Value]) -> Value:
    if conjunction:
        return False if False in parts else None if None in parts else True
    return True if True in parts else None if None in parts else False


def _comparison(node: ast.Compare, lookup: Callable[[str], Value]) -> Value:
    first = node.ops[0]
    if isinstance(first, ast.Is | ast.IsNot):
        missing = _value(node.left, lookup) is None
        return missing if isinstance(first, ast.Is) else not missing
    if isinstance(first, ast.In | ast.NotIn):
        left = _value(node.left, lookup)
        assert isinstance(node.comparators[0], ast.List)
        if left is None:
            return None
        inside = left in [_value(e, lookup) for e in node.comparators[0].elts]
        return inside if isinstance(first, ast.In) else not inside
    values = [_value(v, lookup) for v in (node.left, *node.comparators)]
    return _all_or_any(True, [_pair(op, a, b) for op, a, b in zip(node.ops, values, values[1:], strict=False)])


def _pair(op: ast.cmpop, a: Value, b: Value) -> Value:
    if a is None or b is None:
        return None
    if isinstance(a, str) and isinstance(b, Fraction):
        a = _time(a)
    if isinstance(b, str) and isinstance(a, Fraction):
        b = _time(b)
    match op:
        case ast.Eq():
            return a == b
        case ast.NotEq():
            return a != b
        case ast.Lt():
            return a < b  # type: ignore[operator]
        case ast.LtE():
            return a <= b  # type: ignore[operator]
        case ast.Gt():
            return a > b  # type: ignore[operator]
        case ast.GtE():
            return a >= b  # type: ignore[operator]
    raise AssertionError(op)


def _time(text: str) -> Fraction:
    moment = dt.datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    return Fraction(round(moment.timestamp() * 1000))


def _arithmetic(op: ast.operator, a: Value, b: Value) -> Value:
    if not isinstance(a, Fraction) or not isinstance(b, Fraction):
        return None
    match op:
        case ast.Add():
            return a + b
        case ast.Sub():
            return a - b
        case ast.Mult():
            return a * b
        case ast.Div():
            return None if b == 0 else a / b
        case ast.Mod():
            return None if b == 0 else a % b
    raise AssertionError(op)


def _function(name: str, args: list[Value]) -> Value:
    if name == "case":
        return _case(args)
    if name == "coalesce":
        return args[1] if args[0] is None else args[0]
    if name == "choose":
        if args[0] is None or len(args) == 1:
            return args[0]
        return args[1] if args[0] is True else _function(name, args[2:]) if len(args) > 3 else args[2]
    if None in args:
        return None
    if name == "has":
        return any(text in args[0] for text in args[1:])  # type: ignore[operator]
    if name in _CLOCKS:
        return clock(name, *args)  # type: ignore[arg-type]
    if name in _TEXTS:
        found = _TEXTS[name](*args)
        return None if found == "" else found
    return _number(name, args)


def _number(name: str, args: list[Any]) -> Value:  # noqa: PLR0911 - one for each function
    if name in _SECONDS:
        return args[0] * _SECONDS[name]
    match name:
        case "round":
            scale = Fraction(10) ** int(args[1])
            return (-1 if args[0] < 0 else 1) * Fraction(math.floor(abs(args[0]) * scale + Fraction(1, 2))) / scale
        case "floor":
            return Fraction(math.floor(args[0]))
        case "ceil":
            return Fraction(math.ceil(args[0]))
        case "sqrt":
            return None if args[0] < 0 else Fraction(math.sqrt(args[0]))
        case "log":
            return None if args[0] <= 0 else Fraction(math.log(args[0]))
        case "exp":
            return Fraction(math.exp(args[0]))
        case "power":
            return args[0] ** int(args[1])
        case "clamp":
            return min(max(args[0], args[1]), args[2])
        case "abs":
            return abs(args[0])
        case "min":
            return min(args)
        case "max":
            return max(args)
    raise AssertionError(f"the oracle does not know the function {name}")


def _case(args: list[Value]) -> Value:
    """case(text, "this", 1, "that", 2, 3): 3 is of all other texts, and what is of none is unknown."""
    text, *rest = args
    if text is None:
        return None
    for one, value in zip(rest[::2], rest[1::2], strict=False):
        if one == text:
            return value
    return rest[-1] if len(rest) % 2 else None


_SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86_400}

_CLOCKS = ("minute", "hour", "weekday", "day", "month", "year", "time_of_day", "date", "business_day")

_TEXTS: dict[str, Callable[..., Value]] = {
    "lower": str.lower,
    "upper": str.upper,
    "trim": str.strip,
    "length": lambda text: Fraction(len(text)),
    "starts_with": str.startswith,
    "ends_with": str.endswith,
    "contains": lambda text, part: part in text,
    "matches": lambda text, pattern: re.search(pattern, text) is not None,
}
