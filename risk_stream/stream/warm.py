"""Events of every type through a plan before the first real one, so that compiled kernels are there."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson

from risk_stream.catalogue import Decoder, EventBatch, Field, FieldType
from risk_stream.engine import Engine, Hop
from risk_stream.features import KindLayout
from risk_stream.rules import Plan
from risk_stream.screening import Index

__all__ = ["warm_up"]

#: A time that is allowed whatever the limits, ms: 2020-01-01.
TIME = 1_577_836_800_000

#: Memory that the windows of each kind of key may take, MiB.
RESERVE = 64


def warm_up(plan: Plan) -> None:
    """Run the plan on made-up events, save and restore a hop, and change its windows; all of it is thrown away.

    What saving and restoring needs takes a minute to compile where it is not there: a worker that takes over from one
    that died would judge nothing meanwhile.
    """
    engine, decoder = Engine(plan, reserve_mib=RESERVE, journal=True), Decoder(plan.catalogue)
    for id, time in (("front", TIME), ("front", TIME), ("behind", TIME - 1)):
        records = []
        for event_type in plan.catalogue.types:
            event: dict[str, Any] = {f.name: _value(f) for f in event_type.fields}
            records.append(
                orjson.dumps({**event, "id": f"{id}-{event_type.name}", "type": event_type.name, "time": time})
            )
        batch, _ = EventBatch.from_ipc(plan.catalogue, decoder.decode(records, str)[0].to_ipc())
        engine.apply(batch)
    index = Index()
    index.add("x")
    next(index.like("x"))
    for hop in engine.hops.values():
        if hop.state is not None:
            _save_and_restore(hop, plan)
            return  # the kernels are the same for all


def _save_and_restore(hop: Hop, plan: Plan) -> None:
    """Restore another hop from a first image and all rows, and go on in it with windows in another order."""
    again = Hop(plan, hop.kind, reserve_mib=RESERVE)
    again.restore([*hop.images(1), *hop.delta(hop.position)], {plan.version: plan})
    state = again.state
    assert state is not None
    layout = KindLayout(state.layout.kind, state.layout.aggregates[::-1])
    state.set_layout(layout)
    words, columns = np.ones((1, 3), np.int64), np.zeros((len(layout.columns), 1), np.int64)
    state.apply(words, np.ones(1, np.bool_), words[0, :1], words[0, 1:2], columns, words[0, 2:])


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
