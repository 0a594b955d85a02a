"""Events of every type through a plan before the first real one, so that compiled kernels are there."""

from __future__ import annotations

from typing import Any

import orjson

from risk_stream.catalogue import Decoder, Field, FieldType
from risk_stream.engine import Engine
from risk_stream.rules import Plan

__all__ = ["warm_up"]

#: A time that is allowed whatever the limits, ms: 2020-01-01.
TIME = 1_577_836_800_000


def warm_up(plan: Plan) -> None:
    """Run the plan on made-up events, in an engine that is thrown away."""
    decoder = Decoder(plan.catalogue)
    engine = Engine(plan, reserve_mib=64)
    for id, time in (("front", TIME), ("front", TIME), ("behind", TIME - 1)):
        records = []
        for event_type in plan.catalogue.types:
            event: dict[str, Any] = {f.name: _value(f) for f in event_type.fields}
            records.append(
                orjson.dumps({**event, "id": f"{id}-{event_type.name}", "type": event_type.name, "time": time})
            )
        engine.apply(decoder.decode(records, str)[0])


def _value(field: Field) -> Any:
    if field.type is FieldType.CHOICE:
        return field.choices[0]
    if field.type is FieldType.BOOLEAN:
        return True
    if field.type.is_text:
        return "x"
    if field.type is FieldType.TIMESTAMP:
        return TIME
    return int(max(field.minimum or 0, 1))
