"""Events as people may see them: without personal data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from risk_stream.catalogue.types import Catalogue

__all__ = ["MASK", "mask_personal"]

#: What stands in place of a personal value.
MASK = "***"


def mask_personal(catalogue: Catalogue, row: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of an event, or of any values by field name, with MASK in place of each personal value that is there."""
    known = catalogue.fields
    return {
        name: MASK if value is not None and name in known and known[name].personal else value
        for name, value in row.items()
    }
