"""Models that are fitted anew, in a hop: a day's first event begins a fit, and a restart changes no score."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest

from risk_stream.engine import INDEX_BITS, Alert, Block, Hop, final
from risk_stream.models import make_learner
from risk_stream.rules import Plan, plan_of_texts
from tests.engine.test_revisions import CATALOGUE, START, batch_of, transfer

MODEL = """
model: misused
stage: trading
on: transfer
by: account
owner: desk
inputs:
  size: {{value: amount, words: how large it is}}
  hour: hour(time)
pipeline:
  - Retrained: {{estimator: {estimator}, every: {every}, window: 150, lag: 7, good_for_bad: 2}}
learn: outcomes
labels: {{bad: [fraud], within: 2d, silence: good}}
warm_up: 0
threshold: 0.5
drift: {{then: last_good}}
"""
RULES = """
stage: trading
owner: desk
features:
  chance: score("misused")
  reasons: moved("misused")
rules:
  - {id: any, on: transfer, when: amount > 0, severity: low, summary: "{account} {chance} {reasons}"}
"""
DAY = 86_400


def plan(estimator: str, every: str) -> Plan:
    return plan_of_texts({"model.yaml": MODEL.format(estimator=estimator, every=every), "rules.yaml": RULES}, CATALOGUE)


def events(days: int = 9) -> list[dict[str, Any]]:
    """Transfers, a tenth of which is large and mostly a fraud, as is said a day later."""
    random, found = Random(1), []
    for n in range(days * 90):
        at, large = random.random() * days * DAY, random.random() < 0.2
        amount = round(random.uniform(800, 1200) if large else random.uniform(5, 900), 2)
        account = f"A{random.randrange(40)}"
        found.append((at, transfer(f"t{n}", at, account=account, amount=amount)))
        if large and random.random() < 0.8:
            known = {"id": f"o{n}", "type": "outcome", "account": account, "of_event": f"t{n}", "label": "fraud"}
            found.append((at + DAY, known | {"time": START + round((at + DAY) * 1000)}))
    return [event for _, event in sorted(found, key=lambda one: one[0])]


def said(of: Plan, log: list[dict[str, Any]], at_once: list[int], *, restarts: bool = False) -> tuple[Any, Hop]:
    """What a hop says of events that come to it in blocks."""
    random = Random(2)

    def new() -> Hop:
        return Hop(of, "account", reserve_mib=8, journal=True, lateness_ms=600_000, make=make_learner)

    hop, parts, alerts, begin, position = new(), list[bytes](), list[Alert](), 0, 0
    while begin < len(log):
        if restarts and position and random.random() < 0.2:
            parts += hop.images(random.choice([0, 1 << 30])) + hop.delta(position)
            hop = new()
            hop.restore(parts)
        end, position = begin + random.choice(at_once), position + 1
        batch = batch_of(*log[begin:end])
        stamps = (position << INDEX_BITS) + np.arange(len(batch))
        clock = max(int(batch.times.max()), hop.clock)
        alerts += hop.apply([Block(batch.with_columns({"_stamp": stamps}), of, clock)]).alerts
        begin = end
    return {a.event: (a.features["chance"], a.features["reasons"]) for a in final(alerts)}, hop


@pytest.mark.parametrize("every", ["1d", "40"])
@pytest.mark.parametrize("estimator", ["ExtraTreesClassifier, n_estimators: 5", "HistGradientBoostingClassifier"])
def test_scores_are_equal_however_a_log_is_cut_and_over_restarts(estimator: str, every: str) -> None:
    """To the last bit, with the reasons of those that are over, which the first fit gives already."""
    of, log = plan(estimator, every), events()
    whole, hop = said(of, log, [500])
    cut, restarted = said(of, log, [1, 7, 60], restarts=True)
    assert cut == whole
    assert restarted.models == hop.models
    [machine] = hop._memory.scoring.machines.values()
    assert machine.learner.counts()["fits"] >= 4
    scores = [score for score, _ in whole.values()]
    assert scores[0] is None
    assert len(set(scores)) > 20
    assert "how large it is" in {reasons for _, reasons in whole.values()}


def test_what_is_large_scores_higher() -> None:
    """It has learnt what frauds are."""
    log = events()
    scores, _ = said(plan("LogisticRegression", "1d"), log, [500])
    late = [event for event in log if event["type"] == "transfer" and event["time"] > START + 6 * DAY * 1000]
    large, small = ([float(scores[e["id"]][0]) for e in late if (e["amount"] > 900) is big] for big in (True, False))
    assert np.mean(large) > 3 * np.mean(small)
