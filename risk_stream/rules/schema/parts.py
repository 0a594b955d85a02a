"""What the JSON Schemas of the files are made of: words, lengths of time, and objects that hold what is named alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from risk_stream.rules.reading import ID
from risk_stream.rules.words import LENGTH as A_LENGTH

__all__ = ["LENGTH", "NUMBER", "TESTED", "TEXT", "WORD", "Schema", "closed"]

Schema: TypeAlias = dict[str, Any]

TEXT: Schema = {"$ref": "#/$defs/text"}
NUMBER: Schema = {"type": "number"}
WORD: Schema = {"type": "string", "pattern": f"^{ID.pattern}$"}
LENGTH: Schema = {"type": "string", "pattern": rf"^\s*{A_LENGTH.pattern}\s*$"}

#: What every test has: a sentence, and what is given to what it tests.
TESTED: Schema = {
    "name": {"description": "What the test shows, in a sentence.", **TEXT},
    "given": {
        "description": "Events in order; what they leave out is made up, the same in all of them.",
        "type": "array",
        "minItems": 1,
        "items": {"$ref": "#/$defs/given"},
    },
    "scores": {"description": "What models say of the events given.", "$ref": "#/$defs/scores"},
}


def closed(properties: Mapping[str, Any], required: Iterable[str] = (), **more: Any) -> Schema:
    """An object that holds these properties and no others."""
    said: Schema = {"type": "object", "additionalProperties": False, "properties": dict(properties), **more}
    return {**said, "required": list(required)} if required else said
