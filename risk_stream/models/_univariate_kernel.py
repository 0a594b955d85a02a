"""Kernel of detectors of one number: River's GaussianScorer and StandardAbsoluteDeviation, a line of state per group.

State of a group: count, mean, and the sum of squared differences from it (Welford 1962).
"""

from __future__ import annotations

import math
from typing import Any, Final

from risk_stream.models._gate_kernel import ALWAYS, CALM, G_LEARNT, gate
from risk_stream.models._jit import SOURCES, Bools, Floats, Ints, Word, entry, inner

__all__ = ["GAUSSIAN", "U_WORDS", "learn_univariate", "peek_univariate", "run_univariate"]

#: Words of a group's line.
U_WORDS: Final = 3
#: Kinds: GaussianScorer; any other is StandardAbsoluteDeviation.
GAUSSIAN: Final = 0


@inner
def _score(kind: int, grace: float, half: float, line: Floats, x: float) -> Word:
    """How far a value is from the mean. Unlike in River, the only value ever seen is no anomaly."""
    n = line[0]
    if kind == GAUSSIAN and n < grace:
        return 0.0
    deviation = (line[2] / (n - 1.0)) ** half if n > 1.0 else 0.0
    away = x - line[1]
    if kind != GAUSSIAN:
        return abs(away / (deviation + 1e-10))
    if deviation == 0.0:
        return 0.0 if away == 0.0 else 1.0
    return 2.0 * abs(0.5 * (1.0 + math.erf((away / deviation) / math.sqrt(2.0))) - 0.5)


@inner
def _learn(line: Floats, x: float) -> None:
    before = line[1]
    line[0] += 1.0
    line[1] += (1.0 / line[0]) * (x - before)
    line[2] += (x - before) * (x - line[1])


def _entries(sources: int) -> tuple[Any, Any, Any]:
    """The functions Python calls, compiled anew where `sources` differs (see `features._jit.entry`)."""

    @entry
    def run_univariate(
        kind: int,
        grace: float,
        half: float,
        lines: Floats,
        gate_words: Ints,
        ring: Floats,
        order: Floats,
        limits: Floats,
        policy: int,
        warm_up: int,
        rows: Floats,
        slots: Ints,
        begins: Bools,
        used: Bools,
        scores: Floats,
        over: Bools,
    ) -> None:
        for i in range(len(rows)):
            if not used[i] or sources < 0:
                continue
            line = lines[slots[i]]
            if begins[i]:
                line[:] = 0.0
            x = rows[i, 0]
            if line[0] >= warm_up:
                scores[i] = _score(kind, grace, half, line, x)
                over[i] = gate(gate_words, ring, order, limits, scores[i])
            if policy == ALWAYS or (policy == CALM and not over[i]):
                _learn(line, x)
                gate_words[G_LEARNT] += 1

    @entry
    def learn_univariate(
        lines: Floats, gate_words: Ints, rows: Floats, slots: Ints, begins: Bools, used: Bools
    ) -> None:
        for i in range(len(rows)):
            if used[i] and sources >= 0:
                line = lines[slots[i]]
                if begins[i]:
                    line[:] = 0.0
                _learn(line, rows[i, 0])
                gate_words[G_LEARNT] += 1

    @entry
    def peek_univariate(kind: int, grace: float, half: float, line: Floats, rows: Floats, scores: Floats) -> None:
        for i in range(len(rows)):
            if sources >= 0:
                scores[i] = _score(kind, grace, half, line, rows[i, 0])

    return run_univariate, learn_univariate, peek_univariate


run_univariate, learn_univariate, peek_univariate = _entries(SOURCES)
