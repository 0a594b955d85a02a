"""Kernel of models that were fitted at once: trees of any shape over flat arrays, sums of weighted inputs, the gate.

A forest is its nodes one after the other, each tree's root at a place of its own: which input a node asks, or -1 for a
leaf; up to which value a row goes to the left; the places of both children; whether a row goes to the left where that
input is missing; and what a leaf adds to the score.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from risk_stream.models._gate_kernel import gate
from risk_stream.models._jit import SOURCES, Bools, Floats, Ints, entry

__all__ = ["judge_all", "sum_inputs", "sum_leaves"]


def _entries(sources: int) -> tuple[Any, Any, Any]:
    """The functions Python calls, compiled anew where `sources` differs (see `features._jit.entry`)."""

    @entry
    def sum_leaves(
        roots: Ints,
        inputs: Ints,
        cuts: Floats,
        left: Ints,
        right: Ints,
        missing_left: Bools,
        leaves: Floats,
        start: float,
        rows: Floats,
        sums: Floats,
    ) -> None:
        """sums [n]: `start` and what the leaves of all trees add to each row [n, m], tree by tree."""
        for i in range(len(rows)):
            total = start if sources >= 0 else 0.0
            for t in range(len(roots)):
                node = roots[t]
                while inputs[node] >= 0:
                    value = rows[i, inputs[node]]
                    goes_left = missing_left[node] if np.isnan(value) else value <= cuts[node]
                    node = left[node] if goes_left else right[node]
                total += leaves[node]
            sums[i] = total

    @entry
    def sum_inputs(weights: Floats, means: Floats, start: float, rows: Floats, sums: Floats) -> None:
        """sums [n]: `start` and each input's distance from its mean by its weight; a missing one adds nothing."""
        for i in range(len(rows)):
            total = start if sources >= 0 else 0.0
            for j in range(len(weights)):
                if not np.isnan(rows[i, j]):
                    total += weights[j] * (rows[i, j] - means[j])
            sums[i] = total

    @entry
    def judge_all(gate_words: Ints, ring: Floats, order: Floats, limits: Floats, scores: Floats, over: Bools) -> None:
        """over [n]: whether each score [n] that there is is over the threshold, by those before it."""
        for i in range(len(scores)):
            if not np.isnan(scores[i]) and sources >= 0:
                over[i] = gate(gate_words, ring, order, limits, scores[i])

    return sum_leaves, sum_inputs, judge_all


sum_leaves, sum_inputs, judge_all = _entries(SOURCES)
