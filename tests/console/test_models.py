"""Models: what the workers say that each did is added up, and what none says is not known."""

from __future__ import annotations

from functools import cache

from risk_stream.catalogue import load_catalogue
from risk_stream.console.models import page_of_model, rows_of
from risk_stream.console.workers import Number
from risk_stream.models import Spread
from risk_stream.rules import Plan, plan_of_texts
from risk_stream.stream.model_gauges import ModelStanding

MODEL = """\
model: sizes
stage: trading
on: transfer
by: account
owner: desk
why: Says what is unusual.
inputs: {size: amount}
pipeline: [GaussianScorer]
labels: {bad: [fraud], good: [good], within: 30d}
warm_up: 10
threshold: 0.99
"""
RULE = """\
stage: trading
owner: desk
rules:
  - {id: novel, on: transfer, when: over("sizes"), severity: low, summary: unusual}
"""
RIVAL = MODEL.replace("model: sizes", "model: others").replace("owner:", "role: challenger\nchallenges: sizes\nowner:")


@cache
def plan() -> Plan:
    return plan_of_texts({"sizes.yaml": MODEL, "others.yaml": RIVAL, "rules.yaml": RULE}, load_catalogue())


def numbers() -> list[Number]:
    """Of two workers."""
    said = [
        ("risk_stream_model_events_total", {"model": "sizes", "what": "scored"}, 100.0),
        ("risk_stream_model_events_total", {"model": "sizes", "what": "scored"}, 50.0),
        ("risk_stream_model_events_total", {"model": "sizes", "what": "over"}, 3.0),
        ("risk_stream_model_seconds_total", {"model": "sizes"}, 0.0015),
        ("risk_stream_model_drifting", {"model": "sizes"}, 1.0),
        ("risk_stream_model_drifting", {"model": "sizes"}, 2.0),
        ("risk_stream_model_psi", {"model": "sizes", "input": "size"}, 0.4),
        ("risk_stream_model_psi", {"model": "sizes", "input": "score"}, 0.1),
        ("risk_stream_model_waiting", {"model": "sizes"}, 7.0),
    ]
    return [Number(name, labels, value) for name, labels, value in said]


def test_counts_of_workers_are_added_and_drift_is_the_worst() -> None:
    row = next(row for row in rows_of(plan(), numbers()) if row.id == "sizes")
    assert (row.scored, row.over, row.waiting, row.drifting, row.psi) == (150, 3, 7, 2, 0.4)
    assert row.us is not None
    assert round(row.us) == 10
    assert row.asked_by == ["novel"]


def test_what_no_worker_says_is_not_known() -> None:
    row = next(row for row in rows_of(plan(), None) if row.id == "sizes")
    assert (row.scored, row.drifting, row.psi, row.us) == (None, None, None, None)
    said = page_of_model(plan(), plan().models[1], None, None)
    assert (said["spreads"], said["drifts"], said["did"]) == (None, None, None)


def test_the_page_says_inputs_outcomes_rivals_and_how_scores_are_spread() -> None:
    spread = Spread([0.0, 1.0], [0.5, 0.4, 0.1], [0.1, 0.8, 0.1])
    standing = [
        ModelStanding("sizes", {"size": 0.4}, ["size"], 4, {}, spread),
        ModelStanding("others", {}, [], 0, {}, spread),
        ModelStanding("sizes", {"size": 0.1}, [], 3, {}, None),
    ]
    said = page_of_model(plan(), plan().models[1], numbers(), standing)
    assert said["row"].id == "sizes"
    assert [(one["name"], one["psi"], one["drifts"]) for one in said["inputs"]] == [("size", 0.4, True)]
    assert said["spreads"] == [spread._asdict()]
    assert (said["partitions"], said["drifts"]) == (2, ["size"])
    assert [(one["id"], one["role"]) for one in said["rivals"]] == [("others", "challenger")]
    assert said["labels"] == {"bad": ("fraud",), "good": ("good",), "days": 30}
    assert said["card"].startswith("# sizes\n")
