"""The catalogue as JSON Schema (draft 2020-12), for whoever produces events to check them by before sending."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from risk_stream.catalogue._fixed import limit_of
from risk_stream.catalogue.explain import Limits
from risk_stream.catalogue.types import Catalogue, EventType, Field, FieldType

__all__ = ["DIALECT", "Schema", "json_schema"]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema: TypeAlias = dict[str, Any]


def json_schema(catalogue: Catalogue, type: str | None = None) -> Schema:
    """The schema of any event, or of one event type. Raises KeyError for a type that is not in the catalogue.

    What it accepts a `Decoder` accepts too, but for what JSON Schema cannot say: the bytes (not characters) of a text,
    whether text is a date that exists, how large a record is. Undeclared properties are allowed, as the decoder
    ignores them.
    """
    head: Schema = {"$schema": DIALECT}
    if type is not None:
        return {**head, **_event(catalogue.type(type))}
    return {
        **head,
        "title": "event",
        "description": f"Any event of catalogue {catalogue.version}.",
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"enum": [t.name for t in catalogue.types]}},
        # Not oneOf: the type decides alone, and a validator then speaks of the one type that was meant.
        "allOf": [
            {
                "if": {"properties": {"type": {"const": t.name}}, "required": ["type"]},
                "then": {"$ref": f"#/$defs/{t.name}"},
            }
            for t in catalogue.types
        ],
        "$defs": {t.name: _event(t) for t in catalogue.types},
    }


def _event(event_type: EventType) -> Schema:
    said: Schema = {
        "title": event_type.name,
        "description": event_type.meaning,
        "type": "object",
        "required": [f.name for f in event_type.all_fields if f.required],
        "properties": {f.name: _property(f, event_type) for f in event_type.all_fields},
    }
    if event_type.any_key:
        said["anyOf"] = [_has(name) for name in event_type.keys.values()]
    return said


def _has(name: str) -> Schema:
    return {"required": [name], "properties": {name: {"type": "string", "minLength": 1}}}


def _property(field: Field, event_type: EventType) -> Schema:
    if field.name == "type":
        return {"description": field.meaning, "const": event_type.name}
    said = {
        "description": f"{field.meaning} ({field.unit})" if field.unit else field.meaning,
        **_VALUES[field.type](field),
    }
    if not field.required:
        said = {**said, "type": [said["type"], "null"] if isinstance(said["type"], str) else [*said["type"], "null"]}
        if "enum" in said:
            said["enum"] = [*said["enum"], "", None]
    elif field.type is FieldType.STRING:
        said["minLength"] = 1
    if field.personal:
        said["x-personal"] = True
    if field.key is not None:
        said["x-key"] = field.key
    return said


def _text(field: Field) -> Schema:
    return {"type": "string", "maxLength": Limits().text_of(field)}


def _choice(field: Field) -> Schema:
    return {"type": "string", "enum": list(field.choices)}


def _boolean(_: Field) -> Schema:
    return {"type": "boolean"}


def _timestamp(field: Field) -> Schema:
    earliest, latest = Limits().times_of(field)
    return {"type": ["number", "string"], "minimum": earliest, "maximum": latest}


def _number(field: Field) -> Schema:
    said: Schema = {"type": "integer" if field.type is FieldType.INTEGER else "number"}
    if field.type is FieldType.MONEY:
        # multipleOf of 0.01 fails on doubles in most validators; the decoder is stricter here than the schema.
        said["x-decimals"] = field.decimals
    limit = limit_of(field) / 10**field.decimals
    if field.minimum is None:
        said["exclusiveMinimum"] = -limit
    else:
        said["minimum"] = field.minimum
    if field.maximum is None:
        said["exclusiveMaximum"] = limit
    else:
        said["maximum"] = field.maximum
    return said


_VALUES: dict[FieldType, Callable[[Field], Schema]] = {
    FieldType.STRING: _text,
    FieldType.CHOICE: _choice,
    FieldType.BOOLEAN: _boolean,
    FieldType.TIMESTAMP: _timestamp,
    FieldType.INTEGER: _number,
    FieldType.NUMBER: _number,
    FieldType.MONEY: _number,
}
