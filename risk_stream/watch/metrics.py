"""What the mirror says of the Alertmanagers that it keeps told, and the canary of the workers, for Prometheus."""

from __future__ import annotations

from risk_stream.sinks import LATENCY_BUCKETS, Metric

__all__ = ["CANARY_METRICS", "MIRROR_METRICS"]

#: What a mirror says at /metrics of its own port.
MIRROR_METRICS: tuple[Metric, ...] = (
    Metric("risk_stream_mirror_active", "gauge", (), "1 where this mirror is the one at work, 0 where it stands by."),
    Metric("risk_stream_mirror_alerts", "gauge", ("alertmanager",), "Open alerts that an Alertmanager was told of."),
    Metric(
        "risk_stream_mirror_left_out",
        "gauge",
        ("alertmanager",),
        "Open alerts that it is not told of, because 10,000 others are more severe or newer.",
    ),
    Metric(
        "risk_stream_mirror_failures_total",
        "counter",
        ("alertmanager",),
        "Times that it did not take what it was told.",
    ),
    Metric(
        "risk_stream_mirror_told_timestamp_seconds",
        "gauge",
        ("alertmanager",),
        "When it last took all it was to be told; what was told more than four minutes ago has ended there by itself.",
    ),
)

#: What a canary says at /metrics of its own port.
CANARY_METRICS: tuple[Metric, ...] = (
    Metric("risk_stream_canary_sent_total", "counter", (), "Canaries that the broker stored."),
    Metric("risk_stream_canary_back_total", "counter", (), "Canaries that came through every hop."),
    Metric(
        "risk_stream_canary_seconds",
        "histogram",
        (),
        "From when a canary was sent to when it was heard of again.",
        LATENCY_BUCKETS,
    ),
    Metric(
        "risk_stream_canary_age_seconds",
        "gauge",
        ("partition",),
        "How long ago the newest canary was sent that came through a partition of every hop; before the first, since"
        " the canary began.",
    ),
)
