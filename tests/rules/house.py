"""A small house for tests of rules: an event type with a field of every type, and events as plain dictionaries."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from risk_stream.catalogue import Catalogue, FieldType, load_catalogue, text_hash
from risk_stream.features import Aggregate
from risk_stream.rules import Plan, plan_of_texts
from risk_stream.screening import similarity

__all__ = ["FEATURES", "Rows", "catalogue", "plan_of", "rule_file"]

_EVENTS = """\
types:
  - type: probe
    meaning: One field of every type.
    topic: trades
    fields:
      - {name: customer, type: string, key: customer, required: true, meaning: Who.}
      - {name: account, type: string, key: account, required: true, meaning: Where.}
      - {name: paid, type: money, meaning: An amount that may be negative.}
      - {name: cost, type: money, minimum: 0, meaning: An amount that is never negative.}
      - {name: ratio, type: number, meaning: A number.}
      - {name: pieces, type: integer, meaning: A whole number.}
      - {name: flag, type: boolean, meaning: True or false.}
      - {name: word, type: string, meaning: A text.}
      - {name: other, type: string, meaning: Another text.}
      - {name: colour, type: choice, choices: [red, green, blue], meaning: A choice.}
      - {name: opened, type: timestamp, meaning: A time.}
  - type: whisper
    meaning: A type with less in it.
    topic: trades
    fields:
      - {name: customer, type: string, key: customer, required: true, meaning: Who.}
      - {name: paid, type: money, meaning: An amount that may be negative.}
"""

#: Features for expressions to name: an aggregate of every kind of result, a value and two conditions.
FEATURES = """\
  times: {count: probe, by: customer, window: 1h}
  spent: {sum: cost, of: probe, by: customer, window: 1d}
  usual: {mean: paid, of: probe, by: customer, window: 30d}
  before: {last: word, of: probe, by: account, window: 30d}
  quiet_for: {since: probe, by: account, window: 1000d}
  surge: paid / usual
  busy: times > 2 and not flag
  odd: (surge > 1.5 or word != before)
"""


@cache
def catalogue() -> Catalogue:
    """The core event types and this house's own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "house.yaml"
        path.write_text(_EVENTS)
        return load_catalogue(path)


def rule_file(*whens: str, features: str = "", on: str = "probe", more: Sequence[str] = ()) -> str:
    """A rule file with a rule r0, r1, … for each condition; `more` are further lines of every rule."""
    lines = ["stage: trading", "owner: desk"]
    lines += ["features:", features.rstrip("\n")] if features else []
    lines.append("rules:")
    for i, when in enumerate(whens):
        quoted = when.replace("'", "''")
        lines += [f"  - id: r{i}", f"    on: {on}", f"    when: '{quoted}'", "    severity: low", "    summary: said"]
        lines += [f"    {line}" for line in more]
    return "\n".join(lines) + "\n"


def plan_of(*texts: str) -> Plan:
    """The plan of some rule files, named f0.yaml, f1.yaml, …"""
    return plan_of_texts({f"f{i}.yaml": text for i, text in enumerate(texts)}, catalogue())


class Rows:
    """A view of events given as dictionaries; aggregates stand in them under the feature's name.

    `inexact` names, for each row, the features whose value is only a bound; `warming` those that are so for a while.
    """

    def __init__(
        self,
        plan: Plan,
        rows: Sequence[Mapping[str, Any]],
        inexact: Sequence[frozenset[str]] | None = None,
        warming: frozenset[str] = frozenset(),
    ) -> None:
        self.n, self._rows = len(rows), list(rows)
        self._names: dict[str, str] = {}
        self._aggregates: dict[str, Aggregate] = {}
        for rule in plan.rules:
            for name, feature in rule.features:
                if isinstance(feature, Aggregate):
                    self._names[feature.id], self._aggregates[feature.id] = name, feature
        self._inexact, self._warming = inexact or [frozenset()] * self.n, warming
        self._fields = plan.catalogue.fields
        self.lists: dict[str, set[str]] = {}
        self._texts = {text_hash(v): v for row in rows for v in row.values() if isinstance(v, str)}

    def _column(self, name: str) -> list[Any]:
        return [row.get(name) for row in self._rows]

    def number(self, name: str) -> np.ndarray:
        assert not self._fields[name].type.is_text
        return np.array([np.nan if v is None else float(v) for v in self._column(name)], np.float64)

    def hashes(self, name: str) -> np.ndarray:
        assert self._fields[name].type.is_text
        return np.array([0 if v is None else text_hash(v) for v in self._column(name)], np.int64)

    def aggregate(self, id: str) -> np.ndarray:
        values = self._column(self._names[id])
        if self._aggregates[id].text:
            return np.array([0 if v is None else text_hash(v) for v in values], np.int64).view(np.float64)
        return np.array([np.nan if v is None else float(v) for v in values], np.float64)

    def inexact(self, id: str) -> np.ndarray | None:
        flags = np.array([self._names[id] in names for names in self._inexact], np.bool_)
        return flags if flags.any() else None

    def warming(self, id: str, row: int) -> bool:
        return self._names[id] in self._warming

    def listed(self, list_name: str, members: np.ndarray, /) -> np.ndarray:
        on = np.isin(members, [text_hash(member) for member in self.lists.get(list_name, ())]).astype(np.float64)
        on[members == 0] = np.nan
        return on

    def closest(self, list_name: str, names: Sequence[str | None], /) -> list[tuple[float, str] | None]:
        members = self.lists.get(list_name, set())
        scores = [[(similarity(name, member), member) for member in members] if name else [] for name in names]
        hits = [sorted((-score, member) for score, member in of if score) for of in scores]
        return [(-of[0][0], of[0][1]) if of else None for of in hits]

    def value(self, name: str, row: int) -> Any:
        value = self._rows[row].get(name)
        return bool(value) if value is not None and self._fields[name].type is FieldType.BOOLEAN else value

    def texts(self, name: str, rows: Sequence[int]) -> list[str | None]:
        return [self.value(name, row) for row in rows]

    def text_of(self, hashed: int, /) -> str | None:
        return self._texts.get(hashed)
