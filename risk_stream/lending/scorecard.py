"""Scorecards: points from the bins of a card in YAML, the score, the probability of default, and the reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, log
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from risk_stream.catalogue import Node
from risk_stream.lending._tables import Reader, table
from risk_stream.lending.errors import LendingError

__all__ = ["CARD_KEYS", "Characteristic", "Scorecard", "Scores", "load_scorecard", "read_scorecard"]

#: What makes a card: points to double the odds, the score of the base odds (good to bad), and what is scored.
CARD_KEYS = ("pdo", "base_score", "base_odds", "intercept", "characteristics")
_OF_CHARACTERISTIC = ("beta", "bins", "missing", "reason", "of", "words")
_MOST_REASONS = 4


@dataclass(frozen=True, slots=True)
class Characteristic:
    """One column of a card. Bin i holds values from `edges[i]` to below `edges[i + 1]`; the last is for no value."""

    name: str
    edges: tuple[float, ...]
    points: tuple[float, ...]  # of each bin, and of no value where the card has a bin for it
    has_missing: bool
    is_reason: bool
    of: str = ""  # what it looks at, where that has another name
    words: str = ""  # why points are lost, in a sentence

    def bins(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """The bin of each value, NaN being no value. Raises `LendingError` where the card has no bin for that."""
        none = np.isnan(values)
        if none.any() and not self.has_missing:
            raise LendingError(f"{int(none.sum())} applicants have no {self.name}, and the card has no bin for that")
        found = np.searchsorted(np.array(self.edges[1:-1]), values, side="right")
        return np.asarray(np.where(none, len(self.edges) - 1, found))


@dataclass(frozen=True, slots=True)
class Scores:
    """What a card says of applicants, a row each."""

    score: NDArray[np.int64]  # the sum of rounded points: what is decided by
    exact: NDArray[np.float64]  # the sum of points before rounding
    pd: NDArray[np.float64]  # probability of default
    points: NDArray[np.float64]  # [applicants, characteristics]
    reasons: list[tuple[str, ...]]  # characteristics by points lost against their best bin, at most four


@dataclass(frozen=True, slots=True)
class Scorecard:
    """A card: score = offset + factor ln(odds good:bad), factor = PDO / ln 2, offset = base - factor ln(base odds)."""

    name: str
    factor: float
    offset: float
    characteristics: tuple[Characteristic, ...]

    def score(self, applicants: Mapping[str, Any]) -> Scores:
        """Score applicants, given as a column of numbers for each characteristic (NaN: no value).

        Reasons rank characteristics by the points lost against the best bin; those whose `reason` is false (age, where
        the law forbids it) are never one. Raises `LendingError` for a column that is missing.
        """
        columns = []
        for one in self.characteristics:
            if one.name not in applicants:
                raise LendingError(f"applicants have no column {one.name}, which the card {self.name} needs")
            values = np.atleast_1d(np.asarray(applicants[one.name], np.float64))
            columns.append(np.array(one.points)[one.bins(values)])
        points = np.stack(columns, axis=1)
        exact = points.sum(axis=1)
        rounded = np.floor(points + 0.5).astype(np.int64).sum(axis=1)
        pd = 1.0 / (1.0 + np.exp((exact - self.offset) / self.factor))
        return Scores(rounded, exact, pd, points, self._reasons(points))

    def _reasons(self, points: NDArray[np.float64]) -> list[tuple[str, ...]]:
        lost = np.array([max(one.points) for one in self.characteristics]) - points
        allowed = np.array([one.is_reason for one in self.characteristics])
        order = np.argsort(-lost, axis=1, kind="stable")
        names = [one.name for one in self.characteristics]
        return [
            tuple(names[i] for i in row if allowed[i] and lost[applicant, i] > 0)[:_MOST_REASONS]
            for applicant, row in enumerate(order)
        ]


def load_scorecard(path: Path) -> Scorecard:
    """A card by its path; `base_odds` are good to bad. Raises `TableError` with all its faults.

    Points of a bin = -(beta x WOE + intercept / k) x factor + offset / k with k characteristics and
    WOE = ln(share of the good / share of the bad). Bins follow one another without a gap, from below all to above all.
    """
    reader = table(path, ("name", *CARD_KEYS))
    card = _card(reader, reader.text(reader.root, "name"))
    reader.done()
    return card


def read_scorecard(root: Node, name: str, beside: Sequence[str]) -> Scorecard:
    """A card in a mapping that holds `CARD_KEYS` and may hold others `beside`. Raises `TableError` with its faults."""
    reader = Reader(root, (*CARD_KEYS, *beside), beside)
    reader.done()
    card = _card(reader, name)
    reader.done()
    return card


def _card(reader: Reader, name: str) -> Scorecard:
    """What a card says; its faults are noted."""
    root = reader.root
    pdo, odds = float(reader.number(root, "pdo")), float(reader.number(root, "base_odds"))
    if pdo <= 0 or odds <= 0:
        reader.report(root, "pdo and base_odds are over 0: points to double the odds, and good to bad at base_score")
        reader.done()
    factor = pdo / log(2)
    offset = float(reader.number(root, "base_score")) - factor * log(odds)
    parts = root["characteristics"]
    if not parts.is_mapping or not parts.value:
        reader.report(parts, "characteristics are a mapping of names, each with beta and bins")
        reader.done()
    count = len(parts.value)
    share = float(reader.number(root, "intercept")) / count
    found = []
    for key, part in parts.items():
        if not reader.keys(part, _OF_CHARACTERISTIC, optional=("missing", "reason", "of", "words")):
            continue
        edges, woes = _bins(reader, part, str(key.value))
        missing = part.get("missing")
        if missing is not None and reader.keys(missing, ("woe",)):
            woes.append(float(reader.number(missing, "woe")))
        beta = float(reader.number(part, "beta"))
        points = tuple(-(beta * woe + share) * factor + offset / count for woe in woes)
        is_reason = reader.yes(part, "reason", otherwise=True)
        of, words = reader.text(part, "of"), reader.text(part, "words")
        found.append(Characteristic(str(key.value), edges, points, missing is not None, is_reason, of, words))
    return Scorecard(name, factor, offset, tuple(found))


def _bins(reader: Reader, part: Node, name: str) -> tuple[tuple[float, ...], list[float]]:
    """Edges from -inf to inf, and the WOE of each bin; notes bins that overlap and values that have none."""
    node = part.get("bins")
    edges, woes = [-inf], []
    if node is None or not node.is_list or not node.value:
        reader.report(node or part, f"bins of {name} are a list such as [{{below: 25, woe: -1}}, {{from: 25, woe: 1}}]")
        return (-inf, inf), [0.0]
    for item in node.value:
        if not reader.keys(item, ("from", "below", "woe"), optional=("from", "below")):
            continue
        low = float(reader.number(item, "from")) if "from" in item else -inf
        high = float(reader.number(item, "below")) if "below" in item else inf
        if low < edges[-1]:
            reader.report(item, f"bins of {name} overlap: one begins at {low:g}, the one before ends at {edges[-1]:g}")
        elif low > edges[-1]:
            reader.report(item, f"{name} from {edges[-1]:g} to {low:g} has no bin")
        if high <= low:
            reader.report(item, f"a bin of {name} from {low:g} to {high:g} holds nothing")
        edges.append(high)
        woes.append(float(reader.number(item, "woe")))
    if edges[-1] != inf:
        reader.report(node, f"{name} from {edges[-1]:g} on has no bin: leave `below` out in the last one")
    return tuple(edges), woes
