"""Specs, rows and River's own pipelines for the tests of models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from risk_stream.models import Spec, Step, Threshold, make_learner
from risk_stream.models.components import COMPONENTS, RETRAINED

#: Parameters without which a component cannot be, or would be slow here.
GIVEN: dict[str, dict[str, Any]] = {
    "HalfSpaceTrees": {"n_trees": 4, "height": 4, "window_size": 20},
    "GaussianScorer": {"grace_period": 5},
    "LODA": {"n_random_cuts": 5},
    "LocalOutlierFactor": {"n_neighbors": 2},
    "ARFClassifier": {"n_models": 2, "grace_period": 10},
    "AMFClassifier": {"n_estimators": 2},
    "HoeffdingTreeClassifier": {"grace_period": 10, "delta": 0.4},
    "HoeffdingAdaptiveTreeClassifier": {"grace_period": 10, "delta": 0.4},
    "Retrained": {"estimator": "ExtraTreesClassifier", "n_estimators": 2, "every": 8, "window": 100, "lag": 5},
    "SNARIMAX": {"p": 2, "d": 1, "q": 1},
    "HoltWinters": {"alpha": 0.3, "beta": 0.1},
}


def spec(
    *steps: str | tuple[str, dict[str, Any]],
    inputs: int = 4,
    texts: int = 0,
    learning: str = "always",
    warm_up: int = 5,
    threshold: Threshold | None = None,
    **more: Any,
) -> Spec:
    """A model of these steps; its first `texts` inputs are texts."""
    names = tuple(f"x{j}" for j in range(inputs))
    made = tuple(Step(step, {}) if isinstance(step, str) else Step(*step) for step in steps)
    last = Threshold(share=0.9, last=30) if threshold is None else threshold
    return Spec(names, frozenset(names[:texts]), made, learning, warm_up, last, **more)


def spec_of(component: str) -> Spec:
    """A model in which a component does its part, whatever it is."""
    one, step = COMPONENTS[component], (component, GIVEN.get(component, {}))
    if one.role == "transformer":
        return spec(step, ("HalfSpaceTrees", GIVEN["HalfSpaceTrees"]))
    if one.role == "encoder":
        return spec(step, ("LogisticRegression", {"optimizer": "Adam"}), texts=2, learning="outcomes")
    if one.single:
        return spec(step, inputs=1)
    if one.role == "segmenter":
        return spec(step)
    if component == RETRAINED:
        return spec(step, learning="outcomes")
    learning = "outcomes" if one.role in {"classifier", "regressor"} else "always"
    return spec("StandardScaler", step, learning=learning, texts=1 if one.texts else 0)


def read_again(learner: Any, model: Spec, key: bytes) -> Any:
    """The model as a checkpoint has it, but for the keys of segments."""
    again: Any = make_learner(model, key)
    again.load(learner.save())
    if model.steps[-1].component == RETRAINED:
        again.load_parts([bytes_ for part in range(256) for bytes_ in learner.image(part)])
    return again


def rows_of(model: Spec, values: Sequence[Sequence[float]]) -> Any:
    """Rows [n, m] of given numbers, with whole ones as the hashes of texts."""
    rows = np.array(values, np.float64).reshape(len(values), len(model.inputs))
    for j, name in enumerate(model.inputs):
        if name in model.texts:
            numbers = np.nan_to_num(rows[:, j], nan=0.0, posinf=3.0, neginf=4.0)
            hashes = ((np.abs(numbers) % 5).astype(np.int64) + 1) * 1_000_003
            missing = np.array([np.nan]).view(np.int64)[0]
            hashes[np.isnan(rows[:, j])] = missing
            rows[:, j] = hashes.view(np.float64)
    return rows


def as_dict(model: Spec, row: Any) -> dict[str, float]:
    """A row of numbers as River takes it."""
    return {name: float(v) for name, v in zip(model.inputs, row, strict=True) if abs(v) <= 1e100}


def drawn(seed: int, n: int, m: int) -> Any:
    """Rows [n, m] with all that may come: missing, infinite, huge and tiny inputs, and constant ones."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, m)) * 10.0 ** rng.integers(-6, 7, m)
    odd = rng.random((n, m))
    rows[odd < 0.08] = np.nan
    rows[odd > 0.98] = rng.choice([np.inf, -np.inf, 1e300, -1e300, 1e99, -1e99, 0.0, -0.0, 5e-324], (odd > 0.98).sum())
    rows[:, rng.random(m) < 0.15] = 3.0
    rows[rng.random(n) < 0.03] = np.nan
    return rows
