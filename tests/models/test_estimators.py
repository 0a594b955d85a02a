"""scikit-learn's estimators as arrays: with its probabilities, its defaults, and nothing that a file could break."""

from __future__ import annotations

import importlib
import inspect
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from risk_stream.models.components import ESTIMATORS
from risk_stream.models.estimators import Fitted, fit, fitted_from
from tests.models.specs import drawn

ESTIMATOR = pytest.mark.parametrize("name", ESTIMATORS)
SMALL: dict[str, dict[str, Any]] = {
    "HistGradientBoostingClassifier": {"max_iter": 12, "min_samples_leaf": 5},
    "RandomForestClassifier": {"n_estimators": 7},
    "ExtraTreesClassifier": {"n_estimators": 7},
}


def class_of(name: str) -> Any:
    module = "sklearn.linear_model" if name == "LogisticRegression" else "sklearn.ensemble"
    return getattr(importlib.import_module(module), name)


def history(n: int = 400, seed: int = 1) -> tuple[Any, Any, Any]:
    """Rows with missing ones and one that is never there, labels that depend on them, weights."""
    rng = np.random.default_rng(seed)
    rows = drawn(seed, n, 5)
    rows[~(np.abs(rows) <= 1e100)] = np.nan
    rows[:, 1], rows[:, 4] = rng.normal(size=n), np.nan
    return rows, ((rows[:, 1] > 0.5) ^ (rng.random(n) < 0.2)).astype(float), rng.random(n) + 0.5


@ESTIMATOR
def test_parameters_are_those_of_scikit_learn_with_its_defaults(name: str) -> None:
    """But for the leaves of forests, which are limited."""
    theirs = inspect.signature(class_of(name)).parameters
    for parameter, default in ESTIMATORS[name].items():
        if parameter == "max_leaf_nodes" and "n_estimators" in ESTIMATORS[name]:
            assert default == 255
        else:
            assert theirs[parameter].default == default


@ESTIMATOR
def test_arrays_give_the_probabilities_of_scikit_learn(name: str) -> None:
    """Of rows it was fitted to and of others, with inputs that are missing, huge, or on a border."""
    rows, labels, weights = history()
    fitted = fit(name, SMALL.get(name, {}), 42, rows, labels, weights, 1.0)
    model = class_of(name)(random_state=42, **ESTIMATORS[name] | SMALL.get(name, {}))
    others, _, _ = history(300, 2)
    asked = np.concatenate([rows, others])
    if name == "LogisticRegression":
        means, there = np.nan_to_num(np.nanmean(rows[:, :4], axis=0)), ~np.isnan(rows[:, :4])
        apart = np.where(there, rows[:, :4] - means, 0)
        spread = np.sqrt((apart**2).sum(axis=0) / there.sum(axis=0))
        spread[spread == 0] = 1
        model.fit(apart / spread, labels, sample_weight=weights)
        theirs = model.predict_proba(np.where(np.isnan(asked[:, :4]), 0, asked[:, :4] - means) / spread)[:, 1]
    else:
        bound = (lambda x: x) if name.startswith("Hist") else (lambda x: np.clip(x, -3e38, 3e38))
        theirs = model.fit(
            bound(np.where(np.isnan(rows).all(axis=0), 0, rows)), labels, sample_weight=weights
        ).predict_proba(bound(asked))[:, 1]
    np.testing.assert_allclose(fitted.scores(asked), theirs, rtol=1e-9 if name == "LogisticRegression" else 1e-13)


@ESTIMATOR
def test_the_same_rows_and_seed_give_the_same_arrays(name: str) -> None:
    """To the last bit."""
    first, second = (fit(name, SMALL.get(name, {}), 7, *history(), 3.0) for _ in range(2))
    assert first.numbers() == second.numbers()
    for array, same in zip(first.arrays.values(), second.arrays.values(), strict=True):
        np.testing.assert_array_equal(array, same)


@ESTIMATOR
def test_where_good_rows_stand_for_others_probabilities_are_of_all_of_them(name: str) -> None:
    """The odds are so much lower, and the order of rows is the same."""
    rows, labels, weights = history()
    fitted = fit(name, SMALL.get(name, {}), 42, rows, labels, weights, 1.0)
    some, all_ = fitted.scores(rows), replace(fitted, stands_for=10.0).scores(rows)
    sure = (some > 1e-6) & (some < 1 - 1e-6)
    some, all_ = some[sure], all_[sure]
    np.testing.assert_allclose(all_ / (1 - all_), some / (1 - some) / 10, rtol=1e-6)


@ESTIMATOR
def test_what_was_saved_is_read_again_and_what_could_not_be_is_refused(name: str) -> None:
    """A forest whose nodes go round would never end."""
    rows, labels, weights = history()
    fitted = fit(name, SMALL.get(name, {}), 42, rows, labels, weights, 2.0)
    again = fitted_from(fitted.numbers(), fitted.arrays, 5)
    np.testing.assert_array_equal(again.scores(rows), fitted.scores(rows))
    broken: list[Fitted] = [replace(fitted, arrays={})]
    for array in fitted.arrays:
        broken.append(replace(fitted, arrays=fitted.arrays | {array: fitted.arrays[array][:-1]}))
        if array in {"left", "right"}:
            broken += [replace(fitted, arrays=fitted.arrays | {array: fitted.arrays[array] * 0 + n}) for n in (0, 9**9)]
    for one in broken:
        if "roots" in one.arrays and len(one.arrays["roots"]) < len(fitted.arrays["roots"]):
            continue  # a forest with fewer trees
        with pytest.raises(ValueError, match="what was saved of this model"):
            fitted_from(one.numbers(), one.arrays, 5)
    with pytest.raises(ValueError, match="no forest and no sum"):
        fitted_from(fitted.numbers(), fitted.arrays, 1)
