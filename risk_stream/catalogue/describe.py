"""What people may see: the catalogue in rows of text, and events without personal data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from risk_stream.catalogue.types import Catalogue

__all__ = ["MASK", "FieldRow", "describe", "mask_personal"]

#: What stands in place of a personal value.
MASK = "***"


class FieldRow(NamedTuple):
    """A field of an event type, in words."""

    event: str
    field: str
    type: str  # with decimals or choices
    unit: str
    key: str  # kind of key, or ""
    marks: str  # "required", "personal", both or neither
    meaning: str


def describe(catalogue: Catalogue) -> list[FieldRow]:
    """Every field of every event type, by type and in order of declaration, the envelope's fields first in each."""
    rows = []
    for event_type in catalogue.types:
        for field in event_type.all_fields:
            said = field.type.value
            if field.choices:
                said += f": {' | '.join(field.choices)}"
            elif field.decimals:
                said += f" ({field.decimals} decimals)"
            marks = [word for word, holds in (("required", field.required), ("personal", field.personal)) if holds]
            rows.append(
                FieldRow(
                    event_type.name, field.name, said, field.unit, field.key or "", ", ".join(marks), field.meaning
                )
            )
    return rows


def mask_personal(catalogue: Catalogue, row: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of an event, or of any values by field name, with MASK in place of each personal value that is there."""
    known = catalogue.fields
    return {
        name: MASK if value is not None and name in known and known[name].personal else value
        for name, value in row.items()
    }
