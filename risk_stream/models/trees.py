"""Half-space trees over flat arrays: what is unlike the rows of the last window, with exactly River's scores."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Mapping
from functools import lru_cache
from itertools import accumulate
from random import Random
from typing import Any

import numpy as np

from risk_stream.models._scale_kernel import MIN_MAX, NO_SCALER, STANDARD
from risk_stream.models._trees_kernel import T_COUNTER, T_PAST_FIRST, T_WORDS, learn_trees, peek_trees, run_trees
from risk_stream.models.base import HALF, Replacing
from risk_stream.models.learner import Floats, Longs, Mask
from risk_stream.models.registry import parameters_of
from risk_stream.models.spec import Spec

__all__ = ["SCALERS", "Trees"]

#: The scalers that a compiled model may have in front.
SCALERS = {"MinMaxScaler": MIN_MAX, "StandardScaler": STANDARD}
#: The share of a range, at each of its ends, in which no cut is made; as River has it.
PADDING = 0.15


def _scaler_state(kind: int, inputs: int) -> Floats:
    """[3, m]: a scaler that has seen nothing."""
    state = np.zeros((3, inputs))
    if kind == MIN_MAX:
        state[0], state[1] = np.inf, -np.inf
    return state


class Trees(Replacing):
    """HalfSpaceTrees, alone or behind a scaler; without groups, for a forest is large.

    The trees are over all inputs, as River's are where the first row that it learns lacks none. River leaves out what
    the first row lacks for good, and a model would then depend on which customer came first.
    """

    good_alone = True

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        said = parameters_of(spec.steps[-1])
        self._kind = SCALERS[spec.steps[0].component] if len(spec.steps) > 1 else NO_SCALER
        self._scaler = _scaler_state(self._kind, self._inputs)
        self._window = int(said["window_size"])
        self._split_on, self._cuts = _forest(spec.inputs, said["n_trees"], said["height"], said["seed"])
        nodes = 2 * self._cuts.shape[1] + 1
        self._fresh = np.zeros((len(self._cuts), nodes), np.int32)
        self._kept = np.zeros((len(self._cuts), nodes), np.int32)
        self._words = np.zeros(T_WORDS, np.int64)

    def _forest(self) -> tuple[Any, ...]:
        return self._split_on, self._cuts, self._fresh, self._kept, self._words, self._window, self._kind, self._scaler

    def _run(self, rows: Floats, slots: Longs, begins: Mask, used: Mask, scores: Floats, over: Mask) -> None:
        del slots, begins
        judge = self._gate, self._ring, self._order, self._limits, self._policy, self.spec.warm_up
        run_trees(*self._forest(), HALF, *judge, rows, used, scores, over)

    def _learn(self, rows: Floats, labels: Floats, weights: Floats, slots: Longs, begins: Mask, used: Mask) -> None:
        del labels, weights, slots, begins
        learn_trees(*self._forest(), HALF, self._gate, rows, used)

    def _peek(self, rows: Floats, slot: int) -> Floats:
        del slot
        scores = np.zeros(len(rows))
        peek_trees(*self._forest(), HALF, rows, scores)
        return scores

    def _room(self, slots: int) -> None:
        del slots

    def _arrays(self) -> dict[str, Any]:
        return {
            "split_on": self._split_on,
            "cuts": self._cuts,
            "fresh": self._fresh,
            "kept": self._kept,
            "words": self._words,
            "scaler": self._scaler,
        }

    def _restore(self, arrays: Mapping[str, Any], more: bytes) -> None:
        del more
        mine = self._arrays()
        if {n: (a.dtype, a.shape) for n, a in arrays.items()} != {n: (a.dtype, a.shape) for n, a in mine.items()}:
            raise ValueError("what was saved of this model has other trees than it has now")
        words, split_on = arrays["words"], arrays["split_on"]
        counted = 0 <= words[T_COUNTER] < self._window and words[T_PAST_FIRST] in {0, 1}
        if not counted or split_on.min() < 0 or split_on.max() >= self._inputs:
            raise ValueError("what was saved of this model is no forest")
        self._split_on, self._cuts, self._fresh = split_on, arrays["cuts"], arrays["fresh"]
        self._kept, self._words, self._scaler = arrays["kept"], words, arrays["scaler"]


@lru_cache(maxsize=64)
def _forest(inputs: tuple[str, ...], n_trees: int, height: int, seed: int) -> tuple[Any, Floats]:
    """Which input each inner node asks [trees, nodes] and where it cuts [trees, nodes], as River draws them.

    Nobody writes to these: a quarter of a second goes into drawing them, and a model is made again to explain scores.
    """
    names = sorted(inputs)  # River draws among them in this order
    place = [inputs.index(name) for name in names]
    chance = Random(seed).random  # noqa: S311 - no secret; the same forest from the same seed
    inner = 2**height - 1
    split_on, cuts = np.zeros((n_trees, inner), np.int32), np.zeros((n_trees, inner))
    for t in range(n_trees):
        ahead = [(0, [(0.0, 1.0)] * len(names))]  # a node, and the part of each input's range that reaches it
        while ahead:
            node, ranges = ahead.pop()
            reach = list(accumulate(high - low for low, high in ranges))
            on = bisect(reach, chance() * reach[-1], 0, len(names) - 1)
            low, high = ranges[on]
            first, last = low + PADDING * (high - low), high - PADDING * (high - low)
            at = first + (last - first) * chance()
            split_on[t, node], cuts[t, node] = place[on], at
            if 2 * node + 1 < inner:  # the left of the two is drawn first, with all below it
                ahead.append((2 * node + 2, [*ranges[:on], (at, high), *ranges[on + 1 :]]))
                ahead.append((2 * node + 1, [*ranges[:on], (low, at), *ranges[on + 1 :]]))
    return split_on, cuts
