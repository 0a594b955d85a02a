"""Kernel of half-space trees: River's HalfSpaceTrees over flat arrays, row by row, to the last bit.

A tree of height h is its 2 ** h - 1 inner nodes (which input, below which value to the left) and the masses of its
2 ** (h + 1) - 1 nodes in the order of a heap: the children of node k are 2 k + 1 and 2 k + 2.
Tan, Ting and Liu: Fast anomaly detection for streaming data, IJCAI 2011.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from risk_stream.models._gate_kernel import ALWAYS, CALM, G_LEARNT, gate
from risk_stream.models._jit import SOURCES, Bools, Floats, Ints, entry, inner
from risk_stream.models._scale_kernel import learn_scale, scale

__all__ = ["T_COUNTER", "T_PAST_FIRST", "T_WORDS", "learn_trees", "peek_trees", "run_trees"]

#: Words of a forest: rows learnt in this window, and 1 after the first window.
T_COUNTER: Final = 0
T_PAST_FIRST: Final = 1
T_WORDS: Final = 2


@inner
def _child(inputs: Ints, cuts: Floats, fresh: Ints, raw: Floats, row: Floats, t: int, node: int) -> int:
    """Where a row goes on from an inner node; where its input is missing, to the child more rows went to."""
    left = 2 * node + 1
    j = inputs[t, node]
    if np.isnan(raw[j]):
        return left + 1 if fresh[t, left] < fresh[t, left + 1] else left
    return left if row[j] < cuts[t, node] else left + 1


@inner
def _score(
    inputs: Ints, cuts: Floats, fresh: Ints, kept: Ints, words: Ints, window: int, raw: Floats, row: Floats
) -> float:
    """The score of one scaled row: 0 in the first window, near 1 where the trees' last window was thin."""
    if words[T_PAST_FIRST] == 0:
        return 0.0
    least = 0.1 * window
    total = 0
    nodes = kept.shape[1]
    inner_nodes = cuts.shape[1]
    for t in range(len(cuts)):
        node = 0
        weight = 1
        while node < inner_nodes:
            mass = kept[t, node]
            total += mass * weight
            if mass < least:
                weight = 0
                break
            node = _child(inputs, cuts, fresh, raw, row, t, node)
            weight *= 2
        if weight > 0:
            total += kept[t, node] * weight
    return 1.0 - float(total) / float(len(cuts) * window * nodes)


@inner
def _learn(
    inputs: Ints, cuts: Floats, fresh: Ints, kept: Ints, words: Ints, window: int, raw: Floats, row: Floats
) -> None:
    """Count one scaled row in every node on its way; after a window, its masses are what rows are scored by."""
    inner_nodes = cuts.shape[1]
    for t in range(len(cuts)):
        node = 0
        while node < inner_nodes:
            fresh[t, node] += 1
            node = _child(inputs, cuts, fresh, raw, row, t, node)
        fresh[t, node] += 1
    words[T_COUNTER] += 1
    if words[T_COUNTER] == window:
        for t in range(len(cuts)):
            for node in range(kept.shape[1]):
                kept[t, node] = fresh[t, node]
                fresh[t, node] = 0
        words[T_PAST_FIRST] = 1
        words[T_COUNTER] = 0


def _entries(sources: int) -> tuple[Any, Any, Any]:
    """The functions Python calls, compiled anew where `sources` differs (see `features._jit.entry`)."""

    @entry
    def run_trees(
        inputs: Ints,
        cuts: Floats,
        fresh: Ints,
        kept: Ints,
        words: Ints,
        window: int,
        kind: int,
        scaler: Floats,
        half: float,
        gate_words: Ints,
        ring: Floats,
        order: Floats,
        limits: Floats,
        policy: int,
        warm_up: int,
        rows: Floats,
        used: Bools,
        scores: Floats,
        over: Bools,
    ) -> None:
        row = np.empty(rows.shape[1])
        for i in range(len(rows)):
            if not used[i] or sources < 0:
                continue
            raw = rows[i]
            scale(kind, scaler, raw, half, row)
            if gate_words[G_LEARNT] >= warm_up:
                scores[i] = _score(inputs, cuts, fresh, kept, words, window, raw, row)
                over[i] = gate(gate_words, ring, order, limits, scores[i])
            if policy == ALWAYS or (policy == CALM and not over[i]):
                if learn_scale(kind, scaler, raw):
                    scale(kind, scaler, raw, half, row)
                _learn(inputs, cuts, fresh, kept, words, window, raw, row)
                gate_words[G_LEARNT] += 1

    @entry
    def learn_trees(
        inputs: Ints,
        cuts: Floats,
        fresh: Ints,
        kept: Ints,
        words: Ints,
        window: int,
        kind: int,
        scaler: Floats,
        half: float,
        gate_words: Ints,
        rows: Floats,
        used: Bools,
    ) -> None:
        row = np.empty(rows.shape[1])
        for i in range(len(rows)):
            if used[i] and sources >= 0:
                learn_scale(kind, scaler, rows[i])
                scale(kind, scaler, rows[i], half, row)
                _learn(inputs, cuts, fresh, kept, words, window, rows[i], row)
                gate_words[G_LEARNT] += 1

    @entry
    def peek_trees(
        inputs: Ints,
        cuts: Floats,
        fresh: Ints,
        kept: Ints,
        words: Ints,
        window: int,
        kind: int,
        scaler: Floats,
        half: float,
        rows: Floats,
        scores: Floats,
    ) -> None:
        row = np.empty(rows.shape[1])
        for i in range(len(rows)):
            if sources >= 0:
                scale(kind, scaler, rows[i], half, row)
                scores[i] = _score(inputs, cuts, fresh, kept, words, window, rows[i], row)

    return run_trees, learn_trees, peek_trees


run_trees, learn_trees, peek_trees = _entries(SOURCES)
