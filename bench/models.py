"""Two models on every event, compiled and in River: what they cost, whether scores are equal; and each component."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river.anomaly import HalfSpaceTrees
from river.linear_model import LogisticRegression
from river.preprocessing import MinMaxScaler, StandardScaler

from bench.plans import make_events, write_plan
from bench.report import table
from risk_stream.catalogue import Decoder, load_catalogue
from risk_stream.engine import Engine
from risk_stream.models import Spec, Step, Threshold, make_learner
from risk_stream.models.components import COMPONENTS
from risk_stream.models.registry import cost_us
from risk_stream.rules import load_plan

__all__ = ["run"]

#: The two models as files beside the plan of `bench engine`: ten inputs each, of which features of an account are four.
MODELS = {
    "trees": """
pipeline: [MinMaxScaler, HalfSpaceTrees: {n_trees: 25, height: 8, window_size: 250, seed: 42}]
learn: always
warm_up: 500
threshold: {quantile: 0.999, last: 5000}
""",
    "linear": """
pipeline: [StandardScaler, LogisticRegression: {lr: 0.01}]
learn: outcomes
labels: {bad: [fraud], within: 1m, silence: good}
warm_up: 0
threshold: 0.9
""",
}
HEAD = """model: {name}
stage: trading
on: card_payment
by: account
owner: surveillance
features:
  paid_1d: {{sum: amount, of: card_payment, by: account, window: 1d}}
  paid_10m: {{count: card_payment, by: account, window: 10m}}
  least_7d: {{min: amount, of: card_payment, by: account, window: 7d}}
  most_7d: {{max: amount, of: card_payment, by: account, window: 7d}}
inputs:
  size: amount
  part: amount / paid_1d
  pace: paid_10m
  least: amount / least_7d
  most: amount / most_7d
  tip: tip / amount
  units: units
  hour: hour(time)
  a: score_1
  b: score_2
"""

INPUTS, TREES, BATCH = 10, 25, 1_000
#: Of event time, so that a minute, after which silence is learnt as good, is less than the warm-up.
PER_SECOND = 400.0
#: Rows by which a component's cost is measured, scored and learnt after as many to learn from.
ROWS = 400
#: What has no default.
GIVEN: dict[str, dict[str, Any]] = {"SNARIMAX": {"p": 2, "d": 1, "q": 1}, "HoltWinters": {"alpha": 0.3}}
Floats = NDArray[np.float64]


def run(quick: bool) -> dict[str, float]:
    """Score and learn the same rows by both, a batch of each in turn; times are medians over batches."""
    batches = 10 if quick else 40
    rng = np.random.default_rng(15)
    rows = np.exp(rng.normal(size=(batches * BATCH, INPUTS)))
    rows[rng.random(rows.shape) < 0.02] = np.nan
    rows[0] = 1.0
    labels = (np.nan_to_num(rows[:, 0]) > 2.0).astype(np.float64)
    names = tuple(f"x{j}" for j in range(INPUTS))
    trees = make_learner(_spec(names, "MinMaxScaler", Step("HalfSpaceTrees", {"n_trees": TREES}), "always"))
    linear = make_learner(_spec(names, "StandardScaler", Step("LogisticRegression", {}), "outcomes"))
    river_trees = MinMaxScaler() | HalfSpaceTrees(n_trees=TREES, seed=42)
    river_linear = StandardScaler() | LogisticRegression()
    spent: dict[str, list[float]] = {"trees": [], "linear": [], "river trees": [], "river linear": []}
    difference = linear_difference = 0.0
    for begin in range(0, len(rows), BATCH):
        block, told = rows[begin : begin + BATCH], labels[begin : begin + BATCH]
        dicts = [{n: v for n, v in zip(names, row, strict=True) if v == v} for row in block.tolist()]  # noqa: PLR0124
        began = time.process_time()
        scores = trees.run(block).scores
        ended = time.process_time()
        spent["trees"].append(ended - began)
        river_scores = []
        began = time.process_time()
        for x in dicts:
            river_scores.append(river_trees.score_one(x))
            river_trees.learn_one(x)
        ended = time.process_time()
        spent["river trees"].append(ended - began)
        difference = max(difference, _apart(scores, river_scores))
        began = time.process_time()
        shares = linear.run(block).scores
        linear.learn(block, told)
        ended = time.process_time()
        spent["linear"].append(ended - began)
        began = time.process_time()
        river_shares = [river_linear.predict_proba_one(x)[True] for x in dicts]
        for x, label in zip(dicts, told.tolist(), strict=True):
            river_linear.learn_one(x, bool(label))
        ended = time.process_time()
        spent["river linear"].append(ended - began)
        linear_difference = max(linear_difference, _apart(shares, river_shares))
    us = {name: float(np.median(times[1:])) / BATCH * 1e6 for name, times in spent.items()}
    trees_row = (
        f"HalfSpaceTrees, {TREES} trees",
        us["trees"],
        us["river trees"],
        us["river trees"] / us["trees"],
        difference,
    )
    linear_row = (
        "LogisticRegression",
        us["linear"],
        us["river linear"],
        us["river linear"] / us["linear"],
        linear_difference,
    )
    table(("model", "compiled us", "River us", "times as fast", "largest difference"), [trees_row, linear_row])
    per_second = 1e6 / (us["trees"] + us["linear"])
    print(f"both on every event: {per_second:,.0f} events/s on one core, {INPUTS} inputs, {BATCH:,} rows in a call\n")
    figures = _engine(quick)
    if not quick:
        _components(rows[:ROWS], labels[:ROWS])
    return {
        **figures,
        "learners_events_per_second_per_core": per_second,
        "hst_speedup": us["river trees"] / us["trees"],
        "hst_max_difference": difference,
        "linear_speedup": us["river linear"] / us["linear"],
        "linear_max_difference": linear_difference,
    }


def _spec(names: tuple[str, ...], scaler: str, last: Step, learning: str) -> Spec:
    steps = (Step(scaler, {}), last)
    return Spec(names, frozenset(), steps, learning, 0, Threshold(share=0.999))


def _apart(scores: Floats, others: list[float]) -> float:
    """The largest difference between two models' scores; infinite where one has none."""
    apart = np.abs(scores - np.array(others, np.float64))
    return float(np.nan_to_num(apart, nan=np.inf).max())


