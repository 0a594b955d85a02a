"""Whether a pipeline can be built: its components by name, their parameters, what they read, and what it costs."""

from __future__ import annotations

import importlib.util
import math
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from risk_stream.catalogue import did_you_mean
from risk_stream.models.components import COMPONENTS, ESTIMATORS, RETRAINED, SPAN, Allowed, Component
from risk_stream.models.spec import Parameter, Step

__all__ = [
    "COMPONENTS",
    "Flaw",
    "bounds",
    "check",
    "cost_us",
    "is_retrained",
    "kind_of",
    "parameters_of",
]

#: What is wrong: the index of the step, the parameter or None, and a sentence.
Flaw: TypeAlias = "tuple[int, str | None, str]"

_LAST = ("detector", "classifier", "regressor", "clusterer", "segmenter", "forecaster")
#: Scalers that compiled kinds may have in front.
_COMPILED_SCALERS = ("MinMaxScaler", "StandardScaler")
#: More nodes than this make a forest of half-space trees slow and large: 200 MB.
_MOST_NODES = 2**24
#: What fitting anew is held to cost of one event: as much as a boosting of 40,000 rows every 10,000 events does.
_FIT_US = 100.0
#: Inputs of a regression under 1 KB: 32 bytes each.
_MOST_SMALL_INPUTS = 24


def check(
    steps: Sequence[Step],
    inputs: Sequence[str],
    texts: Collection[str],
    learning: str | None = None,
    grouped: bool = False,
) -> list[Flaw]:
    """All that is wrong with a pipeline over these inputs; `learning` and `grouped` are as in `Spec`."""
    if not steps:
        return [(0, None, 'a pipeline needs a component that gives a score, as "HalfSpaceTrees"')]
    flaws: list[Flaw] = []
    for at, step in enumerate(steps):
        component = COMPONENTS.get(step.component)
        if component is None:
            hint = did_you_mean(step.component, COMPONENTS)
            flaws.append((at, None, f'"{step.component}" is no component of a pipeline{hint}'))
        else:
            flaws += [(at, name, said) for name, said in _wrong_parameters(component, step.parameters)]
    if not flaws:
        flaws += _wrong_order(steps)
    if not flaws:
        flaws += _wrong_inputs(steps, inputs, texts)
        flaws += _wrong_use(steps, inputs, learning, grouped)
    return flaws


def parameters_of(step: Step) -> dict[str, Any]:
    """The parameters of a checked step, those it does not give by their defaults."""
    allowed = COMPONENTS[step.component].parameters
    return {name: step.parameters.get(name, one.default) for name, one in allowed.items()}


def kind_of(steps: Sequence[Step]) -> str:
    """What a checked pipeline runs as: compiled as `trees`, `linear` or `univariate`, or as `river` has it.

    `segments` and what is `retrained` are kinds of their own.
    """
    *before, last = steps
    if last.component == RETRAINED:
        return "retrained"
    if COMPONENTS[last.component].role == "segmenter":
        return "segments"
    said = parameters_of(last)
    scaled = not before or (len(before) == 1 and before[0].component in _COMPILED_SCALERS)
    if before:
        front = parameters_of(before[0])
        scaled = scaled and front.get("window_size") is None and front.get("with_std", True) is True
    if last.component == "HalfSpaceTrees" and scaled:
        return "trees"
    if last.component == "LogisticRegression" and scaled and said["optimizer"] == "SGD" and said["l1"] == 0:
        return "linear"
    univariate = {"GaussianScorer", "StandardAbsoluteDeviation"}
    if last.component in univariate and not before and said.get("window_size") is None:
        return "univariate"
    return "river"


def is_retrained(steps: Sequence[Step]) -> bool:
    """Whether a pipeline is fitted anew from time to time."""
    return bool(steps) and steps[-1].component == RETRAINED


