"""What people close alerts as teaches the model that scored their events, at the hop that judged them."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from risk_stream.alerts import Act, Cause, Desk, Policy, outcomes_of
from risk_stream.catalogue import Decoder, EventBatch, load_catalogue
from risk_stream.engine import INDEX_BITS, Alert, Block, Hop
from risk_stream.models import make_learner
from risk_stream.rules import plan_of_texts

CATALOGUE = load_catalogue()
NOON = 1_772_625_600_000
MODEL = """
model: misused
stage: trading
on: transfer
by: account
owner: desk
inputs:
  size: {value: amount, words: how large it is}
pipeline:
  - StandardScaler
  - LogisticRegression
learn: outcomes
labels: {bad: [fraud], good: [false_alarm], within: 2d}
warm_up: 0
threshold: 0.5
"""
RULES = """
stage: trading
owner: desk
features:
  chance: score("misused")
rules:
  - {id: large, on: transfer, when: amount > 500, severity: high, summary: "{account} {chance}"}
"""


def batch_of(*events: dict[str, Any]) -> EventBatch:
    batch, _, refused = Decoder(CATALOGUE).decode([msgspec.json.encode(event) for event in events], str)
    assert refused == []
    return batch


def test_closed_alerts_teach_the_model_that_scored_their_events() -> None:
    """Confirmed and false alarms, each once; what people knew already teaches nothing."""
    plan = plan_of_texts({"model.yaml": MODEL, "rules.yaml": RULES}, CATALOGUE)
    hop = Hop(plan, "account", reserve_mib=8, journal=True, lateness_ms=600_000, make=make_learner)

    def judged(position: int, *events: dict[str, Any]) -> list[Alert]:
        batch = batch_of(*events)
        stamps = (position << INDEX_BITS) + np.arange(len(batch))
        clock = max(int(batch.times.max()), hop.clock)
        return hop.apply([Block(batch.with_columns({"_stamp": stamps}), plan, clock)]).alerts

    moved = {"type": "transfer", "direction": "out", "amount": 900.0, "customer": "C1"}
    alerts = judged(1, *({**moved, "id": f"t{n}", "time": NOON + n, "account": f"A{n}"} for n in range(6)))
    assert len(alerts) == 6
    desk, said = Desk(Policy(outcome_of_rule={"large": "fraud"})), list[dict[str, Any]]()
    for n, one in enumerate(alerts):
        desk.hear(one, Cause("risk.alerts", 0, n), NOON + 1_000)
        how = ("confirmed", "false_alarm", "known")[n % 3]
        act = Act(id=str(n), act="close", by="wang", at=NOON, alerts=[one.id], disposition=how)
        desk.act(act, Cause("risk.actions", 0, n), NOON + 2_000)
        assert desk.last is not None
        said += outcomes_of(desk.last, desk.policy)
    assert len(said) == 4
    judged(2, *said)
    [machine] = hop._memory.scoring.machines.values()
    assert machine.waiting is not None
    assert machine.waiting.counts == {"told": 4}
