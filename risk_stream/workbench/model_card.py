"""A model card: what a model is for, what it looks at, how it learns, what it was measured to do and what it cannot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from risk_stream.models.registry import COMPONENTS, cost_us, kind_of, parameters_of
from risk_stream.rules import Plan, Scored
from risk_stream.rules.language.meaning import AggregateValue, Meaning, wording

__all__ = ["model_card"]

_LEARNS = {
    "always": "from each event, after it was scored",
    "calm": "from each event that is not over its threshold, after it was scored",
    "outcomes": "from outcomes alone, each once, with the inputs as they were when the event was scored",
}
_DRIFTS = {
    "go_on": "its scores go on",
    "no_score": "it gives no score until that is over",
    "last_good": "scores are those of the model as it was before",
}


#: How a kind runs; the others are compiled.
_RUNS = {"river": "by River as it is", "retrained": "compiled, between fits of scikit-learn"}


def model_card(plan: Plan, model: Scored, measured: Sequence[Mapping[str, str]] = ()) -> str:
    """The card of a model as Markdown; each of what was `measured` says `what`, `found` and `by` which command."""
    return "\n".join([*_head(plan, model), "", *_inside(model), "", *_figures(measured), "", *_limits(model)]) + "\n"


def _head(plan: Plan, model: Scored) -> Iterator[str]:
    yield f"# {model.id}"
    yield ""
    yield model.why
    yield ""
    asking = [rule for rule in plan.rules if set(model.says) & set(rule.aggregates)]
    said = ", ".join(f"`{rule.id}` ({rule.mode})" for rule in asking) or "nobody yet"
    yield "| | |"
    yield "| --- | --- |"
    yield f"| stage, owner | {model.stage}, {model.owner} |"
    yield f"| scores | {', '.join(model.on)}, by `{model.by}`, each partition with a model of its own |"
    yield f"| mode, role | {model.mode}, {f'challenges {model.challenges}' if model.challenges else model.role} |"
    yield f"| version | `{model.version}`, generation {model.generation} |"
    yield f"| asked by | {said} |"


def _inside(model: Scored) -> Iterator[str]:
    spec = model.spec
    names = {feature: name for name, feature in model.features}

    def called(meaning: Meaning) -> str | None:
        return names.get(meaning.aggregate) if isinstance(meaning, AggregateValue) else None

    yield "## What it looks at, and how"
    yield ""
    yield "| input | what it is | reckoned as |"
    yield "| --- | --- | --- |"
    for name, value in model.inputs:
        yield f"| {name} | {model.words.get(name, '')} | `{wording(value, called)}` |"
    yield ""
    for step in spec.steps:
        given = ", ".join(f"{key}: {value}" for key, value in parameters_of(step).items() if key in step.parameters)
        yield f"* {step.component}{f' ({given})' if given else ''}: {COMPONENTS[step.component].meaning}"
    yield f"* learns {_LEARNS[spec.learning]}; the first {spec.warm_up:,} events have no score"
    threshold = spec.threshold
    if threshold.fixed is not None:
        yield f"* over its threshold from {threshold.fixed:g} on"
    elif threshold.share is not None:
        yield f"* over its threshold above the quantile {threshold.share} of its last {threshold.last:,} scores"
    runs = _RUNS.get(kind_of(spec.steps), "compiled")
    budget = f", at most {model.budget_us:g} us by its budget" if model.budget_us else ""
    yield f"* runs {runs}, nominally {cost_us(spec.steps, len(spec.inputs)):.1f} us an event{budget}"
    yield f"* where it drifts {_DRIFTS[model.drifting]}, and its owner has an alert"


def _figures(measured: Sequence[Mapping[str, str]]) -> Iterator[str]:
    yield "## What was measured"
    yield ""
    if not measured:
        yield "Nothing yet: `risk-stream models evaluate` measures it on a history with outcomes."
        return
    yield "| what | found | by |"
    yield "| --- | --- | --- |"
    for one in measured:
        yield f"| {one['what']} | {one['found']} | `{one['by']}` |"


def _limits(model: Scored) -> Iterator[str]:
    yield "## What it cannot"
    yield ""
    labels = model.labels
    if labels is None:
        yield "* No outcome is matched to its events: nobody learns from production how often it is right."
    else:
        silence = "counts as good" if labels.silence_is_good else "teaches nothing"
        bad, good = ", ".join(labels.bad), ", ".join(labels.good) or "none"
        days = labels.within_ms / 86_400_000
        yield f"* Outcomes are matched for {days:g} days (bad: {bad}; good: {good}); silence {silence}."
        if labels.reviewed == 1 and not labels.silence_is_good:
            yield "* Where only its alerts are looked into, it never hears of what it missed: `reviewed` helps."
    if model.spec.learning != "outcomes":
        yield "* It says what is unusual, not what is wrong. An officer decides."
    yield "* Of what came before its first event, and of a key that is new, it knows nothing."
