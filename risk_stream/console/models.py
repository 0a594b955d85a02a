"""A row for each model, and all that is known of one: from the plan what it is, from the workers what it did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from risk_stream.console.workers import Number
from risk_stream.models.registry import cost_us, kind_of
from risk_stream.rules import Plan, Scored
from risk_stream.rules.language.meaning import AggregateValue, Meaning, wording
from risk_stream.stream.model_gauges import ModelStanding
from risk_stream.workbench.model_card import model_card

__all__ = ["ModelRow", "page_of_model", "rows_of"]

#: From where on the PSI of an input is a change, and where it is calm again, as the watch of models has it.
CHANGED, CALM = 0.25, 0.1


class ModelRow(msgspec.Struct, frozen=True, kw_only=True):
    """One model in a list. None: not known, as no worker answers."""

    id: str
    stage: str
    owner: str
    on: tuple[str, ...]
    by: str
    mode: str
    role: str
    challenges: str
    learns: str
    runs: str
    version: str
    generation: int
    asked_by: list[str]
    nominal_us: float
    scored: int | None
    over: int | None
    learnt: int | None
    waiting: int | None
    drifting: int | None  # how much of it drifts on the worst partition: inputs, score, losses, calibration
    psi: float | None  # the largest of an input or the score
    us: float | None  # what an event took, by the workers' clocks


def rows_of(plan: Plan, numbers: Sequence[Number] | None) -> list[ModelRow]:
    """A row for each model of a plan, in its order."""
    did = None if numbers is None else _Did(numbers)
    return [_row(plan, model, did) for model in plan.models]


class _Did:
    """What all workers say that each model did."""

    def __init__(self, numbers: Iterable[Number]) -> None:
        self.events: Counter[tuple[str, str]] = Counter()
        self.seconds: Counter[str] = Counter()
        self.waiting: Counter[str] = Counter()
        self.drifting: dict[str, int] = {}
        self.psi: dict[str, dict[str, float]] = {}
        for one in numbers:
            model, value = one.labels.get("model", ""), one.value
            match one.name:
                case "risk_stream_model_events_total":
                    self.events[model, one.labels["what"]] += int(value)
                case "risk_stream_model_seconds_total":
                    self.seconds[model] += value  # type: ignore[assignment]
                case "risk_stream_model_waiting":
                    self.waiting[model] += int(value)
                case "risk_stream_model_drifting":
                    self.drifting[model] = max(self.drifting.get(model, 0), int(value))
                case "risk_stream_model_psi":
                    of = self.psi.setdefault(model, {})
                    of[one.labels["input"]] = max(of.get(one.labels["input"], 0.0), value)

    def us(self, model: str) -> float | None:
        scored = self.events[model, "scored"]
        return self.seconds[model] * 1e6 / scored if scored else None


def _row(plan: Plan, model: Scored, did: _Did | None) -> ModelRow:
    spec, events = model.spec, None if did is None else did.events
    return ModelRow(
        id=model.id,
        stage=model.stage,
        owner=model.owner,
        on=model.on,
        by=model.by,
        mode=model.mode,
        role=model.role,
        challenges=model.challenges,
        learns=spec.learning,
        runs=kind_of(spec.steps),
        version=model.version,
        generation=model.generation,
        asked_by=[rule.id for rule in plan.rules if set(model.says) & set(rule.aggregates)],
        nominal_us=cost_us(spec.steps, len(spec.inputs)) * spec.sample,
        scored=None if events is None else events[model.id, "scored"],
        over=None if events is None else events[model.id, "over"],
        learnt=None if events is None else events[model.id, "learnt"],
        waiting=None if did is None else did.waiting[model.id],
        drifting=None if did is None else did.drifting.get(model.id, 0),
        psi=None if did is None else max(did.psi.get(model.id, {}).values(), default=None),
        us=None if did is None else did.us(model.id),
    )


def page_of_model(
    plan: Plan, model: Scored, numbers: Sequence[Number] | None, standing: Sequence[ModelStanding] | None
) -> dict[str, Any]:
    """All that the page of a model shows; `standing` is how it stands on each partition, as workers say it."""
    did = None if numbers is None else _Did(numbers)
    row = _row(plan, model, did)
    own = None if standing is None else [one for one in standing if one.model == model.id]
    compared = own is None or any(one.spread is not None for one in own)  # else its PSI is nothing's yet
    psi = did.psi.get(model.id, {}) if did is not None and compared else {}
    names = {feature: name for name, feature in model.features}

    def called(meaning: Meaning) -> str | None:
        return names.get(meaning.aggregate) if isinstance(meaning, AggregateValue) else None

    labels = model.labels
    return {
        "row": row,
        "plan": plan.version,
        "why": model.why,
        "file": model.file,
        "line": model.line,
        "inputs": [
            {
                "name": name,
                "means": model.words.get(name, ""),
                "reckoned": wording(value, called),
                "psi": psi.get(name),
                "drifts": None if own is None else any(name in one.drifting for one in own),
            }
            for name, value in model.inputs
        ],
        "score_psi": psi.get("score"),
        "drifts": None if own is None else sorted({name for one in own for name in one.drifting}),
        "limits": {"changed": model.limits.psi, "calm": model.limits.clear},
        "did": None if did is None else {what: n for (of, what), n in sorted(did.events.items()) if of == model.id},
        "segments": None if own is None else _segments(own),
        "spreads": None if own is None else [one.spread._asdict() for one in own if one.spread is not None],
        "partitions": None if own is None else len(own),
        "labels": None
        if labels is None
        else {"bad": labels.bad, "good": labels.good, "days": labels.within_ms / 86_400_000},
        "rivals": [_rival(other, did) for other in plan.models if _rivals(model, other)],
        "card": model_card(plan, model),
    }


def _segments(standing: Sequence[ModelStanding]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for one in standing:
        found.update(one.segments)
    return dict(found)


def _rivals(model: Scored, other: Scored) -> bool:
    """Whether they are champion and challenger of each other, or challenge the same."""
    if model.id == other.id:
        return False
    mine, theirs = model.challenges or model.id, other.challenges or other.id
    return mine == theirs


def _rival(other: Scored, did: _Did | None) -> dict[str, Any]:
    events = None if did is None else did.events
    return {
        "id": other.id,
        "role": other.role,
        "scored": None if events is None else events[other.id, "scored"],
        "over": None if events is None else events[other.id, "over"],
        "bad_over": None if events is None else events[other.id, "bad_over"],
        "outcomes": None if events is None else events[other.id, "outcomes_told"],
    }
