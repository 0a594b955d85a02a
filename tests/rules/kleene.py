"""The rule language as a slow and obvious interpreter: one event at a time, three-valued logic, None for unknown.

It walks Python's syntax tree of the text and shares nothing with the package. Numbers are floats computed in the order
written, times are `Moment`s, everything unknown is None.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

__all__ = ["Moment", "truth", "value"]


@dataclass(frozen=True, order=True)
class Moment:
    """A time in ms since 1970 UTC."""

    ms: float


Lookup = Callable[[str], Any]
"""Gives a name's value: a float, str, bool, Moment or None, or the text of a feature as ("text", it)."""


def truth(text: str, lookup: Lookup) -> bool | None:
    """Whether a condition is true, false, or unknown (None)."""
    found = value(text, lookup)
    assert found is None or isinstance(found, bool)
    return found


def value(text: str, lookup: Lookup) -> Any:
    """What an expression gives."""
    return _read(_tree(text), lookup)


@cache
def _tree(text: str) -> ast.expr:
    return ast.parse(text.strip(), mode="eval").body


def _read(node: ast.expr, lookup: Lookup) -> Any:  # noqa: PLR0911 - one for each kind of node
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.Constant(value=number):
            return float(number)
        case ast.Name(id="true"):
            return True
        case ast.Name(id="false"):
            return False
        case ast.Name(id=name):
            found = lookup(name)
            return value(found[1], lookup) if isinstance(found, tuple) else found
        case ast.BoolOp(op=ast.And(), values=parts):
            return _and([_read(p, lookup) for p in parts])
        case ast.BoolOp(op=ast.Or(), values=parts):
            return _or([_read(p, lookup) for p in parts])
        case ast.UnaryOp(op=ast.Not(), operand=part):
            return _not(_read(part, lookup))
        case ast.UnaryOp(op=ast.USub(), operand=part):
            number = _read(part, lookup)
            return None if number is None else -number
        case ast.BinOp(left=left, op=op, right=right):
            return _arithmetic(op, _read(left, lookup), _read(right, lookup))
        case ast.Call(func=ast.Name(id=name), args=args):
            return _call(name, [_read(arg, lookup) for arg in args])
        case ast.Compare(left=left, ops=ops, comparators=rights):
            sides = [left, *rights]
            return _and([_link(op, a, b, lookup) for op, a, b in zip(ops, sides, sides[1:], strict=False)])
    raise AssertionError(ast.dump(node))


def _not(part: bool | None) -> bool | None:
    return None if part is None else not part


def _and(parts: list[bool | None]) -> bool | None:
    if False in parts:
        return False
    return None if None in parts else True


def _or(parts: list[bool | None]) -> bool | None:
    if True in parts:
        return True
    return None if None in parts else False


def _link(op: ast.cmpop, left: ast.expr, right: ast.expr, lookup: Lookup) -> bool | None:
    a = _read(left, lookup)
    if isinstance(op, ast.Is):
        return a is None
    if isinstance(op, ast.IsNot):
        return a is not None
    if isinstance(op, ast.In | ast.NotIn):
        assert isinstance(right, ast.List)
        if a is None:
            return None
        inside = any(_equal(a, _read(element, lookup)) for element in right.elts)
        return inside if isinstance(op, ast.In) else not inside
    b = _read(right, lookup)
    if a is None or b is None:
        return None
    if isinstance(op, ast.Eq):
        return _equal(a, b)
    if isinstance(op, ast.NotEq):
        return not _equal(a, b)
    a, b = _as_moments(a, b)
    return {ast.Lt: a < b, ast.LtE: a <= b, ast.Gt: a > b, ast.GtE: a >= b}[type(op)]


def _equal(a: Any, b: Any) -> bool:
    a, b = _as_moments(a, b)
    return a == b


def _as_moments(a: Any, b: Any) -> tuple[Any, Any]:
    """A text beside a time is a time."""
    if isinstance(a, Moment) and isinstance(b, str):
        return a, _moment(b)
    if isinstance(b, Moment) and isinstance(a, str):
        return _moment(a), b
    return a, b


def _moment(text: str) -> Moment:
    when = datetime.fromisoformat(text)
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return Moment(float(round(when.timestamp() * 1000)))


