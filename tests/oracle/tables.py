"""Decisions by hand: a table's rows as its file has them, a scorecard's points by its formula, one event at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from tests.oracle.logic import Value, evaluate

__all__ = ["points_of", "ruling_of"]

Lookup = Callable[[str], Value]


def ruling_of(written: Mapping[str, Any], lookup: Lookup) -> tuple[str, int]:
    """(verdict, place of the row from 1 on) of a table on an event whose names `lookup` gives.

    The first row that is true decides; where one is met before it that may be true, a person decides.
    """
    for place, row in enumerate(written["rows"], 1):
        holds = True if row["when"] == "otherwise" else evaluate(str(row["when"]), lookup)
        if holds is False:
            continue
        offered = [row.get("limit"), *(row.get("rate") or {}).values()] if row["verdict"] == "approve" else []
        unknown = [text for text in offered if text is not None and evaluate(str(text), lookup) is None]
        return (row["verdict"] if holds is True and not unknown else "refer"), place
    raise AssertionError("a table ends with otherwise")


def points_of(card: Mapping[str, Any], lookup: Callable[[str], Value]) -> Fraction | None:
    """The score of a card: the rounded points of each characteristic, added up; None where one has none."""
    factor = float(card["pdo"]) / math.log(2)
    offset = float(card["base_score"]) - factor * math.log(float(card["base_odds"]))
    count, total = len(card["characteristics"]), 0
    for name, one in card["characteristics"].items():
        value = lookup(one.get("of", name))
        woe = _woe(one, value)
        if woe is None:
            return None
        points = -(float(one["beta"]) * woe + float(card["intercept"]) / count) * factor + offset / count
        total += math.floor(points + 0.5)
    return Fraction(total)


def _woe(one: Mapping[str, Any], value: Value) -> float | None:
    if value is None:
        return float(one["missing"]["woe"]) if "missing" in one else None
    assert isinstance(value, Fraction)
    for part in one["bins"]:
        if part.get("from", -math.inf) <= value < part.get("below", math.inf):
            return float(part["woe"])
    raise AssertionError("a value without a bin")