def cost_us(steps: Sequence[Step], inputs: int) -> float:
    """Microseconds of one event that a checked pipeline scores and learns, nominally, on one core.

    As `python -m bench models` measures it: what is compiled costs a small part of what River needs.
    """
    said = parameters_of(steps[-1])
    kind = kind_of(steps)
    if kind == "trees":
        return float(0.5 + 0.012 * said["n_trees"] * said["height"] + 0.02 * inputs)
    if kind in {"linear", "univariate"}:
        return 1.5 + 0.1 * inputs
    if kind == "retrained":
        own = ESTIMATORS[said["estimator"]]
        trees = next((said[name] or own[name] for name in ("n_estimators", "max_iter") if name in own), 0)
        return _FIT_US + (1.5 + 0.1 * inputs if "C" in own else 1.5 + 0.05 * float(trees or 0))
    if kind == "segments":
        return float(0.5 + 0.03 * said["n_clusters"] * inputs)
    cost = 5.0
    for step in steps:
        component, given = COMPONENTS[step.component], parameters_of(step)
        share = 1.0
        for name in ("n_trees", "n_models", "n_estimators", "n_clusters", "n_random_cuts"):
            if name in given:
                share = given[name] / float(component.parameters[name].default or 1)
        cost += share * component.base_us + inputs * share * component.input_us
    return cost


def bounds(steps: Sequence[Step]) -> tuple[float | None, float | None]:
    """What scores of a checked pipeline are at least and at most, None where nothing can be said."""
    last = COMPONENTS[steps[-1].component]
    return last.low, last.high


def _wrong_parameters(component: Component, given: Mapping[str, Parameter]) -> Iterator[tuple[str | None, str]]:
    for name, value in given.items():
        allowed = component.parameters.get(name)
        if allowed is None:
            known = ", ".join(sorted(component.parameters)) or "none"
            hint = did_you_mean(name, component.parameters) or f"; its parameters are {known}"
            yield name, f'{component.name} has no parameter "{name}"{hint}'
        else:
            said = _wrong_value(allowed, value)
            if said:
                yield name, f"{name} of {component.name} {said}"
    for name, allowed in component.parameters.items():
        if allowed.required and name not in given:
            yield None, f"{component.name} needs {name}, {_range(allowed)}"
    both = {name: given.get(name, allowed.default) for name, allowed in component.parameters.items()}
    yield from _wrong_together(component, both)


def _wrong_value(allowed: Allowed, value: Parameter) -> str | None:
    """The end of a sentence about one value, None for a good one."""
    if value is None:
        return None if allowed.none else f"must be {_range(allowed)}"
    if isinstance(value, str):
        if value in allowed.choices or (allowed.span and SPAN.fullmatch(value)):
            return None
        hint = did_you_mean(value, allowed.choices) if allowed.choices else ""
        return f'must be {_range(allowed)}, not "{value}"{hint}'
    if allowed.kind is bool or isinstance(value, bool):
        good = allowed.kind is bool and isinstance(value, bool)
    else:
        fits = allowed.kind is float or (allowed.kind is int and isinstance(value, int))
        low = -math.inf if allowed.low is None else allowed.low
        high = math.inf if allowed.high is None else allowed.high
        good = fits and abs(value) <= sys.float_info.max and low <= value <= high
    return None if good else f"must be {_range(allowed)}, not {value}"


def _range(allowed: Allowed) -> str:
    """What a parameter may be, in words."""
    if allowed.kind is bool:
        return "true or false"
    words = []
    if allowed.low is not None and allowed.high is not None:
        noun = "a whole number" if allowed.kind is int else "a number"
        words.append(f"{noun} from {allowed.low:,.12g} to {allowed.high:,.12g}")
    words += allowed.choices
    if allowed.span:
        words.append("a time such as 12h or 1d")
    if allowed.none:
        words.append("null")
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _wrong_together(component: Component, said: Mapping[str, Parameter]) -> Iterator[tuple[str | None, str]]:
    """Parameters that are good alone and not together."""
    numbers = {name: v for name, v in said.items() if isinstance(v, int | float)}
    if component.name == "RobustScaler" and numbers.get("q_inf", 0) >= numbers.get("q_sup", 1):
        yield "q_inf", "q_inf of RobustScaler must be below q_sup"
    if numbers.get("l1") and numbers.get("l2"):
        yield "l1", f"{component.name} takes l1 or l2, not both"
    if component.name == "HoltWinters":
        if numbers.get("seasonality") and not numbers.get("gamma"):
            yield "seasonality", "HoltWinters with a seasonality needs gamma, how fast the season is learnt"
        if numbers.get("gamma") and not numbers.get("beta"):
            yield "gamma", "HoltWinters with gamma needs beta, how fast the trend is learnt"
    own = ESTIMATORS.get(str(said.get("estimator")), {})
    if component.name == RETRAINED and own:
        every = {name for estimator in ESTIMATORS.values() for name in estimator}
        for name in sorted(every - own.keys()):
            if said.get(name) is not None:
                yield name, f"{name} is no parameter of {said['estimator']}, which takes {', '.join(sorted(own))}"
    if component.name == "HalfSpaceTrees" and {"n_trees", "height"} <= set(numbers):
        height = numbers["height"]
        if 0 < height <= 64 and numbers["n_trees"] * 2.0 ** (height + 1) > _MOST_NODES:
            yield "height", f"so many trees of height {height} have more than {_MOST_NODES:,} nodes; take fewer"


