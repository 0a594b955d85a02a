"""Files of models as JSON Schema, for editors: definitions beside those of rule files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from risk_stream.models import LEARNING, Limits
from risk_stream.models.registry import COMPONENTS
from risk_stream.rules.model import MODES
from risk_stream.rules.models.outcomes import KEEP, LABEL_KEYS, MOST_KEPT, SILENCE, WEIGH
from risk_stream.rules.models.pipeline import BUDGET, LAST, LEAST_LAST, MAX_STEPS, MOST_LAST, THRESHOLD_KEYS
from risk_stream.rules.models.scoring import INPUT_KEYS, MAX_INPUTS, MAX_WARM_UP, MODEL_KEYS, WARM_UP
from risk_stream.rules.models.segmenting import GIVES
from risk_stream.rules.models.upkeep import (
    DRIFT_KEYS,
    DRIFT_LIMITS,
    MOST_BLOCKS,
    MOST_GENERATIONS,
    MOST_OUTCOMES,
    PROMOTE_KEYS,
)
from risk_stream.rules.reading import NAME
from risk_stream.rules.rule.given import SCORE_KEYS
from risk_stream.rules.schema.parts import TEXT, WORD, Schema, closed
from risk_stream.rules.scored import DRIFTING, ROLES

__all__ = ["component_name_schema", "component_schema", "labels_schema", "model_schema", "scores_schema"]


def model_schema(shared: Mapping[str, Any]) -> Schema:
    """The schema of a model; `shared` are keys that it has in common with a rule file, by name."""
    own = {
        "model": {"description": "The model's name, by which expressions ask what it says.", **WORD},
        "on": {"description": "The event types that are scored.", "$ref": "#/$defs/event_types"},
        "by": {"description": "The kind of key at whose hop it scores.", "$ref": "#/$defs/kind"},
        "mode": {"description": "live; shadow: scored for comparison; off: only checked.", "enum": list(MODES)},
        "why": {"description": "What it is to find, and why that matters.", **TEXT},
        "gives": {"description": "segment: keys are grouped as well.", "enum": list(GIVES), "default": GIVES[0]},
        "inputs": {
            "description": "What it looks at, by name.",
            "type": "object",
            "propertyNames": {"pattern": f"^{NAME.pattern}$"},
            "minProperties": 1,
            "maxProperties": MAX_INPUTS,
            "additionalProperties": {"anyOf": [{"type": "string"}, _input()]},
        },
        "pipeline": {
            "description": "River's components in their order; the last gives the score.",
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_STEPS,
            "items": {"anyOf": [{"$ref": "#/$defs/component_name"}, {"$ref": "#/$defs/component"}]},
        },
        "learn": {"description": "From which events it learns.", "enum": list(LEARNING), "default": LEARNING[0]},
        "labels": {"description": "The outcomes that teach it.", "$ref": "#/$defs/labels"},
        "each": {"description": "A text for each value of which there is one pipeline.", "type": "string"},
        "warm_up": _whole("Events that it learns before it scores.", 0, MAX_WARM_UP, WARM_UP),
        "threshold": {
            "description": "From which score on it is over.",
            "anyOf": [{"type": "number"}, _quantile()],
        },
        "sample": {
            "description": "The share of events that it looks at.",
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": 1,
            "default": 1,
        },
        "budget": {
            "description": "The time that it may take of one event, such as 50us or 1ms.",
            "type": "string",
            "pattern": f"^{BUDGET.pattern}$",
        },
        "drift": {"description": "From where on it drifts, and what follows.", **_drift()},
        "generation": _whole("Raised by one, it begins anew.", 1, MOST_GENERATIONS, 1),
        "role": {"description": "What it is to other models; challenges says the same.", "enum": list(ROLES)},
        "challenges": {"description": "The model beside which it is tried.", **WORD},
        "promote": {"description": "After how many outcomes it may take that one's place.", **_promote()},
    }
    known = {**shared, **own}
    must = ("model", "stage", "owner", "on", "inputs", "pipeline")
    either = [{"required": ["threshold"]}, {"required": ["gives"]}]
    return {**closed({key: known[key] for key in MODEL_KEYS}, must), "anyOf": either}


def component_name_schema() -> Schema:
    """The schema of a component without parameters."""
    return {"enum": sorted(COMPONENTS)}


def component_schema() -> Schema:
    """The schema of a component with its parameters, one of those of the registry."""
    values = {
        name: {
            "description": f"{component.meaning.rstrip('.')}.",
            "type": ["object", "null"],
            "additionalProperties": False,
            "properties": {parameter: {} for parameter in component.parameters},
        }
        for name, component in sorted(COMPONENTS.items())
    }
    return {**closed(values, ()), "minProperties": 1, "maxProperties": 1}


def labels_schema() -> Schema:
    """The schema of the outcomes that teach a model."""
    words = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
    values = {
        "bad": {"description": "Outcomes that count as 1.", **words},
        "good": {"description": "Outcomes that count as 0.", **words},
        "within": {"description": "How long events wait for an outcome, such as 30d.", "type": "string"},
        "silence": {"description": "What no outcome within that time says.", "enum": list(SILENCE)},
        "weigh": {"description": "How they weigh: balanced, bad and good in all the same.", "enum": list(WEIGH)},
        "reviewed": {
            "description": "The share of events under the threshold that is looked into.",
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": 1,
        },
        "keep": _whole("Events of one partition that wait at most.", 1, MOST_KEPT, KEEP),
    }
    return closed({key: values[key] for key in LABEL_KEYS}, ("bad", "within"))


def scores_schema() -> Schema:
    """The schema of what models say of the events of a test."""
    values = {
        "score": {"description": "The score.", "type": "number"},
        "over": {"description": "Whether it is over the threshold.", "type": "boolean"},
        "segment": {"description": "The segment of the event's key.", **TEXT},
    }
    one = {**closed({key: values[key] for key in SCORE_KEYS}, ()), "minProperties": 1}
    return {
        "description": "What models say of each event given, by their names; others say nothing.",
        "type": "object",
        "additionalProperties": {"anyOf": [{"type": "number"}, one]},
    }


def _input() -> Schema:
    values = {
        "value": {"description": "The expression.", "type": "string"},
        "words": {"description": "What it is, for people.", **TEXT},
        "high": {"description": "What a segment is called by where this is high.", **TEXT},
        "low": {"description": "What a segment is called by where this is low.", **TEXT},
    }
    return closed({key: values[key] for key in INPUT_KEYS}, ("value",))


def _drift() -> Schema:
    values: Schema = {
        name: {
            "description": f"{what[0].upper()}{what[1:]}.",
            "type": "number",
            "exclusiveMinimum": above,
            "maximum": most,
        }
        for name, (what, above, most) in DRIFT_LIMITS.items()
    }
    values["then"] = {"description": "What follows while it drifts.", "enum": list(DRIFTING)}
    values["adopt"] = _whole("After so many blocks what is new is usual; 0: never.", 0, MOST_BLOCKS, Limits().adopt)
    return closed({key: values[key] for key in DRIFT_KEYS}, ())


def _promote() -> Schema:
    values = {
        "after": _whole("So many outcomes.", 1, MOST_OUTCOMES, 1_000),
        "better_by": {"description": "So much more average precision.", "type": "number", "maximum": 1},
    }
    return closed({key: values[key] for key in PROMOTE_KEYS}, ("after",))


def _quantile() -> Schema:
    values = {
        "quantile": {
            "description": "The share of scores that are not over.",
            "type": "number",
            "exclusiveMinimum": 0,
            "exclusiveMaximum": 1,
        },
        "last": _whole("Of so many scores before.", LEAST_LAST, MOST_LAST, LAST),
    }
    return closed({key: values[key] for key in THRESHOLD_KEYS}, ("quantile",))


def _whole(says: str, least: int, most: int, default: int) -> Schema:
    return {"description": says, "type": "integer", "minimum": least, "maximum": most, "default": default}
