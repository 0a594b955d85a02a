"""What a worker says of its models at /metrics."""

from __future__ import annotations

import msgspec
import pytest
from prometheus_client import generate_latest

from risk_stream.catalogue import Decoder, load_catalogue
from risk_stream.engine import Engine
from risk_stream.rules import plan_of_texts
from risk_stream.sinks import Metrics
from risk_stream.stream.model_gauges import ModelStanding, model_page, say_models

MODEL = """\
model: sizes
stage: trading
on: transfer
by: account
owner: desk
inputs: {size: amount}
pipeline: [GaussianScorer]
labels: {bad: [fraud], good: [good], within: 30d}
warm_up: 10
threshold: 0.99
"""


def test_drift_and_what_waits_are_gauges_and_scores_over_the_threshold_a_counter() -> None:
    plan = plan_of_texts({"model.yaml": MODEL}, load_catalogue())
    engine, decoder, metrics = Engine(plan), Decoder(plan.catalogue), Metrics()
    moved = (10 + i % 7 + (60 if i >= 2600 else 0) for i in range(3200))
    events = [
        b'{"type":"transfer","id":"T%d","time":%d,"account":"A1","direction":"out","amount":%d}'
        % (i, 1_700_000_000_000 + i, amount)
        for i, amount in enumerate(moved, 1)
    ]
    result = engine.apply(decoder.decode(events, str)[0])
    standing = say_models(metrics, engine.hops.values())
    said = generate_latest(metrics.registry()).decode()
    assert 'risk_stream_model_drifting{model="sizes"} 2.0' in said  # the input and the score
    assert 'risk_stream_model_waiting{model="sizes"} 3200.0' in said
    assert 'risk_stream_model_psi{input="size",model="sizes"}' in said
    [one] = msgspec.json.decode(model_page(standing), type=list[ModelStanding])
    assert (one.model, one.waiting, sorted(one.drifting)) == ("sizes", 3200, ["score", "size"])
    assert one.spread is not None
    assert len(one.spread.now) == len(one.spread.reference) == len(one.spread.edges) + 2
    assert sum(one.spread.now) == pytest.approx(1)
    assert one.spread.now[-2] > 0.75  # nearly all scores lie above all of the reference
    assert result.models["sizes", "over"] > 0
    assert ("sizes", "drifting") not in result.models