def _wrong_order(steps: Sequence[Step]) -> Iterator[Flaw]:
    for at, step in enumerate(steps[:-1]):
        if COMPONENTS[step.component].role in _LAST:
            yield at, None, f"{step.component} gives the score, so it comes last in a pipeline"
    last = steps[-1].component
    if COMPONENTS[last].role not in _LAST:
        yield len(steps) - 1, None, f"a pipeline ends with what gives a score; {last} only prepares its inputs"
    encoders = [at for at, step in enumerate(steps) if COMPONENTS[step.component].role == "encoder"]
    for at in encoders[1:]:
        yield at, None, f"{steps[encoders[0]].component} has encoded all texts already; leave {steps[at].component} out"


def _wrong_inputs(steps: Sequence[Step], inputs: Sequence[str], texts: Collection[str]) -> Iterator[Flaw]:
    last = COMPONENTS[steps[-1].component]
    at = len(steps) - 1
    encoder = next((i for i, step in enumerate(steps) if COMPONENTS[step.component].role == "encoder"), None)
    said = ", ".join(name for name in inputs if name in texts)
    if encoder is not None and not said:
        yield encoder, None, f"{steps[encoder].component} encodes texts, and no input of this model is one"
    if said and last.name in {RETRAINED, "SequentialKMeans"}:
        yield at, None, f"{last.name} reads numbers; ask {said} in conditions, such as one that it is of one kind"
    elif said and encoder is None and not last.texts and not last.single:
        yield at, None, f"{last.name} reads numbers; put OneHotEncoder or FeatureHasher before it for {said}"
    if last.single and (len(inputs) != 1 or said):
        told = f"the text {said}" if len(inputs) == 1 else f"{len(inputs)} inputs"
        yield at, None, f"{last.name} reads one number, and this model has {told}"


def _wrong_use(steps: Sequence[Step], inputs: Sequence[str], learning: str | None, grouped: bool) -> Iterator[Flaw]:
    at = len(steps) - 1
    last = COMPONENTS[steps[-1].component]
    if last.role in {"classifier", "regressor"} and learning not in {None, "outcomes"}:
        yield at, None, f'{last.name} learns from outcomes: say "learn: outcomes" and which labels are bad'
    if last.name in {RETRAINED, "SequentialKMeans"} and at > 0:
        yield 0, None, f"{last.name} scales its inputs itself and stands alone; leave {steps[0].component} out"
    if last.name == RETRAINED and importlib.util.find_spec("sklearn") is None:
        yield at, None, f'{last.name} needs scikit-learn, which is not installed: pip install "risk-stream[retrained]"'
    if kind_of(steps) == "river" and importlib.util.find_spec("river") is None:
        yield at, None, f'{last.name} needs River here, which is not installed: pip install "risk-stream[models]"'
    if last.role == "segmenter" and learning not in {None, "always"}:
        yield at, None, f'{last.name} learns from all events: say "learn: always"'
    if last.role in {"clusterer", "forecaster"} and learning == "outcomes":
        yield at, None, f'{last.name} learns from the events themselves: say "learn: always" or "learn: calm"'
    if not grouped:
        return
    large = [i for i, step in enumerate(steps) if not COMPONENTS[step.component].small]
    compiled = kind_of(steps) in {"linear", "univariate"} or last.name == "HoltWinters"
    known = "GaussianScorer, StandardAbsoluteDeviation, HoltWinters or a LogisticRegression with SGD"
    if large or not compiled:
        where = large[0] if large else at
        name = steps[where].component
        yield where, None, f"{name} is too large to have one for each group; group {known}, or share one model"
    elif len(inputs) > _MOST_SMALL_INPUTS:
        yield at, None, f"one {last.name} for each group may have {_MOST_SMALL_INPUTS} inputs, not {len(inputs)}"
