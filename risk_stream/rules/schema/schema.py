"""Rule files as JSON Schema (draft 2020-12), for editors: completion, hover text, and red lines while one types.

It knows the house's event types, kinds of key and calendars. What stands inside an expression, and how names hang
together, only `load_plan` knows: a file that the schema refuses is refused there too, but for nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping

from risk_stream.calendars import UNITS, Calendar
from risk_stream.catalogue import Catalogue
from risk_stream.features import MOST_STEPS, MOST_VALUES, Op
from risk_stream.rules.declared.aggregates import LEAST, MAX_LEAST
from risk_stream.rules.declared.arrears import DUE_DATE
from risk_stream.rules.declared.cases import BY, OTHERWISE
from risk_stream.rules.limits import MAX_FEATURES, MAX_GIVEN, MAX_RULES, MAX_TEXT
from risk_stream.rules.load import LIBRARY_KEYS, TOP_KEYS
from risk_stream.rules.model import DEFAULT_ACTION, MODES, SEVERITIES, STAGES
from risk_stream.rules.reading import NAME
from risk_stream.rules.rule.at_most import AT_MOST_KEYS, MAX_ALERTS
from risk_stream.rules.rule.given import TEST_KEYS
from risk_stream.rules.rule.later import MAX_BUSINESS_DAYS
from risk_stream.rules.rule.rule import RULE_KEYS
from risk_stream.rules.rule.share import PERCENT
from risk_stream.rules.rule.validity import DAY
from risk_stream.rules.schema.lifecycles import lifecycle_schema
from risk_stream.rules.schema.models import (
    component_name_schema,
    component_schema,
    labels_schema,
    model_schema,
    scores_schema,
)
from risk_stream.rules.schema.parts import LENGTH, TESTED, WORD, Schema, closed
from risk_stream.rules.schema.policies import policy_schema
from risk_stream.rules.schema.tables import (
    characteristic_schema,
    decision_test_schema,
    row_schema,
    scorecard_schema,
    table_schema,
)

__all__ = ["rule_schema"]

_NAME = f"^{NAME.pattern}$"
_DAY = f"^{DAY.pattern}$"

_SAYS = {
    "stage": "Where in the business it watches.",
    "owner": "Who answers for the rule; at the top of the file, for every rule that names none.",
    "tags": "Words to find rules by; those of the file are added to each rule's.",
    "import": "Files of constants, patterns and features, from this one's folder on.",
    "constants": "Names for numbers and texts, which may differ by a text of the event, for expressions and summaries.",
    "patterns": "Names for events that meet a condition, and for sequences: features count them as they count events.",
    "features": "What rules count and compute, by name. Known in this file only; equal ones are computed once.",
    "rules": "The rules, one or more.",
    "id": "The rule's name, unique in the whole plan.",
    "on": "The event types that are judged.",
    "when": "The condition on which it fires: fields of the event, features, and, or, not, in [...], is missing.",
    "severity": "How soon somebody should look.",
    "summary": "What an alert means, in a sentence with {names} of fields and features.",
    "why": "Why it matters: the rule or the experience behind it.",
    "score": "How much an alert weighs: a number or an expression. 0 where nothing is said.",
    "action": f"A word for whoever acts on it; {DEFAULT_ACTION} where nothing is said.",
    "mode": "live, for all or a share of keys; shadow: judged and counted, never shown; off: only checked.",
    "at_most": "How many of its alerts are shown of one key; others are kept, counted and not shown.",
    "approximate": "Take values that a cap made inexact as if they were exact.",
    "from": "The first day that it judges, by the event's time.",
    "until": "The last day that it judges, by the event's time.",
    "calendar": "In whose time zone these days are; UTC if left out.",
    "group": "A word for rules that belong together; at the top of the file, for every rule that names none.",
    "after": "Judge so long after the event, with features as of then: for what has not happened.",
    "tests": "What the rule does on given events.",
}
_OPS = {
    Op.COUNT: "Number of events.",
    Op.SINCE: "Seconds since the last event before this one.",
    Op.DISTINCT: "Number of different values of a field.",
    Op.SUM: "Sum of a field.",
    Op.MEAN: "Mean of a field.",
    Op.MIN: "Least value of a field.",
    Op.MAX: "Greatest value of a field.",
    Op.STD: "Standard deviation of a field (population).",
    Op.FIRST: "First value of a field in the window.",
    Op.LAST: "Last value of a field before this event.",
    Op.SEQUENCE: "Number of times that all steps came one after another.",
    Op.QUANTILE: "The least value of a field that a share p of all values does not exceed.",
    Op.ZSCORE: "How many standard deviations the event's own value lies above the mean of those before it.",
    Op.SEEN: "Which of some texts a field had in the events before this one: for has().",
    Op.PERCENTILE: "Of the values before the event's own the share that is below it, 0 to 100.",
    Op.DAYS_PAST_DUE: "Days since the oldest instalment was due that payments do not settle; amounts are in the field.",
    Op.AMOUNT_PAST_DUE: "What payments do not settle of instalments due before today; amounts are in the field.",
}
_SHARE: Schema = {
    "description": "Which share of the values lies below it or at it.",
    "type": "number",
    "exclusiveMinimum": 0,
    "maximum": 1,
}
_VALUES: Schema = {
    "description": "The texts that are looked for.",
    "type": "array",
    "minItems": 1,
    "maxItems": MOST_VALUES,
    "uniqueItems": True,
    "items": {"type": "string"},
}
_LEAST: Schema = {
    "description": "With fewer values before the event it is unknown.",
    "type": "integer",
    "minimum": 1,
    "maximum": MAX_LEAST,
    "default": LEAST,
}


def rule_schema(catalogue: Catalogue, calendars: Mapping[str, Calendar]) -> Schema:
    """The schema of a rule file of this house."""
    beside = [{"required": [key]} for key in TOP_KEYS if key not in LIBRARY_KEYS]
    shared = {key: _top(key) for key in TOP_KEYS}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "risk-stream rules",
        "description": "A rule file. `risk-stream rules check` says the rest.",
        "type": "object",
        **_by_first_key(
            {
                "profile": "profile",
                "table": "table",
                "scorecard": "scorecard",
                "model": "model",
                "lifecycle": "lifecycle",
            },
            "rules",
        ),
        "$defs": {
            "rules": {
                **closed(shared),
                # A file of rules, or one that others import.
                "anyOf": [{"required": ["stage", "rules"]}, {"not": {"anyOf": beside}}],
            },
            "profile": policy_schema(),
            "table": table_schema(shared),
            "row": row_schema(),
            "decision_test": decision_test_schema(),
            "scorecard": scorecard_schema(shared),
            "characteristic": characteristic_schema(),
            "model": model_schema(shared),
            "component_name": component_name_schema(),
            "component": component_schema(),
            "labels": labels_schema(),
            "scores": scores_schema(),
            "lifecycle": lifecycle_schema(),
            "proof": _pattern(),
            "event_type": {"enum": [t.name for t in catalogue.types if t.keys]},
            "event_types": _one_or_more({"$ref": "#/$defs/event_type"}),
            # Event types, or the name of a pattern, which this schema does not know.
            "events": {"anyOf": [{"$ref": "#/$defs/event_types"}, {"type": "string", "pattern": _NAME}]},
            "kind": {"enum": [kind.name for kind in catalogue.kinds]},
            "calendar": {"enum": sorted(calendars)},
            "text": {"type": "string", "minLength": 1, "maxLength": MAX_TEXT},
            "tags": {"type": "array", "items": WORD},
            "aggregate": _aggregate(),
            "step": {
                "type": "object",
                "propertyNames": {"anyOf": [{"$ref": "#/$defs/event_type"}, {"pattern": _NAME}]},
                "minProperties": 1,
                "maxProperties": 1,
                "additionalProperties": {"type": ["string", "null"]},
            },
            "rule": _rule(),
            "test": _test(),
            "given": _given(catalogue),
        },
    }


def _by_first_key(kinds: dict[str, str], otherwise: str) -> Schema:
    """Which definition a file is held to: one of `kinds` (key -> definition) where it has that key."""
    said: Schema = {"$ref": f"#/$defs/{otherwise}"}
    for key, definition in reversed(kinds.items()):
        said = {"if": {"required": [key]}, "then": {"$ref": f"#/$defs/{definition}"}, "else": said}
    return said


def _one_or_more(item: Schema) -> Schema:
    return {"anyOf": [item, {"type": "array", "items": item, "minItems": 1, "uniqueItems": True}]}


def _said(key: str, value: Schema) -> Schema:
    return {"description": _SAYS[key], **value}


def _named_values(value: Schema) -> Schema:
    names = {"propertyNames": {"pattern": _NAME}, "maxProperties": MAX_FEATURES}
    return {"type": ["object", "null"], **names, "additionalProperties": value}


def _top(key: str) -> Schema:
    match key:
        case "stage":
            return _said(key, {"enum": list(STAGES)})
        case "import":
            return _said(key, _one_or_more({"type": "string", "minLength": 1}))
        case "constants":
            value: Schema = {"type": ["number", "string", "boolean"]}
            return _said(key, _named_values({"anyOf": [value, _cases(value)]}))
        case "patterns":
            return _said(key, _named_values({"anyOf": [_pattern(), _sequence_of({})]}))
        case "features":
            feature = {"anyOf": [{"$ref": "#/$defs/aggregate"}, {"type": "string"}]}
            return _said(key, _named_values(feature))
        case "rules":
            return _said(
                key, {"type": "array", "minItems": 1, "maxItems": MAX_RULES, "items": {"$ref": "#/$defs/rule"}}
            )
        case "group":
            return _said(key, WORD)
        case _:
            return _said(key, {"$ref": "#/$defs/tags" if key == "tags" else "#/$defs/text"})


def _cases(value: Schema) -> Schema:
    by = {"description": "The text of the event by which the value differs.", "type": "string"}
    otherwise = {"description": "The value for all other texts; unknown if left out.", **value}
    return {
        "type": "object",
        "properties": {BY: by, OTHERWISE: otherwise},
        "additionalProperties": value,
        "required": [BY],
        "minProperties": 2,
    }


def _rule() -> Schema:
    values: dict[str, Schema] = {
        "id": WORD,
        "on": {"$ref": "#/$defs/event_types"},
        "when": {"type": "string", "minLength": 1},
        "severity": {"anyOf": [{"enum": list(SEVERITIES)}, _bands()]},
        "score": {"type": ["number", "string"]},
        "action": {**WORD, "default": DEFAULT_ACTION},
        "mode": {"anyOf": [{"enum": list(MODES)}, _share()], "default": MODES[0]},
        "at_most": _at_most(),
        "tags": {"$ref": "#/$defs/tags"},
        "approximate": {"const": "ok"},
        "from": {"type": "string", "pattern": _DAY},
        "until": {"type": "string", "pattern": _DAY},
        "calendar": {"$ref": "#/$defs/calendar"},
        "group": WORD,
        "after": {"anyOf": [LENGTH, _business_days()]},
        "tests": {"anyOf": [{"$ref": "#/$defs/test"}, {"type": ["array", "null"], "items": {"$ref": "#/$defs/test"}}]},
    }
    text: Schema = {"$ref": "#/$defs/text"}
    return closed(
        {key: _said(key, values.get(key, text)) for key in RULE_KEYS},
        required=("id", "on", "when", "severity", "summary"),
    )


def _bands() -> Schema:
    """Conditions by severity; that the lowest level is `otherwise` only the loader knows."""
    level = {"description": f"The condition of this level; of the lowest: {OTHERWISE}.", "type": "string"}
    return closed(dict.fromkeys(SEVERITIES, level), minProperties=2)


def _share() -> Schema:
    return closed(
        {"live": {"type": "string", "pattern": f"^{PERCENT.pattern}$"}, "by": {"$ref": "#/$defs/kind"}}, ("live", "by")
    )


def _at_most() -> Schema:
    values: Schema = {
        "alerts": {"description": "So many.", "type": "integer", "minimum": 1, "maximum": MAX_ALERTS},
        "per": {"description": "The kind of key that each is counted for.", "$ref": "#/$defs/kind"},
        "within": {"description": "In any time of this length.", **LENGTH},
    }
    return closed({key: values[key] for key in AT_MOST_KEYS}, AT_MOST_KEYS)


def _business_days() -> Schema:
    days = {"type": "integer", "minimum": 0, "maximum": MAX_BUSINESS_DAYS}
    return closed({"business_days": days, "calendar": {"$ref": "#/$defs/calendar"}}, ("business_days", "calendar"))


def _aggregate() -> Schema:
    """One of the operations; `oneOf` by their keys, so that an editor offers those that still fit."""
    window = {
        "description": "How far back it reaches: a length such as 10m, 1h or 30d, or a period of a calendar.",
        "anyOf": [LENGTH, {"enum": list(UNITS)}],
    }
    shared = {
        "by": {"description": "The kind of key that it is kept by.", "$ref": "#/$defs/kind"},
        "window": window,
        "where": {"description": "A condition over fields of the events that count.", "type": "string"},
        "calendar": {"description": "Whose days and holidays a period goes by.", "$ref": "#/$defs/calendar"},
    }
    forms = []
    for op, meaning in _OPS.items():
        if op is Op.SEQUENCE:
            without_where = {key: value for key, value in shared.items() if key != "where"}
            forms.append(_sequence_of(without_where, ("by", "window")))
            continue
        if op.is_arrears:
            forms.append(_arrears(op, shared))
            continue
        of_types = op in (Op.COUNT, Op.SINCE)
        target: Schema = {"$ref": "#/$defs/events"} if of_types else {"type": "string"}
        own = {op.value: {"description": meaning, **target}}
        of = {} if of_types else {"of": {"description": "Of which events.", "$ref": "#/$defs/events"}}
        share = {"p": _SHARE} if op is Op.QUANTILE else {}
        sought = {"values": _VALUES} if op is Op.SEEN else {}
        least = {"least": _LEAST} if op.is_baseline else {}
        must = {**own, **of, **share, **sought}
        forms.append(closed({**must, **least, **shared}, required=(*must, "by", "window")))
    return {"oneOf": forms}


def _arrears(op: Op, shared: Schema) -> Schema:
    events: Schema = {"$ref": "#/$defs/events"}
    own: Schema = {
        op.value: {"description": _OPS[op], "type": "string"},
        "of": {"description": "The instalments that fall due.", **events},
        "paid": {"description": "The payments, which settle the oldest instalment first.", **events},
        "returned": {"description": "Payments that were returned: they settle nothing.", **events},
        "due": {
            "description": f"When an instalment is due: {DUE_DATE}, or its own time.",
            "type": "string",
        },
        "before": {"description": "As it was just before the event.", "type": "boolean", "default": False},
        "by": shared["by"],
        "window": {
            "description": "How far back it reaches: so long as loans last.",
            **LENGTH,
        },
        "calendar": {
            "description": "In whose time zone days are counted; UTC if none.",
            "$ref": "#/$defs/calendar",
        },
    }
    return closed(own, required=(op.value, "of", "paid", "by", "window"))


def _pattern() -> Schema:
    own = {
        "of": {"description": "Which events it is.", "$ref": "#/$defs/event_types"},
        "where": {"description": "A condition over fields of the event.", "type": "string"},
    }
    return closed(own, required=("of",))


def _sequence_of(shared: Schema, required: tuple[str, ...] = ()) -> Schema:
    step = {"anyOf": [{"$ref": "#/$defs/events"}, {"$ref": "#/$defs/step"}]}
    steps = {"type": "array", "minItems": 2, "maxItems": MOST_STEPS, "items": step}
    within = {"description": "In how long all steps come.", **LENGTH}
    own = {"sequence": {"description": _OPS[Op.SEQUENCE], **steps}, "within": within}
    return closed({**own, **shared}, required=(*own, *required))


def _test() -> Schema:
    values: dict[str, Schema] = {
        **TESTED,
        "until": {
            "description": "With after: so much time passes after the last event.",
            **LENGTH,
        },
        "then": {"description": "What the rule does on the last event given.", "enum": ["fires", "quiet"]},
        "severity": {"description": "How severe it is where it fires.", "enum": list(SEVERITIES)},
    }
    return closed({key: values[key] for key in TEST_KEYS}, required=("name", "given", "then"))


def _given(catalogue: Catalogue) -> Schema:
    after = {"description": "So long after the event before it.", **LENGTH}
    types = {
        t.name: {
            "description": t.meaning,
            "type": ["object", "null"],
            "additionalProperties": False,
            "properties": {f.name: {"description": f.meaning} for f in t.all_fields if f.name != "type"},
        }
        for t in catalogue.types
    }
    times = {
        "description": "So many of them, each so long after the one before; {n} in a text is its number.",
        "type": "integer",
        "minimum": 1,
        "maximum": MAX_GIVEN,
    }
    return closed(
        {"after": after, "times": times, **types},
        oneOf=[{"required": [t.name]} for t in catalogue.types],
    )
