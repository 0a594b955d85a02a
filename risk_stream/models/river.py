"""Models that River runs as it is: rows as dictionaries, one by one, and whatever it raises is counted, not thrown."""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from river import optim
from river.__version__ import __version__ as river_version
from river.cluster import KMeans

from risk_stream.models._gate_kernel import ALWAYS, G_LEARNT, OUTCOMES, gate_one
from risk_stream.models.base import Replacing
from risk_stream.models.components import COMPONENTS
from risk_stream.models.learner import LARGEST, Floats, Longs, Mask, OtherVersionError
from risk_stream.models.registry import parameters_of
from risk_stream.models.seal import open_seal, seal
from risk_stream.models.spec import Spec, Step

__all__ = ["MOST_CATEGORIES", "OrderedKMeans", "River"]

#: Texts of one input that OneHotEncoder tells apart; later ones are as if missing, lest a row grow without end.
MOST_CATEGORIES = 200
#: The least share of the newest error in the running mean of squared errors of a forecast.
_NEWEST = 0.01


class OrderedKMeans(KMeans):
    """River's KMeans, adding up in the order of the inputs: its own order depends on the process it runs in."""

    def __init__(self, **parameters: Any) -> None:
        super().__init__(**parameters)
        self.centers: dict[int, Any] = {at: {} for at in range(self.n_clusters)}

    def predict_one(self, x: dict[Any, Any]) -> int:
        """The nearest centre; where a centre has no place yet for an input, it is drawn."""

        def distance(center: dict[Any, float]) -> float:
            for name in x:
                if name not in center:
                    center[name] = self._rng.gauss(self.mu, self.sigma)
            return float(sum(abs(place - x.get(name, 0)) ** self.p for name, place in center.items()))

        return min(self.centers, key=lambda at: distance(self.centers[at]))

    def nearest(self, x: Mapping[Any, float]) -> float:
        """The distance to the nearest centre by the inputs that centres have a place for, NaN before there is one."""
        power = [
            sum(abs(center[name] - value) ** self.p for name, value in x.items() if name in center)
            for center in self.centers.values()
            if center
        ]
        return float(min(power) ** (1 / self.p)) if power else math.nan


@dataclass(slots=True)
class _Pipe:
    """One pipeline: what prepares, what scores, and what it has learnt so far."""

    before: list[Any]
    last: Any
    learnt: int = 0
    errors: int = 0
    mean_square: float = 0.0  # of the errors of its forecasts, the newer ones weighing more


