"""Amounts of different currencies are not compared, as far as the catalogue says what is in which.

A field whose unit is an ISO 4217 code, such as ``unit: USD``, is in that currency whatever the event. Of other amounts
the event's ``currency`` field says it, which nobody knows when a rule is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from risk_stream.catalogue import Field
from risk_stream.features import Op
from risk_stream.rules.language.meaning import AggregateValue, Chosen, Computed, FieldValue, Value

__all__ = ["currency_of", "different_currencies"]

_CODE = re.compile(r"[A-Z]{3}")
#: Operations whose result is in the currency of what goes in; a product with a rate may be in any.
_KEEPS = {"+", "-", "%", "negate", "abs", "min", "max", "coalesce", "round", "floor", "ceil", "clamp"}
#: Aggregates of amounts that are none themselves.
_NUMBERS = {Op.DISTINCT, Op.ZSCORE, Op.PERCENTILE, Op.SEEN, Op.DAYS_PAST_DUE}


def currency_of(value: Value, fields: Mapping[str, Field]) -> str | None:
    """The currency that the catalogue gives a value, None where it gives none."""
    match value:
        case FieldValue(_, name):
            field = fields.get(name)
        case AggregateValue(_, aggregate) if aggregate.op not in _NUMBERS:
            field = fields.get(aggregate.field or "")
        case Chosen(_, _, first, other):
            return currency_of(first, fields) or currency_of(other, fields)
        case Computed(_, op, parts) if op in _KEEPS:
            return next((code for part in parts if (code := currency_of(part, fields))), None)
        case _:
            return None
    return field.unit if field is not None and _CODE.fullmatch(field.unit) else None


def different_currencies(values: tuple[Value, ...], fields: Mapping[str, Field]) -> str:
    """Why some values cannot be compared or added, or nothing."""
    codes = list(dict.fromkeys(code for value in values if (code := currency_of(value, fields)) is not None))
    if len(codes) < 2:
        return ""
    return f"an amount in {codes[0]} and one in {codes[1]} are no more or less than each other: multiply one by a rate"
