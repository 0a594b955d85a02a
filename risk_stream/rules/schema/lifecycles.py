"""Files of life cycles as JSON Schema, for editors: a part of the schema of rule files."""

from __future__ import annotations

from risk_stream.rules.lifecycle.model import JUDGEMENTS
from risk_stream.rules.lifecycle.read import JUDGEMENT_KEYS, LIFECYCLE_KEYS, MAX_STEPS, STEP_KEYS, WINDOW
from risk_stream.rules.model import MODES, SEVERITIES, STAGES
from risk_stream.rules.reading import ID
from risk_stream.rules.rule.later import MAX_BUSINESS_DAYS
from risk_stream.rules.schema.parts import LENGTH, TEXT, Schema, closed

__all__ = ["lifecycle_schema"]

_SAYS = {
    "lifecycle": "The life cycle's id, with which the ids of its rules begin.",
    "owner": "Who answers for the steps that name nobody.",
    "where": "The loans that it is of: a condition over fields of the loan's events.",
    "window": f"How long a loan is followed; {WINDOW} if left out.",
    "tags": "Words added to the tags of its rules.",
    "steps": "The steps, in the order in which people read them.",
    "judgements": "How what is wrong with a step is said, where it is not as usual.",
    "id": "The step's id: what a process_step event says in `step`.",
    "name": "How sentences call it; the id if left out.",
    "stage": "Where in the loan's life it stands.",
    "needs": "The steps that must have been before it: all of a list, or one of `any`.",
    "within": "Its time limit, counted from the step `after`.",
    "every": "Its time limit, counted from the step `after` and from each time that it came itself.",
    "after": "The step from which the limit counts.",
    "once": "Whether a second time is wrong.",
    "ends": "Whether it ends the life cycle: nothing is overdue behind it.",
    "proof": "The events that prove it; if left out, a process_step with its id.",
    "why": "Why it matters, for whoever works the alert.",
    "skipped": "It came while something that it needs had not been.",
    "repeated": "It is done once, and came again.",
    "out-of-order": "It came for the first time after a step that must come later.",
    "overdue": "Its limit passed without it.",
    "mode": "live; shadow: judged and counted, never shown; off: only checked.",
    "severity": "How severe it is.",
    "score": "How much it weighs.",
    "action": "A word for whoever acts on it.",
}


def lifecycle_schema() -> Schema:
    """What a file that begins with `lifecycle` may hold."""
    judgements = _object({what: _object({key: _said(key) for key in JUDGEMENT_KEYS}) for what in JUDGEMENTS})
    lists = {"type": "array", "items": {"type": "string"}, "uniqueItems": True}
    steps: Schema = {"anyOf": [{"type": "string"}, lists]}
    days = {"type": "integer", "minimum": 0, "maximum": MAX_BUSINESS_DAYS}
    business = closed({"business_days": days, "calendar": {"$ref": "#/$defs/calendar"}}, ("business_days", "calendar"))
    values: dict[str, Schema] = {
        "needs": {"anyOf": [steps, closed({"all": steps, "any": {**lists, "minItems": 2}})]},
        "within": {"anyOf": [LENGTH, business]},
        "every": LENGTH,
        "once": {"type": "boolean"},
        "ends": {"type": "boolean"},
        "proof": {"$ref": "#/$defs/proof"},
        "judgements": judgements,
        "stage": {"enum": list(STAGES)},
    }
    step = _object({key: values.get(key, TEXT) for key in STEP_KEYS}, ("id", "stage"))
    of_file: dict[str, Schema] = {
        "window": LENGTH,
        "tags": {"$ref": "#/$defs/tags"},
        "judgements": judgements,
        "steps": {"type": "array", "minItems": 1, "maxItems": MAX_STEPS, "items": step},
    }
    return _object({key: of_file.get(key, TEXT) for key in LIFECYCLE_KEYS}, ("lifecycle", "steps"))


def _said(key: str) -> Schema:
    """A part of how a judgement is said."""
    parts: dict[str, Schema] = {
        "mode": {"enum": list(MODES)},
        "severity": {"enum": list(SEVERITIES)},
        "score": {"type": "number", "minimum": 0, "maximum": 1_000},
    }
    return parts.get(key, {"type": "string", "pattern": f"^\\s*{ID.pattern}\\s*$"})


def _object(properties: Schema, required: tuple[str, ...] = ()) -> Schema:
    """A mapping whose keys say what they mean."""
    return closed({key: {"description": _SAYS[key], **said} for key, said in properties.items()}, required)
