"""The kernel that fills a program's table of masks: one call a batch, however many comparisons there are.

An instruction is five words: operation, a, b, count, and it fills the row of the table with its own number. Numbers are
rows of float64 with NaN for unknown, texts rows of int64 hashes with 0 for unknown, in the same memory. A comparison
with an unknown is false, whichever it is.
"""

from __future__ import annotations

from typing import Any

from risk_stream.catalogue.kernel import njit

__all__ = ["ALL", "ANY", "COLUMNS", "IN", "MISSING", "NOT_IN", "OPERATORS", "PRESENT", "TEXT", "WORDS", "fill"]

#: Comparison operators in the order of their operations; `<` with a constant is operation 2.
OPERATORS = ("==", "!=", "<", "<=", ">", ">=")
#: Words of an instruction.
WORDS = 4
#: On top of an operator: two values are compared, a and b.
COLUMNS = 8
#: Value a is, or is not, among `count` constants of the pool from b on.
IN, NOT_IN = 16, 17
#: Value a is there, or is not.
PRESENT, MISSING = 18, 19
#: On top of one of the above: the values are texts.
TEXT = 32
#: Every one, or one or more, of `count` rows of the table, which the pool names from b on.
ALL, ANY = 64, 65


@njit(nogil=True, cache=True)
def fill(code: Any, limits: Any, pool: Any, numbers: Any, texts: Any, table: Any, start: int, stop: int) -> None:
    """Carry out the instructions from `start` to `stop`; `limits` holds the constant each compares with, if any."""
    members = pool.view(numbers.dtype)
    for row in range(start, stop):
        op, a, b, count = code[row, 0], code[row, 1], code[row, 2], code[row, 3]
        out = table[row]
        if op >= ALL:
            _join(op == ALL, pool[b : b + count], table, out)
        elif op >= TEXT + IN:
            _of_text(op - TEXT, texts[a], pool[b : b + count], out)
        elif op >= TEXT:
            _texts(op - TEXT - COLUMNS == 0, texts[a], texts[b], out)
        elif op >= IN:
            _of_number(op, numbers[a], members[b : b + count], out)
        elif op >= COLUMNS:
            _columns(op - COLUMNS, numbers[a], numbers[b], out)
        else:
            _constant(op, numbers[a], limits[row], out)


@njit(nogil=True, cache=True)
def _constant(op: Any, values: Any, limit: Any, out: Any) -> None:
    n = values.size
    if op == 0:
        for i in range(n):
            out[i] = values[i] == limit
    elif op == 1:
        for i in range(n):
            out[i] = (values[i] < limit) | (values[i] > limit)
    elif op == 2:
        for i in range(n):
            out[i] = values[i] < limit
    elif op == 3:
        for i in range(n):
            out[i] = values[i] <= limit
    elif op == 4:
        for i in range(n):
            out[i] = values[i] > limit
    else:
        for i in range(n):
            out[i] = values[i] >= limit


@njit(nogil=True, cache=True)
def _columns(op: Any, left: Any, right: Any, out: Any) -> None:
    n = left.size
    if op == 0:
        for i in range(n):
            out[i] = left[i] == right[i]
    elif op == 1:
        for i in range(n):
            out[i] = (left[i] < right[i]) | (left[i] > right[i])
    elif op == 2:
        for i in range(n):
            out[i] = left[i] < right[i]
    elif op == 3:
        for i in range(n):
            out[i] = left[i] <= right[i]
    elif op == 4:
        for i in range(n):
            out[i] = left[i] > right[i]
    else:
        for i in range(n):
            out[i] = left[i] >= right[i]


@njit(nogil=True, cache=True)
def _of_number(op: Any, values: Any, constants: Any, out: Any) -> None:
    for i in range(values.size):
        value = values[i]
        known = value == value  # noqa: PLR0124  a NaN is no number, not even itself
        if op >= PRESENT:
            out[i] = known if op == PRESENT else not known
        else:
            out[i] = known and _is_among(value, constants) == (op == IN)


@njit(nogil=True, cache=True)
def _of_text(op: Any, values: Any, constants: Any, out: Any) -> None:
    for i in range(values.size):
        value = values[i]
        known = value != 0
        if op >= PRESENT:
            out[i] = known if op == PRESENT else not known
        else:
            out[i] = known and _is_among(value, constants) == (op == IN)


@njit(nogil=True, cache=True)
def _is_among(value: Any, constants: Any) -> Any:
    """Whether sorted constants hold a value."""
    low, high = 0, constants.size
    while low < high:
        middle = (low + high) >> 1
        if constants[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low < constants.size and constants[low] == value


@njit(nogil=True, cache=True)
def _texts(equal: Any, left: Any, right: Any, out: Any) -> None:
    for i in range(left.size):
        out[i] = (left[i] != 0) & (right[i] != 0) & ((left[i] == right[i]) == equal)


@njit(nogil=True, cache=True)
def _join(every: Any, rows: Any, table: Any, out: Any) -> None:
    out[:] = table[rows[0]]
    for k in range(1, rows.size):
        other = table[rows[k]]
        if every:
            for i in range(out.size):
                out[i] &= other[i]
        else:
            for i in range(out.size):
                out[i] |= other[i]