class River(Replacing):
    """Any pipeline of the registry, as River runs it.

    Scalers take numbers, encoders take texts and hand on numbers; what is missing is not in the dictionary.
    """

    def __init__(self, spec: Spec, key: bytes) -> None:
        super().__init__(spec)
        self._key = key
        self._roles = [COMPONENTS[step.component].role for step in spec.steps]
        self.good_alone = self._roles[-1] == "detector"
        if self._roles[-1] in {"classifier", "regressor"}:
            self._policy = OUTCOMES
        self._single = COMPONENTS[spec.steps[-1].component].single
        self._weighted = COMPONENTS[spec.steps[-1].component].weighted
        said = parameters_of(spec.steps[-1])
        differences = said.get("d", 0) + said.get("sd", 0) * said.get("m", 1)
        self._forecasts_from = max(2, said.get("seasonality", 0), 1 + differences)
        self._pipes: list[_Pipe] = []
        self._counts["unseen"] = 0

    # The machine's parts.

    def _run(self, rows: Floats, slots: Longs, begins: Mask, used: Mask, scores: Floats, over: Mask) -> None:
        for i in np.flatnonzero(used).tolist():
            pipe = self._pipe(int(slots[i]), bool(begins[i]))
            row = self._dicts(rows[i])
            if pipe.learnt >= self.spec.warm_up:
                score = self._score(pipe, row)
                if not math.isnan(score):
                    scores[i] = score
                    over[i] = gate_one(self._gate, self._ring, self._order, self._limits, score)
            if self._policy == ALWAYS or (self._policy != OUTCOMES and not over[i]):
                self._teach(pipe, row, None, 1.0)

    def _learn(self, rows: Floats, labels: Floats, weights: Floats, slots: Longs, begins: Mask, used: Mask) -> None:
        for i in np.flatnonzero(used).tolist():
            pipe = self._pipe(int(slots[i]), bool(begins[i]))
            self._teach(pipe, self._dicts(rows[i]), float(labels[i]), float(weights[i]))

    def _peek(self, rows: Floats, slot: int) -> Floats:
        before = dict(self._counts)
        scores = np.array([self._score(self._pipes[slot], self._dicts(row)) for row in rows])
        self._counts = before
        return scores

    def _room(self, slots: int) -> None:
        while len(self._pipes) < slots:
            self._pipes.append(self._new())

    def _arrays(self) -> dict[str, Any]:
        return {}

    def _more(self) -> bytes:
        pipes = [
            (pipe.before, pipe.last, pipe.learnt, pipe.errors, pipe.mean_square)
            for pipe in self._pipes[: len(self._groups)]
        ]
        version = river_version.encode()
        return bytes([len(version)]) + version + seal(pipes, self._key)

    def _restore(self, arrays: Mapping[str, Any], more: bytes) -> None:
        if arrays or not more:
            raise ValueError("what was saved of this model is none of River's")
        version = more[1 : 1 + more[0]].decode(errors="replace")
        if version != river_version:
            raise OtherVersionError(
                f"this model was learnt with River {version} and this is {river_version}; it begins anew"
            )
        self._pipes = [_Pipe(*pipe) for pipe in open_seal(more[1 + more[0] :], self._key)]

    # One row.

    def _pipe(self, slot: int, begins: bool) -> _Pipe:
        if begins:
            self._pipes[slot] = self._new()
        return self._pipes[slot]

    def _new(self) -> _Pipe:
        *before, last = (self._built(step) for step in self.spec.steps)
        return _Pipe(before, last)

    def _built(self, step: Step) -> Any:
        return _component(step, self.spec, encoded="encoder" in self._roles)

    def _dicts(self, row: Floats) -> tuple[dict[str, float], dict[str, int]]:
        """The numbers and the texts of a row, without what is missing."""
        absent = self._absent(row.reshape(1, -1))[0]
        hashes = row.view(np.int64)
        numbers, texts = {}, {}
        for j, name in enumerate(self.spec.inputs):
            if absent[j]:
                continue
            if self._texts[j]:
                texts[name] = int(hashes[j])
            else:
                numbers[name] = float(row[j])
        return numbers, texts

    def _prepared(self, pipe: _Pipe, row: tuple[dict[str, float], dict[str, int]], learn: bool) -> dict[str, Any]:
        """What the last component is given; those before it have learnt the row if `learn`."""
        numbers, texts = row
        for step, role in zip(pipe.before, self._roles, strict=False):
            if role == "encoder":
                coded = self._coded(step, texts)
                if learn:
                    step.learn_one(coded)
                numbers = {**numbers, **{f"{name}": value for name, value in step.transform_one(coded).items()}}
                texts = {}
            else:
                if learn:
                    step.learn_one(numbers)
                scaled = step.transform_one(numbers)
                # What a scaler has not met yet is as if missing.
                numbers = {name: value for name, value in scaled.items() if not math.isnan(value)}
        return {**numbers, **texts}

    def _coded(self, step: Any, texts: dict[str, int]) -> dict[str, Any]:
        """Texts as an encoder takes them."""
        values = getattr(step, "values", None)
        if values is None:
            return {name: str(value) for name, value in texts.items()}
        known = {}
        for name, value in texts.items():
            new = value not in values[name]
            self._counts["unseen"] += new
            if not new or len(values[name]) < MOST_CATEGORIES:
                known[name] = value
        return known

    def _score(self, pipe: _Pipe, row: tuple[dict[str, float], dict[str, int]]) -> float:
        """A finite score, or NaN: there is none yet, or River failed, which is counted."""
        try:
            score = self._asked(pipe, self._prepared(pipe, row, learn=False))
        except BaseException as error:  # noqa: BLE001  River's parts in Rust panic with an error of their own
            self._failed(error)
            return np.nan
        if score is None or abs(score) <= LARGEST:
            return np.nan if score is None else score
        self._failed(None)
        return np.nan

    def _asked(self, pipe: _Pipe, x: dict[str, Any]) -> float | None:
        role, last = self._roles[-1], pipe.last
        if role == "classifier":
            share = last.predict_proba_one(x).get(True)
            return None if share is None else float(share)
        if role == "regressor":
            return float(last.predict_one(x))
        if role == "clusterer":
            nearest = float(last.nearest(x))
            return None if math.isnan(nearest) else nearest
        if role == "forecaster":
            return self._surprise(pipe, _only(x))
        return float(last.score_one(None, _only(x)) if self._single else last.score_one(x))

    def _surprise(self, pipe: _Pipe, value: float) -> float | None:
        """How far a value is from its forecast, in running deviations of such errors; None before there is one."""
        forecast = self._forecast(pipe)
        if forecast is None or not pipe.errors:
            return None
        return min(abs(value - forecast) / (math.sqrt(pipe.mean_square) + 1e-10), LARGEST)

    def _forecast(self, pipe: _Pipe) -> float | None:
        return float(pipe.last.forecast(1)[0]) if pipe.learnt >= self._forecasts_from else None

    def _teach(
        self, pipe: _Pipe, row: tuple[dict[str, float], dict[str, int]], label: float | None, weight: float
    ) -> None:
        try:
            x = self._prepared(pipe, row, learn=True)
            self._taught(pipe, x, label, weight)
        except BaseException as error:  # noqa: BLE001  as above
            self._failed(error)
        else:
            pipe.learnt += 1
            self._gate[G_LEARNT] += 1

    def _taught(self, pipe: _Pipe, x: dict[str, Any], label: float | None, weight: float) -> None:
        role, last = self._roles[-1], pipe.last
        if role == "forecaster":
            value = _only(x)
            forecast = self._forecast(pipe)
            if forecast is not None:
                pipe.errors += 1
                pipe.mean_square += ((value - forecast) ** 2 - pipe.mean_square) * max(1 / pipe.errors, _NEWEST)
            last.learn_one(value)
        elif role in {"classifier", "regressor"}:
            told: Any = label if role == "regressor" else label != 0.0
            if self._weighted:
                last.learn_one(x, told, w=weight)
            else:
                last.learn_one(x, told)
        elif self._single:
            last.learn_one(None, _only(x))
        else:
            last.learn_one(x)

    def _failed(self, error: BaseException | None) -> None:
        """Count a row that River could not bear; what ends the process goes on."""
        if isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit | MemoryError):
            raise error
        self._counts["failed"] += 1


def _only(x: Mapping[str, float]) -> float:
    """The one number of a model that reads one."""
    (value,) = x.values()
    return value


def _component(step: Step, spec: Spec, encoded: bool) -> Any:
    """River's object for a step, with its parameters as they are there."""
    if step.component == "KMeans":
        return OrderedKMeans(**parameters_of(step))
    component = COMPONENTS[step.component]
    said: dict[str, Any] = parameters_of(step)
    if "optimizer" in said:
        name, rate = said.pop("optimizer"), said.pop("lr")
        optimizer = getattr(optim, name)
        said["optimizer"] = optimizer() if rate is None else optimizer(float(rate))
        said["intercept_lr"] = float(said["intercept_lr"])
    if component.texts and component.role not in {"encoder", "transformer"} and not encoded:
        said["nominal_attributes"] = sorted(spec.texts) or None
    if said.get("max_features") in {"sqrt", "log2"} and not encoded:
        # As River does by the first row, which may lack inputs.
        root = np.sqrt if said["max_features"] == "sqrt" else np.log2
        said["max_features"] = max(1, round(float(root(len(spec.inputs)))))
    return getattr(importlib.import_module(f"river.{component.module}"), component.name)(**said)
