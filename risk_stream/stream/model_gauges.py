"""How the models of a worker stand, as gauges: what drifts, by how much, what waits for outcomes, segments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from risk_stream.engine import Hop
from risk_stream.sinks import Metrics

__all__ = ["say_models"]


def say_models(metrics: Metrics, hops: Iterable[Hop]) -> None:
    """Bring the gauges of models up to date: of what several partitions say the largest, or where it counts the sum."""
    drifting: dict[tuple[str, ...], float] = {}
    psi: dict[tuple[str, ...], float] = {}
    waiting: Counter[tuple[str, ...]] = Counter()
    segments: Counter[tuple[str, ...]] = Counter()
    for model, standing in (one for hop in hops for one in hop.models):
        drifting[(model,)] = max(drifting.get((model,), 0), len(standing.drifting))
        for name, value in standing.psi.items():
            psi[model, name] = max(psi.get((model, name), 0.0), value)
        waiting[(model,)] += standing.waiting
        segments.update({(model, name): keys for name, keys in standing.segments.items()})
    metrics.replace("risk_stream_model_drifting", drifting)
    metrics.replace("risk_stream_model_psi", psi)
    metrics.replace("risk_stream_model_waiting", waiting)
    metrics.replace("risk_stream_model_segment_keys", segments)
