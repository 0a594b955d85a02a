"""How the models of a worker stand: as gauges (what drifts, by how much, what waits, segments), and at /models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from risk_stream.engine import Hop, Standing
from risk_stream.models import Spread
from risk_stream.sinks import Metrics

__all__ = ["ModelStanding", "model_page", "say_models"]


class ModelStanding(msgspec.Struct):
    """A model on one partition, as a worker says it at /models: each partition has a model of its own."""

    model: str
    psi: dict[str, float]
    drifting: list[str]
    waiting: int
    segments: dict[str, int]
    spread: Spread | None = None


def model_page(standing: Iterable[tuple[str, Standing]]) -> bytes:
    """What is said at /models of (model, how it stands on a partition): a JSON list of ModelStanding."""
    return msgspec.json.encode([ModelStanding(model, *one) for model, one in standing])


def say_models(metrics: Metrics, hops: Iterable[Hop]) -> Sequence[tuple[str, Standing]]:
    """Bring the gauges of models up to date: of what several partitions say the largest, or where it counts the sum.

    Returns what each of them says, for `model_page`.
    """
    drifting: dict[tuple[str, ...], float] = {}
    psi: dict[tuple[str, ...], float] = {}
    waiting: Counter[tuple[str, ...]] = Counter()
    segments: Counter[tuple[str, ...]] = Counter()
    standing = [one for hop in hops for one in hop.models]
    for model, one in standing:
        drifting[(model,)] = max(drifting.get((model,), 0), len(one.drifting))
        for name, value in one.psi.items():
            psi[model, name] = max(psi.get((model, name), 0.0), value)
        waiting[(model,)] += one.waiting
        segments.update({(model, name): keys for name, keys in one.segments.items()})
    metrics.replace("risk_stream_model_drifting", drifting)
    metrics.replace("risk_stream_model_psi", psi)
    metrics.replace("risk_stream_model_waiting", waiting)
    metrics.replace("risk_stream_model_segment_keys", segments)
    return standing
