"""scikit-learn's estimators, fitted in one thread and taken over as arrays, with which rows are then scored.

scikit-learn takes 0.4 ms to score a single row; the arrays give its probabilities in a microsecond or two, are saved
without a pickle, and stay as they are when scikit-learn becomes another version.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from risk_stream.models._fitted_kernel import judge_all, sum_inputs, sum_leaves
from risk_stream.models.components import ESTIMATORS
from risk_stream.models.learner import Floats
from risk_stream.models.spec import Parameter

__all__ = ["Fitted", "compile_fitted", "fit", "fitted_from"]

#: Forests of scikit-learn compare numbers of 32 bits, which end here.
_LARGEST_OF_32 = 3e38
_MODULES = {"LogisticRegression": "sklearn.linear_model"}
#: The arrays of a forest and of a weighted sum, with their types.
_TREES = {
    **dict.fromkeys(("roots", "inputs", "left", "right"), "<i4"),
    **dict.fromkeys(("cuts", "leaves"), "<f8"),
    "missing_left": "|b1",
}
_SUM = dict.fromkeys(("weights", "means"), "<f8")


@dataclass(frozen=True, slots=True)
class Fitted:
    """What was fitted: trees or a weighted sum (`_fitted_kernel`), the number that the sum begins with, and what it is.

    `link` says what becomes of the sum: `logit` is the logarithm of the odds, `mean` the sum of so many probabilities.
    A good row that it was fitted to stood for `stands_for` of them: odds are so much too high, and are divided by that
    (prior correction, King and Zeng 2001).
    """

    link: str  # logit, or mean
    start: float
    stands_for: float
    arrays: Mapping[str, Any]

    def scores(self, rows: Floats) -> Floats:
        """The probability [n] that rows [n, m] are bad; NaN in a row is a missing input."""
        sums, said = np.empty(len(rows)), self.arrays
        if "weights" in said:
            sum_inputs(said["weights"], said["means"], self.start, rows, sums)
        else:
            given = _of_32(rows) if self.link == "mean" else rows
            sum_leaves(*(said[name] for name in _ORDER), self.start, given, sums)
        if self.link == "mean":
            found = sums / len(said["roots"])
            return found if self.stands_for == 1 else found / (found + (1.0 - found) * self.stands_for)
        with np.errstate(over="ignore"):
            against: Floats = np.exp(-sums) * self.stands_for
            return 1.0 / (1.0 + against)

    def numbers(self) -> list[float]:
        """What it holds beside arrays."""
        return [float(self.link == "mean"), self.start, self.stands_for]


_ORDER = ("roots", "inputs", "cuts", "left", "right", "missing_left", "leaves")


def fit(
    estimator: str,
    parameters: Mapping[str, Parameter],
    seed: int,
    rows: Floats,
    labels: Floats,
    weights: Floats,
    stands_for: float,
) -> Fitted:
    """An estimator of `ESTIMATORS` fitted to rows [n, m] with labels 1 and 0 [n], which weigh `weights` [n].

    `parameters` that are None are the estimator's own. The same arguments give the same result: it runs in one thread.

    Raises:
        ValueError: scikit-learn could not fit it.
    """
    given = {name: default if (said := parameters.get(name)) is None else said for name, default in _own(estimator)}
    cls = getattr(importlib.import_module(_MODULES.get(estimator, "sklearn.ensemble")), estimator)
    model = cls(random_state=seed, **given)
    pools = importlib.import_module("threadpoolctl")
    # boosting takes ten times as long where weights are given, to find where inputs are cut
    given_weights = None if (weights == weights[0]).all() else weights
    # an input that was never there tells nothing, and boosting fails on it
    rows = np.where(np.isnan(rows).all(axis=0), 0.0, rows)
    with pools.threadpool_limits(limits=1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of fits that stop at max_iter
        if estimator == "LogisticRegression":
            return _sum_of(model, rows, labels, given_weights, stands_for)
        if estimator == "HistGradientBoostingClassifier":
            model.fit(rows, labels, sample_weight=given_weights)
            return _boosted(model, stands_for)
        model.fit(_of_32(rows), labels, sample_weight=given_weights)
        return _forest(model, stands_for)


def fitted_from(numbers: list[float], arrays: Mapping[str, Any], inputs: int) -> Fitted:
    """What `numbers` and `arrays` were of.

    Raises:
        ValueError: They are nothing that could have been fitted over so many inputs.
    """
    kinds = {name: a.dtype.str for name, a in arrays.items()}
    if len(numbers) != 3 or kinds not in (_TREES, _SUM) or any(a.ndim != 1 for a in arrays.values()):
        raise ValueError("what was saved of this model is none that is fitted anew")
    if kinds == _SUM:
        sound = all(len(a) == inputs for a in arrays.values())
    else:
        nodes, roots, asks = len(arrays["inputs"]), arrays["roots"], arrays["inputs"]
        sound = all(len(arrays[name]) == nodes for name in _TREES if name != "roots") and len(roots) > 0
        sound = sound and asks.max(initial=-1) < inputs and roots.min(initial=0) >= 0 and roots.max(initial=0) < nodes
        inner = asks >= 0
        # children stand behind their parents, so that no row goes round for ever
        for side in ("left", "right") if sound else ():
            to = arrays[side][inner]
            sound = sound and bool(((to > np.flatnonzero(inner)) & (to < nodes)).all())
    if not sound:
        raise ValueError("what was saved of this model is no forest and no sum over its inputs")
    return Fitted("mean" if numbers[0] else "logit", numbers[1], numbers[2], arrays)


def compile_fitted() -> None:
    """Run a row through each kernel, so that their machine code is on disk when a model needs it."""
    leaf = {name: np.full(1, -1 if name == "inputs" else 0, np.dtype(kind)) for name, kind in _TREES.items()}
    for arrays in (leaf, {name: np.zeros(1) for name in _SUM}):
        Fitted("logit", 0.0, 1.0, arrays).scores(np.zeros((1, 1)))
    judge_all(np.zeros(3, np.int64), np.zeros(1), np.zeros(1), np.zeros(3), np.zeros(1), np.zeros(1, bool))


def _own(estimator: str) -> list[tuple[str, Parameter]]:
    return list(ESTIMATORS[estimator].items())


def _of_32(rows: Floats) -> Floats:
    """Rows as forests of scikit-learn take them."""
    clipped: Floats = np.clip(rows, -_LARGEST_OF_32, _LARGEST_OF_32).astype(np.float32).astype(np.float64)
    return clipped


def _sum_of(model: Any, rows: Floats, labels: Floats, weights: Floats | None, stands_for: float) -> Fitted:
    """A regression over inputs in standard deviations from their means; what is missing is as the mean."""
    there = ~np.isnan(rows)
    known = np.maximum(1, there.sum(axis=0))
    means = np.where(there, rows, 0.0).sum(axis=0) / known
    apart = np.where(there, rows - means, 0.0)
    with np.errstate(over="ignore"):
        spread = np.sqrt((apart * apart).sum(axis=0) / known)
    spread[~(spread > 0) | ~np.isfinite(spread)] = 1.0
    model.fit(apart / spread, labels, sample_weight=weights)
    arrays = {"weights": model.coef_[0] / spread, "means": means}
    return Fitted("logit", float(model.intercept_[0]), stands_for, arrays)


def _boosted(model: Any, stands_for: float) -> Fitted:
    """Gradient boosting: its leaves add up to the logarithm of the odds."""
    trees = [
        (
            np.where(nodes["is_leaf"] > 0, -1, nodes["feature_idx"]),
            nodes["num_threshold"],
            nodes["left"],
            nodes["right"],
            nodes["missing_go_to_left"] > 0,
            nodes["value"],
        )
        for (tree,) in model._predictors  # noqa: SLF001  which scikit-learn has no public name for; a test holds them
        for nodes in [tree.nodes]
    ]
    return Fitted("logit", float(model._baseline_prediction[0, 0]), stands_for, _flat(trees))  # noqa: SLF001


def _forest(model: Any, stands_for: float) -> Fitted:
    """A forest of classes: each leaf says the share of bad rows in it."""
    trees = [
        (
            np.where(tree.children_left < 0, -1, tree.feature),
            tree.threshold,
            tree.children_left,
            tree.children_right,
            tree.missing_go_to_left > 0,
            tree.value[:, 0, 1],
        )
        for one in model.estimators_
        for tree in [one.tree_]
    ]
    return Fitted("mean", 0.0, stands_for, _flat(trees))


def _flat(trees: list[tuple[Any, ...]]) -> dict[str, Any]:
    """Trees one after the other."""
    sizes = [len(tree[0]) for tree in trees]
    begins = np.cumsum([0, *sizes[:-1]])
    shifts = np.repeat(begins, sizes)
    inputs, cuts, left, right, missing_left, leaves = (np.concatenate(parts) for parts in zip(*trees, strict=True))
    inner = inputs >= 0
    flat = {
        "roots": begins,
        "inputs": inputs,
        "cuts": np.where(inner, cuts, 0.0),
        "left": np.where(inner, left + shifts, 0),
        "right": np.where(inner, right + shifts, 0),
        "missing_left": missing_left,
        "leaves": np.where(inner, 0.0, leaves),
    }
    return {name: np.ascontiguousarray(array, np.dtype(_TREES[name])) for name, array in flat.items()}
