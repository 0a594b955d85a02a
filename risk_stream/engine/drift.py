"""What an officer is to see of a model that drifts."""

from __future__ import annotations

from risk_stream.catalogue import EventBatch
from risk_stream.engine.alert import Alert, alert_id
from risk_stream.engine.machine import Noticed
from risk_stream.models import CALIBRATION, LOSS, SCORE
from risk_stream.rules import Plan

__all__ = ["DRIFT", "drift_alert"]

#: What the rules begin with that alerts on drifting models are named by, followed by the model and what drifts.
DRIFT = "drift"

_WHY = "A model is as good as what it was shown: of other events than those it learnt it cannot be trusted."
_THEN = {
    "go_on": "its scores go on",
    "no_score": "it gives no score until that is over",
    "last_good": "scores are those of the model as it was before",
}


def drift_alert(plan: Plan, hop: str, batch: EventBatch, noticed: Noticed, revision: int) -> Alert:
    """A model drifts, noticed with one event of a batch at a hop."""
    scored, row, signal = noticed
    rule, event = f"{DRIFT}.{scored.id}.{signal.name}", batch.text("id", row) or ""
    return Alert(
        id=alert_id(rule, event),
        revision=revision,
        rule=rule,
        rule_version=scored.version,
        plan=plan.version,
        hop=hop,
        stage=scored.stage,
        severity="high",
        score=50,
        action="review",
        owner=scored.owner,
        mode=scored.mode,
        entity="",
        channel="",
        time=int(batch.times[row]),
        type=batch.catalogue.types[int(batch.types[row])].name,
        event=event,
        keys={},
        features={
            "model": scored.id,
            "drifts": signal.name,
            "test": signal.test,
            "value": signal.value,
            "limit": signal.limit,
        },
        inexact=[],
        summary=f"{_said(noticed)}; {_THEN[scored.drifting]}",
        why=_WHY,
    )


def _said(noticed: Noticed) -> str:
    scored, _, signal = noticed
    model = f"the model {scored.id}"
    if signal.name == LOSS:
        return f"{model} is wrong more often than it was"
    if signal.name == CALIBRATION:
        return f"What {model} promises is {signal.value:.1f} standard errors from what came, at most {signal.limit:g}"
    what = f"The scores of {model}" if signal.name == SCORE else f"The input {signal.name} of {model}"
    verb = "are" if signal.name == SCORE else "is"
    if signal.test == "psi":
        return f"{what} {verb} spread otherwise than when it was good: PSI {signal.value:.2f}, at most {signal.limit:g}"
    return f"{what} moved by {signal.value:.2f} of what is usual, more than chance allows ({signal.limit:.2f})"