def _arithmetic(op: ast.operator, a: Any, b: Any) -> Any:
    if a is None or b is None:
        return None
    if isinstance(a, Moment) and isinstance(b, Moment):
        return (a.ms - b.ms) / 1000
    if isinstance(a, Moment):
        return Moment(a.ms + b * 1000 if isinstance(op, ast.Add) else a.ms - b * 1000)
    if isinstance(b, Moment):
        return Moment(a * 1000 + b.ms)
    if isinstance(op, ast.Div | ast.Mod) and b == 0:
        return None
    result = {
        ast.Add: lambda: a + b,
        ast.Sub: lambda: a - b,
        ast.Mult: lambda: a * b,
        ast.Div: lambda: a / b,
        ast.Mod: lambda: a % b,
    }[type(op)]()
    return result if math.isfinite(result) else None


def _call(name: str, args: list[Any]) -> Any:  # noqa: PLR0911 - one for each group of functions
    if name == "coalesce":
        return args[1] if args[0] is None else args[0]
    if name == "choose":
        condition, chosen, *others = args
        if condition is None:
            return None
        return chosen if condition else others[0] if len(others) == 1 else _call(name, others)
    if None in args:
        return None
    if name in _CLOCKS or name == "business_day":
        return _clock(name, *args)
    if name in _TEXTS:
        return _TEXTS[name](*args) or None if name in ("lower", "upper", "trim") else _TEXTS[name](*args)
    if name in _NUMBERS:
        try:
            found = _NUMBERS[name](*args)
        except (ValueError, OverflowError, ZeroDivisionError):
            return None
        return found if math.isfinite(found) else None
    units = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}
    if name in units:
        return args[0] * units[name]
    if name == "clamp":
        return min(max(args[0], args[1]), args[2])
    return {"abs": abs, "min": min, "max": max}[name](*args)


def _half_up(number: float, digits: float = 0.0) -> float:
    """As people round: a half goes away from zero, and so does what two roundings of a float have left just below it.

    Above 10**14 no float is just below a half by so little; what has no more digits is as it was.
    """
    scale = Fraction(10) ** int(digits)
    size = abs(number) * 10.0**digits if digits >= 0 else abs(number) / 10.0**-digits
    if size >= 2**52 or Decimal(repr(number)).scaleb(int(digits)) % 1 == 0:
        return number
    near = size * (1 + 4e-16) if size < 1e14 else size
    return math.copysign(float(math.floor(Fraction(near) + Fraction(1, 2)) / scale), number)


_NUMBERS: dict[str, Callable[..., float]] = {
    "round": _half_up,
    "floor": lambda number: float(math.floor(number)),
    "ceil": lambda number: float(math.ceil(number)),
    "sqrt": math.sqrt,
    "log": math.log,
    "exp": math.exp,
    "power": math.pow,
}

_TEXTS: dict[str, Callable[..., Any]] = {
    "lower": str.lower,
    "upper": str.upper,
    "trim": str.strip,
    "length": lambda text: float(len(text)),
    "starts_with": str.startswith,
    "ends_with": str.endswith,
    "contains": lambda text, part: part in text,
    "matches": lambda text, pattern: re.search(pattern, text) is not None,
}

_CLOCKS: dict[str, Callable[[datetime], Any]] = {
    "hour": lambda when: float(when.hour),
    "minute": lambda when: float(when.minute),
    "weekday": lambda when: float(when.isoweekday()),
    "day": lambda when: float(when.day),
    "month": lambda when: float(when.month),
    "year": lambda when: float(when.year),
    "time_of_day": lambda when: when.hour * 3600 + when.minute * 60 + when.second + when.microsecond / 1e6,
    "date": lambda when: Moment(when.replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000),
}

#: Those around the moments of `expressions`: New Year 2026 in China, and the Sunday worked for it.
_HOLIDAYS = {date(2026, 1, 1), date(2026, 1, 2)}
_WORKDAYS = {date(2026, 1, 4)}


def _clock(name: str, when: Moment, calendar: str = "utc") -> Any:
    """What a clock shows, or whether it is a business day; `calendar` may have its version behind it."""
    place = calendar.split(maxsplit=1)[0]
    zone = ZoneInfo("Asia/Shanghai") if place.startswith("china") else UTC
    local = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=when.ms)).astimezone(zone)
    if name != "business_day":
        return _CLOCKS[name](local)
    if place == "china_interbank" and local.date() in _WORKDAYS:
        return True
    holiday = place.startswith("china") and local.date() in _HOLIDAYS
    return place == "utc" or (local.weekday() < 5 and not holiday)