def _components(rows: Floats, labels: Floats) -> None:
    """What every component costs beside what it is held to cost (`registry.cost_us`)."""
    lines = []
    for name, component in COMPONENTS.items():
        step, encoder = Step(name, GIVEN.get(name, {})), component.role == "encoder"
        steps: tuple[Step, ...] = (step,)
        if encoder or component.role == "transformer":
            steps = (step, Step("LogisticRegression", {"optimizer": "Adam"}))
        inputs = tuple(f"x{j}" for j in range(1 if component.single else INPUTS))
        given = np.ascontiguousarray(rows[:, : len(inputs)])
        if encoder:
            given = (np.nan_to_num(given).astype(np.int64) % 20 + 1).view(np.float64)
        supervised = COMPONENTS[steps[-1].component].role in {"classifier", "regressor"}
        texts = frozenset(inputs if encoder else ())
        learning = "outcomes" if supervised else "always"
        model = make_learner(Spec(inputs, texts, steps, learning, 0, Threshold(share=0.999)))
        for last in (False, True):
            began = time.process_time()
            model.run(given)
            if supervised:
                model.learn(given, labels)
            if last:
                spent = (time.process_time() - began) / len(given) * 1e6
        lines.append((name, component.role, spent, cost_us(steps, len(inputs)), model.counts()["failed"]))
    table(("component", "role", "us an event", "held to cost", "failed"), lines)


def _engine(quick: bool) -> dict[str, float]:
    """Bytes to judgements on one core by 200 rules over 30 features, with the two models and without, in turn."""
    warm, events = 20_000, 40_000 if quick else 200_000
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        house, rules = write_plan(place)
        paths = [rules]
        for name, text in MODELS.items():
            path = place / f"{name}.yaml"
            path.write_text(HEAD.format(name=name) + text)
            paths.append(path)
        catalogue = load_catalogue(house)
        plans = {"without models": load_plan([rules], catalogue), "with two models": load_plan(paths, catalogue)}
    decoder, records = Decoder(catalogue), list(make_events(warm + events, keys=33_000, per_second=PER_SECOND))
    engines = {name: Engine(plan) for name, plan in plans.items()}
    spent: dict[str, list[float]] = {name: [] for name in engines}
    for begin in range(0, len(records), BATCH):
        for name, engine in engines.items():
            began = time.thread_time()
            batch, _, _ = decoder.decode(records[begin : begin + BATCH], str)
            engine.apply(batch)
            spent[name].append(time.thread_time() - began)
    rates = {name: BATCH / statistics.median(times[warm // BATCH :]) for name, times in spent.items()}
    table(("200 rules, 30 features, 4 keys, batches of 1,000", "events/s a core"), list(rates.items()))
    return {
        "events_per_second_per_core": rates["with two models"],
        "without_models_events_per_second": rates["without models"],
    }
