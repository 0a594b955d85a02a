"""A house's rules of margin accounts as a table: lines, deadline of a call, margin ratios, concentration, haircuts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType

from risk_stream.catalogue import Node
from risk_stream.lending._tables import Reader, table

__all__ = ["MarginRules", "load_margin_rules"]

_KEYS = ("name", "source", "lines", "deadline", "ratios", "concentration", "haircuts", "house")
_LINES = ("withdrawal", "warning", "call", "forced_sale")
_HAIRCUTS = ("special_treatment", "index_member", "share", "fund", "bond", "future", "option")
#: The indices whose shares the exchanges let count more, as they are compared: SSE 180, with SSE 50 that is chosen from
#: it, and SZSE 100.
_INDICES = frozenset({"SSE180", "SSE50", "SZSE100"})
#: Ratios are compared exactly in int64: a line is at most five, with at most three decimals.
_MOST, _STEPS = 5, 1000


@dataclass(frozen=True, slots=True)
class MarginRules:
    """A table of margin accounts, such as `tables/margin_2026.yaml`; ratios and shares are exact fractions."""

    name: str
    source: str
    withdrawal: Fraction
    warning: Fraction
    call: Fraction
    forced_sale: Fraction
    business_days: int  # behind that of a call, until whose end it is to be met
    calendar: str
    financing_ratio: Fraction
    short_ratio: Fraction
    concentration_below: Fraction  # one title's share is asked of accounts below this ratio
    concentration_share: Fraction
    haircuts: Mapping[str, Fraction]
    house: tuple[str, ...]  # parts that the table marks as a house's to set

    def haircut(self, kind: str | None, index_member: str | None, special_treatment: bool | None) -> Fraction:
        """The share of an instrument's value that counts as margin; nothing of a kind that nobody has told."""
        if special_treatment:
            return self.haircuts["special_treatment"]
        if kind == "share" and "".join((index_member or "").split()).upper() in _INDICES:
            return self.haircuts["index_member"]
        return self.haircuts.get(kind or "", Fraction(0))


def load_margin_rules(path: Path | str = "margin_2026") -> MarginRules:
    """A table of margin accounts, by the name of a shipped one or by path. Raises `TableError` with all its faults."""
    reader = table(path, _KEYS)
    root = reader.root
    parts = {key: root[key] for key in _KEYS}
    lines = _lines(reader, parts["lines"])
    reader.keys(parts["deadline"], ("business_days", "calendar"))
    reader.keys(parts["ratios"], ("financing", "short"))
    reader.keys(parts["concentration"], ("below", "share"))
    reader.keys(parts["haircuts"], _HAIRCUTS)
    found = MarginRules(
        name=reader.text(root, "name"),
        source=reader.text(root, "source"),
        **lines,
        business_days=reader.whole(parts["deadline"], "business_days", 0, 60),
        calendar=reader.text(parts["deadline"], "calendar"),
        financing_ratio=_line(reader, parts["ratios"], "financing"),
        short_ratio=_line(reader, parts["ratios"], "short"),
        concentration_below=_line(reader, parts["concentration"], "below"),
        concentration_share=reader.share(parts["concentration"], "share"),
        haircuts=MappingProxyType({name: reader.share(parts["haircuts"], name) for name in _HAIRCUTS}),
        house=reader.names(root, "house"),
    )
    reader.done()
    return found


def _lines(reader: Reader, node: Node) -> dict[str, Fraction]:
    reader.keys(node, _LINES)
    lines = {name: _line(reader, node, name) for name in _LINES}
    falling = list(lines.values())
    if any(here <= there for here, there in pairwise(falling)):
        reader.report(node, "the lines fall from withdrawal to warning to call to forced_sale")
    elif falling[-1] <= 1:
        reader.report(node["forced_sale"], "forced_sale is over 1: at 1 the debt is all that the assets are worth")
    return lines


def _line(reader: Reader, node: Node, key: str) -> Fraction:
    """A ratio from 0 to 5 with at most three decimals."""
    found = reader.number(node, key)
    if not 0 <= found <= _MOST or found.denominator > _STEPS:
        reader.report(
            node[key], f"{key} is a ratio from 0 to {_MOST} with at most three decimals, such as 1.3 for 130 %"
        )
        return Fraction(0)
    return found
