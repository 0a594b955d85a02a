"""Models on a history: scored first, learnt when the outcome was known, never before."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest

from risk_stream.catalogue import Catalogue, Decoder, EventBatch, load_catalogue, text_hash
from risk_stream.rules import plan_of_texts
from risk_stream.workbench.evaluate import Evaluation, Observed, evaluate, observe, retrained, with_outcomes
from risk_stream.workbench.evaluate.words import as_text

CATALOGUE: Catalogue = load_catalogue()
DAY = 86_400_000
START = 1_780_272_000_000  # 2026-06-01
MODEL = """\
model: fraud
stage: trading
on: transfer
by: account
owner: fraud-desk
inputs: {size: amount, hour: hour(time)}
pipeline: [StandardScaler, LogisticRegression: {lr: 0.05}]
learn: outcomes
labels: {bad: [fraud], good: [good], within: 8d}
warm_up: 0
threshold: 0.5
"""


def decoded(records: list[dict[str, Any]]) -> EventBatch:
    batch, _, rejects = Decoder(CATALOGUE).decode([orjson.dumps(record) for record in records], str)
    assert not rejects, rejects[0]
    return batch


def transfer(n: int, amount: float, day: float) -> dict[str, Any]:
    who = {"customer": f"C{n % 7}", "account": f"A{n % 7}"}
    given = {"amount": amount, "currency": "CNY", "direction": "out", "channel": "app"}
    return {"id": f"t{n}", "type": "transfer", "time": START + round(day * DAY), **who, **given}


def outcome(n: int, label: str, day: float, again: str = "") -> dict[str, Any]:
    who = {"customer": f"C{n % 7}", "account": f"A{n % 7}"}
    said = {"of_event": f"t{n}", "label": label}
    return {"id": f"o{n}{again}", "type": "outcome", "time": START + round(day * DAY), **who, **said}


def history(events: int = 800, days: float = 20.0) -> list[dict[str, Any]]:
    """Frauds are large; their outcomes come a day late."""
    rng = np.random.default_rng(15)
    said = []
    for n in range(events):
        at, fraud = n * days / events, rng.random() < 0.1
        said.append(transfer(n, round(float(rng.lognormal(7.6 if fraud else 6.0, 0.6)), 2), at))
        said.append(outcome(n, "fraud" if fraud else "good", at + 1))
    return sorted(said, key=lambda event: event["time"])


def batches(records: list[dict[str, Any]], size: int) -> list[EventBatch]:
    return [decoded(records[at : at + size]) for at in range(0, len(records), size)]


@pytest.fixture(scope="module")
def records() -> list[dict[str, Any]]:
    return history()


@pytest.fixture(scope="module")
def seen(records: list[dict[str, Any]]) -> Observed:
    return observe(plan_of_texts({"m.yaml": MODEL}, CATALOGUE), batches(records, 100))["fraud"]


def test_each_event_is_seen_once_with_its_inputs_its_outcome_and_when_that_was_known(
    records: list[dict[str, Any]], seen: Observed
) -> None:
    events = [r for r in records if r["type"] == "transfer"]
    told = {r["of_event"]: r for r in records if r["type"] == "outcome"}
    assert seen.ids.tolist() == [text_hash(e["id"]) for e in events]
    assert seen.inputs[:, 0].tolist() == [e["amount"] for e in events]
    assert seen.labels.tolist() == [float(told[e["id"]]["label"] == "fraud") for e in events]
    assert seen.known.tolist() == [told[e["id"]]["time"] for e in events]


def test_figures_do_not_depend_on_how_the_history_is_cut(records: list[dict[str, Any]], seen: Observed) -> None:
    again = observe(plan_of_texts({"m.yaml": MODEL}, CATALOGUE), batches(records, 31))["fraud"]
    np.testing.assert_array_equal(again.scores, seen.scores)


def test_no_score_knows_an_outcome_that_comes_later(records: list[dict[str, Any]], seen: Observed) -> None:
    """Turn round what is told from a day on: no score before that day changes, and some do after it."""
    turn = START + 10 * DAY
    other = {"fraud": "good", "good": "fraud"}
    changed = [
        {**r, "label": other[r["label"]]} if r["type"] == "outcome" and r["time"] >= turn else r for r in records
    ]
    again = observe(plan_of_texts({"m.yaml": MODEL}, CATALOGUE), batches(changed, 100))["fraud"]
    before = seen.times < turn
    np.testing.assert_array_equal(again.scores[before], seen.scores[before])
    assert (again.scores[~before] != seen.scores[~before]).any()
    rival, its = (retrained(one, START, turn).scores[before] for one in (again, seen))
    np.testing.assert_array_equal(rival, its)


def figures(records: list[dict[str, Any]], model: str = MODEL, **given: Any) -> Evaluation:
    (found,) = evaluate(plan_of_texts({"m.yaml": model}, CATALOGUE), batches(records, 100), **given)
    return found


def test_a_model_stands_beside_one_that_is_fitted_anew_every_day(records: list[dict[str, Any]]) -> None:
    pytest.importorskip("sklearn")
    found = figures(records, span=(START + 10 * DAY, START + 20 * DAY), k=10)
    assert found.quality is not None
    assert found.rival is not None
    assert found.quality.average_precision > 0.5
    assert found.rival.average_precision > 0.5
    assert found.suspected == ()
    assert found.known == found.scored == found.events
    text = "\n".join(as_text(found, 10))
    assert "fitted anew every day" in text
    assert "precision@10" in text


def test_an_input_that_holds_the_label_is_named(records: list[dict[str, Any]]) -> None:
    leaking = [
        {**r, "amount": round(1e6 + r["amount"], 2)} if r["type"] == "transfer" and r["id"] in frauds(records) else r
        for r in records
    ]
    found = figures(leaking)
    assert [leak.input for leak in found.suspected] == ["size"]
    assert any(line.strip().startswith("suspected leak: size") for line in as_text(found))


def frauds(records: list[dict[str, Any]]) -> set[str]:
    return {r["of_event"] for r in records if r["type"] == "outcome" and r["label"] == "fraud"}


def test_an_outcome_dated_before_its_event_is_refused_and_said() -> None:
    records = [transfer(1, 100.0, 1.0), outcome(1, "fraud", 0.5), transfer(2, 100.0, 1.1), outcome(2, "good", 2.0)]
    found = figures(records)
    assert (found.early, found.known, found.bad) == (1, 1, 0)
    assert "1 outcomes are dated before their events and were refused" in "\n".join(as_text(found))


def test_the_first_of_contradicting_outcomes_counts() -> None:
    records = [transfer(1, 100.0, 1.0), outcome(1, "fraud", 2.0), outcome(1, "good", 3.0, "again")]
    found = figures(records)
    assert (found.contradicting, found.known, found.bad) == (1, 1, 1)


def test_silence_is_good_where_the_file_says_so() -> None:
    records = [transfer(1, 100.0, 1.0), transfer(2, 100.0, 2.0), outcome(2, "fraud", 3.0), transfer(3, 9.0, 30.0)]
    assert figures(records).known == 1
    silent = MODEL.replace("within: 8d", "within: 8d, silence: good")
    assert (figures(records, silent).known, figures(records, silent).bad) == (2, 1)


def test_outcomes_of_a_file_of_their_own_come_in_where_they_were_known(records: list[dict[str, Any]]) -> None:
    events = [r for r in records if r["type"] == "transfer"]
    outcomes = [r for r in records if r["type"] == "outcome"]
    rng = np.random.default_rng(1)
    rng.shuffle(outcomes)
    merged = list(with_outcomes(batches(events, 50), batches(outcomes, 300), CATALOGUE))
    times = np.concatenate([batch.times for batch in merged])
    assert (np.diff(times) >= 0).all()
    assert len(times) == len(records)
