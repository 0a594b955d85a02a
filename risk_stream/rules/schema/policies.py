"""Profile files as JSON Schema, for editors: a part of the schema of rule files."""

from __future__ import annotations

from risk_stream.rules.limits import MAX_TEXT
from risk_stream.rules.model import SEVERITIES, STAGES
from risk_stream.rules.policy import (
    HELD_KEYS,
    LABEL_KEYS,
    MAX_GRADES,
    MAX_LABELS,
    MAX_NAMED,
    MAX_POINTS,
    OWN_SCORE,
    POLICY_KEYS,
    RULE_KEYS,
    STAGE_KEYS,
)
from risk_stream.rules.schema.parts import LENGTH, WORD, Schema, closed

__all__ = ["policy_schema"]

_SAYS = {
    "profile": "The policy's name: how alerts add up to a customer's standing grade, score and labels.",
    "owner": "Who answers for it.",
    "points": "What an alert adds, by its severity; or score: its own score.",
    "most": "The points that one rule gives a customer together, however often it fires.",
    "stages": "How the alerts of each stage weigh and fade; those of a stage that is not named add nothing.",
    "rules": "Rules that weigh otherwise than their stage, by id.",
    "grades": "The grades, the best first, each with the points it begins at.",
    "group_grades": "The same grades for groups of customers, whose members' points are added up.",
    "labels": "Words that stand for a time after an alert.",
    "at_once": "Grades that an alert brings at once, whatever the points, and for how long.",
    "weight": "The points are multiplied by it.",
    "half_life": "After so much event time half of the points is left.",
    "tags": "Alerts of rules with one of these tags.",
    "severities": "Only alerts that are so severe.",
    "for": "How long it stands after the last such alert.",
    "grade": "No better grade than this one.",
    "why": "The reason, for whoever reads the profile.",
}


def policy_schema() -> Schema:
    """What a file that begins with `profile` may hold."""
    lines = {"type": "object", "minProperties": 2, "maxProperties": MAX_GRADES, "additionalProperties": _number()}
    values: dict[str, Schema] = {
        "profile": WORD,
        "points": _points(),
        "most": _number(),
        "stages": closed({stage: _part(STAGE_KEYS, ("half_life",)) for stage in STAGES}) | {"minProperties": 1},
        "rules": {"type": "object", "additionalProperties": _part(RULE_KEYS, ())},
        "grades": lines,
        "group_grades": lines,
        "labels": {
            "type": "object",
            "maxProperties": MAX_LABELS,
            "propertyNames": WORD,
            "additionalProperties": _part(LABEL_KEYS, ("for",)),
        },
        "at_once": {"type": "array", "maxItems": MAX_LABELS, "items": _part(HELD_KEYS, ("grade", "for"))},
    }
    properties = {key: {"description": _SAYS[key], **values.get(key, _text())} for key in POLICY_KEYS}
    return closed(properties, ("profile", "owner", "stages", "grades"))


def _part(known: tuple[str, ...], required: tuple[str, ...]) -> Schema:
    words = {"type": "array", "items": WORD, "maxItems": MAX_NAMED}
    values: dict[str, Schema] = {
        "weight": _number(),
        "most": _number(),
        "points": _points(),
        "half_life": LENGTH,
        "for": LENGTH,
        "tags": words,
        "rules": words,
        "severities": {"type": "array", "items": {"enum": list(SEVERITIES)}},
        "grade": {"type": "string"},
        "why": _text(),
    }
    says = {**_SAYS, "rules": "Alerts of rules with one of these ids."}
    return closed({key: {"description": says[key], **values[key]} for key in known}, required)


def _points() -> Schema:
    by_severity = {s: {"description": f"Of an alert that is {s}.", **_number()} for s in SEVERITIES}
    return {"anyOf": [{"const": OWN_SCORE}, closed(by_severity)]}


def _number() -> Schema:
    return {"type": "number", "minimum": 0, "maximum": MAX_POINTS}


def _text() -> Schema:
    return {"type": "string", "minLength": 1, "maxLength": MAX_TEXT}
