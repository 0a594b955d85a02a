"""What a worker says at /metrics of its windows."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from risk_stream.catalogue import MISSING
from risk_stream.sinks import Metrics
from risk_stream.stream.lanes import Lanes


def hop(warming: int) -> Any:
    features = dict.fromkeys(map(str, range(warming)), 1)
    machine = SimpleNamespace(state=None, ring_events=0, cycles=0, pending_timers=0, warming=features, models=[])
    channels = SimpleNamespace(copies=0, clock=MISSING)
    return SimpleNamespace(kind="customer", hop=machine, channels=channels, hold=range(2 * warming))


def test_features_that_are_warming_are_counted_once_however_many_partitions_there_are() -> None:
    """As many as the partition has that is furthest behind; none when all windows are whole."""
    metrics = Metrics()
    for counts, said in (((2, 3), 3), ((0, 1), 1), ((0, 0), 0)):
        lanes = {n: SimpleNamespace(hops={"customer": hop(count)}) for n, count in enumerate(counts)}
        Lanes.refresh(cast(Lanes, SimpleNamespace(lanes=lanes, metrics=metrics)))
        assert metrics.get("risk_stream_warming_features", "customer") == said
        assert metrics.get("risk_stream_held_events", "customer") == 2 * sum(counts)
