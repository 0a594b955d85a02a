"""Patterns of rule files: what happens, by a name, and sequences: steps one after another within a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from risk_stream.catalogue import Node
from risk_stream.features import MOST_STEPS
from risk_stream.rules.language.check import nearest
from risk_stream.rules.language.events import Pattern, Reading, Step, event_types, events_named, narrowed
from risk_stream.rules.limits import MAX_WINDOW_MS
from risk_stream.rules.reading import kind_of
from risk_stream.rules.words import keys, length_ms

__all__ = ["PATTERN_KEYS", "read_patterns", "read_sequence"]

#: What a pattern may hold.
PATTERN_KEYS = ("of", "where", "sequence", "within")
#: What stands for a sequence until it is read: so that a step that names one is known to.
_SEQUENCE = Pattern((), 1)


def read_patterns(reading: Reading, declared: Mapping[str, Node]) -> dict[str, Pattern | None]:
    """The patterns of a file by name, None for those in which something is wrong, which is reported.

    Events are read before sequences, whose steps can name them wherever they stand.
    """
    found: dict[str, Pattern | None] = dict(reading.patterns)
    within = replace(reading, patterns=found)
    sequences = {name: node for name, node in declared.items() if "sequence" in node}
    found |= dict.fromkeys(sequences, _SEQUENCE)
    single = {name: _single(within, node) for name, node in declared.items() if name not in sequences}
    found |= single
    return single | {name: _sequence(within, node) for name, node in sequences.items()}


def _single(reading: Reading, node: Node) -> Pattern | None:
    """A pattern that is one event."""
    if not node.is_mapping or "of" not in node:
        reading.report(
            node,
            "a pattern is {of: TYPE, where: CONDITION} or {sequence: [STEP, STEP], within: 10m}"
            + ("" if node.is_mapping else f", and this is {kind_of(node)}"),
        )
        return None
    if not _has_only(reading, node, ("of", "where")):
        return None
    types = event_types(reading.catalogue, node["of"], reading.report)
    step = None if types is None else narrowed(reading, Step(types), node.get("where"))
    return None if step is None else Pattern((step,))


def _sequence(reading: Reading, node: Node) -> Pattern | None:
    """A pattern that is a sequence."""
    good = _has_only(reading, node, ("sequence", "within"))
    pattern = read_sequence(reading, node)
    return pattern if good else None


def _has_only(reading: Reading, node: Node, known: tuple[str, ...]) -> bool:
    others = [key for key in keys(node) if key.value not in known]
    for key in others:
        advice = ("" if key.value in PATTERN_KEYS else nearest(key.value, known)) or f": it has {' and '.join(known)}"
        reading.report(key, f"'{key.value}' is no part of this pattern{advice}")
    return not others


def read_sequence(reading: Reading, node: Node) -> Pattern | None:
    """What stands under `sequence` and `within` of a mapping, or None with everything wrong in it reported."""
    said = node["sequence"]
    within = _within(reading, node)
    if not said.is_list or not 2 <= len(said.value) <= MOST_STEPS:
        reading.report(
            said,
            f"sequence is a list of 2 to {MOST_STEPS} steps, one after another, such as"
            " [login, transfer: amount > 1000]",
        )
        return None
    steps = [_step(reading, item) for item in said.value]
    sound = tuple(step for step in steps if step is not None)
    return Pattern(sound, within) if within is not None and len(sound) == len(steps) else None


def _step(reading: Reading, node: Node) -> Step | None:
    name = node
    if node.is_mapping:
        if len(node.value) != 1:
            reading.report(node, "a step is one event type, or one and its condition, such as transfer: amount > 1000")
            return None
        [name] = keys(node)
    pattern = events_named(reading, name)
    if pattern is None:
        return None
    if pattern.within_ms:
        reading.report(name, f"'{name.value}' is a sequence, and a step is one event: write out its steps")
        return None
    where = node[name.value] if node.is_mapping else None
    return narrowed(reading, pattern.steps[0], None if where is None or where.value is None else where)


def _within(reading: Reading, node: Node) -> int | None:
    """The ms under `within`, in which all steps come; None with what is wrong reported."""
    within = node.get("within")
    if within is None:
        reading.report(node, "'within' is missing: say in how long all its steps come, such as within: 10m")
        return None
    ms = length_ms(within.value)
    if ms is None or not 0 < ms <= MAX_WINDOW_MS:
        reading.report(within, "within is a length of time in which all steps come, such as 10m or 3d")
        return None
    return ms
