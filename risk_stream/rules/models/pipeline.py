"""What a model's file says of the mathematics: its pipeline, its threshold, and what it may cost."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from risk_stream.catalogue import Node
from risk_stream.models import Parameter, Spec, Step, Threshold
from risk_stream.models.registry import check, cost_us
from risk_stream.rules.reading import Reader, kind_of
from risk_stream.rules.words import keys

__all__ = [
    "BUDGET",
    "THRESHOLD_KEYS",
    "read_budget",
    "read_number",
    "read_pipeline",
    "read_spec",
    "read_threshold",
    "read_whole",
]

#: What a threshold may hold that goes by the scores before.
THRESHOLD_KEYS = ("quantile", "last")
#: Scores that a running quantile goes by: where the file does not say, at least and at most.
LAST, LEAST_LAST, MOST_LAST = 5_000, 100, 1_000_000
#: Components of one pipeline.
MAX_STEPS = 10
#: The time that a model may take of one event.
BUDGET = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)\s*(us|ms)")
_LARGEST = 1e100


def read_number(root: Node, key: str, default: float, what: str, above: float, most: float, reader: Reader) -> float:
    """A number under a key, more than `above` and at most `most`; `what` it is, for the sentence."""
    node = root.get(key)
    if node is None:
        return default
    value = node.value
    if isinstance(value, bool) or not isinstance(value, int | float) or not above < value <= most:
        reader.report(node, f"{key} is {what}")
        return default
    return float(value)


def read_whole(
    root: Node, key: str, default: int, most: int, reader: Reader, least: int = 0, unit: str = "events"
) -> int:
    """A whole number under a key; `unit` is what is counted, for the sentence."""
    node = root.get(key)
    if node is None:
        return default
    value = node.value
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        reader.report(node, f"{key} is a whole number of {unit}, {least:,} to {most:,}")
        return default
    return value


def read_threshold(root: Node, reader: Reader) -> Threshold | None:
    """From where on a score is over; None with what is wrong reported."""
    node = root.get("threshold")
    example = (
        "threshold: 0.95, or threshold: {quantile: 0.999, last: 5000} for the highest thousandth of the last 5,000"
    )
    if node is None:
        reader.report(root, f"'threshold' is missing: say from which score on it is over, as in {example}")
        return None
    value = node.value
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST:
        return Threshold(fixed=float(value))
    if not node.is_mapping:
        reader.report(node, f"threshold is a score or a quantile of the scores before: {example}")
        return None
    reader.known(node, THRESHOLD_KEYS, "threshold")
    if "quantile" not in node:
        reader.report(node, f"'quantile' is missing: {example}")
        return None
    said = "the share of scores that are not over, above 0 and below 1, such as 0.999"
    share = read_number(node, "quantile", 0.0, said, 0.0, 1.0 - 1e-9, reader)
    last = read_whole(node, "last", LAST, MOST_LAST, reader, LEAST_LAST)
    return Threshold(share=share, last=last) if share else None


def read_pipeline(root: Node, reader: Reader) -> list[tuple[Step, Node]] | None:
    """The components in their order, each with its place; None with what is wrong reported."""
    node = root.get("pipeline")
    if node is None or not node.is_list or not node.value:
        said = "a model's pipeline is a list of River's components, the last of which gives the score"
        reader.report(node or root, f"'pipeline' is missing or empty: {said}, as in [MinMaxScaler, HalfSpaceTrees]")
        return None
    if len(node.value) > MAX_STEPS:
        reader.report(
            node, f"there are {len(node.value):,} components in one pipeline, at most {MAX_STEPS} are allowed"
        )
        return None
    found = [_step(item, reader) for item in node.value]
    sound = [one for one in found if one is not None]
    return sound if len(sound) == len(found) else None


def read_spec(spec: Spec, places: Sequence[Node], reader: Reader) -> None:
    """Report what is wrong with a model's mathematics; `places` are those of its steps."""
    for at, parameter, said in check(spec.steps, spec.inputs, spec.texts, spec.learning, spec.grouped):
        place = places[at]
        if parameter is not None and place.is_mapping:
            given = place[spec.steps[at].component]
            place = next((key for key in keys(given) if key.value == parameter), place)
        reader.report(place, said)


def read_budget(root: Node, spec: Spec, reader: Reader) -> float:
    """Microseconds that a sound model may take of one event; 0 where nothing is said, or it is too little."""
    node = root.get("budget")
    if node is None:
        return 0.0
    found = BUDGET.fullmatch(node.value) if isinstance(node.value, str) else None
    if found is None or float(found[1]) == 0:
        reader.report(node, "budget is the time that the model may take of one event, such as 50us or 1ms")
        return 0.0
    budget = float(found[1]) * (1_000 if found[2] == "ms" else 1)
    cost = cost_us(spec.steps, len(spec.inputs)) * spec.sample
    if cost > budget:
        share = math.floor(100 * spec.sample * budget / cost) / 100
        advice = f"take a smaller pipeline, say sample: {share:g}" if share > 0 else "take a smaller pipeline"
        reader.report(node, f"the pipeline takes some {cost:,.0f} us of one event: {advice}, or allow it more")
        return 0.0
    return budget


def _step(node: Node, reader: Reader) -> tuple[Step, Node] | None:
    """One component: its name, or its name with its parameters."""
    if node.is_text:
        return Step(node.value, {}), node
    example = "HalfSpaceTrees: {n_trees: 25, height: 8}"
    if not node.is_mapping or len(node.value) != 1:
        reader.report(
            node, f"a component is its name, or one name with its parameters, {example}; this is {kind_of(node)}"
        )
        return None
    (name,) = keys(node)
    given = node[name.value]
    if given.value is None:
        return Step(name.value, {}), node
    if not given.is_mapping:
        reader.report(given, f"the parameters of {name.value} are a mapping, as in {example}")
        return None
    parameters: dict[str, Parameter] = {}
    for key, child in given.items():
        if child.value is not None and not isinstance(child.value, bool | int | float | str):
            reader.report(
                child, f"{key.value} of {name.value} is a number, a word, or true or false; this is {kind_of(child)}"
            )
            return None
        parameters[str(key.value)] = child.value
    return Step(name.value, parameters), node
