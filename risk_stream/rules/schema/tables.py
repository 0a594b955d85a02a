"""Decision tables and scorecards as JSON Schema, for editors: definitions beside those of rule files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from risk_stream.rules.model import MODES, VERDICTS
from risk_stream.rules.rule.given import DECISION_TEST_KEYS
from risk_stream.rules.schema.parts import NUMBER, TESTED, TEXT, WORD, Schema, closed
from risk_stream.rules.tables.card import SCORECARD_KEYS
from risk_stream.rules.tables.table import MAX_ROWS, ROW_KEYS, TABLE_KEYS

__all__ = ["characteristic_schema", "decision_test_schema", "row_schema", "scorecard_schema", "table_schema"]

_VALUE: Schema = {"type": ["number", "string"]}


def table_schema(shared: Mapping[str, Any]) -> Schema:
    """The schema of a decision table; `shared` are keys that it has in common with a rule file, by name."""
    own = {
        "table": {"description": "The table's name, which no rule has.", **WORD},
        "on": {"description": "The event types that are decided.", "$ref": "#/$defs/event_types"},
        "when": {"description": "Which of them it decides; all where nothing is said.", "type": "string"},
        "score": {"description": "The points that a decision says.", **_VALUE},
        "mode": {"description": "live; shadow: decided and never said; off: only checked.", "enum": list(MODES)},
        "why": {"description": "Why the table is as it is.", **TEXT},
        "rows": {
            "description": "What is decided: the first row from the top whose condition holds.",
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_ROWS,
            "items": {"$ref": "#/$defs/row"},
        },
        "tests": {
            "description": "What it decides on given events.",
            "type": ["array", "null"],
            "items": {"$ref": "#/$defs/decision_test"},
        },
    }
    known = {**shared, **own}
    return closed({key: known[key] for key in TABLE_KEYS}, ("table", "on", "rows"))


def row_schema() -> Schema:
    """The schema of a row of a decision table."""
    band = closed(
        {
            "from": {"description": "The least rate, a share a year.", **_VALUE},
            "to": {"description": "The most.", **_VALUE},
        },
        ("from", "to"),
    )
    values = {
        "when": {"description": "The condition on which it decides; of the last row: otherwise.", "type": "string"},
        "verdict": {"description": "What becomes of the application.", "enum": list(VERDICTS)},
        "limit": {"description": "Up to which amount it is approved.", **_VALUE},
        "rate": {"description": "The price band of an approval.", **band},
        "reason": {"description": "Why, in a sentence with {names} of fields and features.", **TEXT},
    }
    return closed({key: values[key] for key in ROW_KEYS}, ("when", "verdict"))


def decision_test_schema() -> Schema:
    """The schema of a test of a decision table."""
    values = {
        **TESTED,
        "then": {"description": "What the table decides on the last event given.", "enum": list(VERDICTS)},
        "reasons": {
            "description": "The sentences that it gives, all of them in their order.",
            "type": "array",
            "items": {"type": "string"},
        },
        "limit": {"description": "Up to which amount it is approved.", **NUMBER},
    }
    return closed({key: values[key] for key in DECISION_TEST_KEYS}, ("name", "given", "then"))


def scorecard_schema(shared: Mapping[str, Any]) -> Schema:
    """The schema of a scorecard; `shared` are keys that it has in common with a rule file, by name."""
    own = {
        "scorecard": {"description": "The card's name, by which expressions ask for its points.", **WORD},
        "why": {"description": "Where the card comes from.", **TEXT},
        "pdo": {"description": "Points that double the odds.", **NUMBER},
        "base_score": {"description": "The points of the base odds.", **NUMBER},
        "base_odds": {"description": "Good to bad, at the base score.", **NUMBER},
        "intercept": {"description": "That of the regression for the bad.", **NUMBER},
        "characteristics": {
            "description": "What is scored, by name.",
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {"$ref": "#/$defs/characteristic"},
        },
    }
    known = {**shared, **own}
    must = ("scorecard", "pdo", "base_score", "base_odds", "intercept", "characteristics")
    return closed({key: known[key] for key in SCORECARD_KEYS}, must)


def characteristic_schema() -> Schema:
    """The schema of one characteristic of a scorecard."""
    a_bin = closed(
        {
            "from": {"description": "The least number of the bin; left out in the first.", **NUMBER},
            "below": {"description": "The least number that is in it no more; left out in the last.", **NUMBER},
            "woe": {"description": "ln of the share of the good by the share of the bad.", **NUMBER},
        },
        ("woe",),
    )
    values = {
        "of": {"description": "The field or feature that it looks at; its own name if left out.", "type": "string"},
        "beta": {"description": "The coefficient of the regression.", **NUMBER},
        "bins": {"description": "Ranges without a gap, from below all to above all.", "type": "array", "items": a_bin},
        "missing": {
            "description": "The bin of no value; without it the score is then unknown.",
            **closed({"woe": {"description": "As of a bin.", **NUMBER}}, ("woe",)),
        },
        "reason": {"description": "false: it is never given as a reason.", "type": "boolean"},
        "words": {"description": "Why points are lost by it, as a reason says it.", **TEXT},
    }
    return closed(values, ("beta", "bins"))
