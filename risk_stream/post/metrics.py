"""What who sends notices says of it at /metrics; a receiver is a name of people/receivers.yaml, 500 at most."""

from __future__ import annotations

from risk_stream.sinks import Metric

__all__ = ["NOTICE_METRICS"]

#: Upper bounds of the time a notice takes, s: failed attempts are waited for up to five minutes each.
SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)

NOTICE_METRICS: tuple[Metric, ...] = (
    Metric("risk_stream_notices_planned_total", "counter", ("step",), "Notices planned, by why somebody is told."),
    Metric("risk_stream_notices_sent_total", "counter", ("receiver",), "Notices that the receiver's server accepted."),
    Metric(
        "risk_stream_notices_failed_total",
        "counter",
        ("receiver",),
        "Attempts that failed or had no answer; each is tried again, later each time.",
    ),
    Metric(
        "risk_stream_notices_dead_total",
        "counter",
        ("receiver",),
        "Notices given up: risk-stream notices list has them.",
    ),
    Metric("risk_stream_notices_waiting", "gauge", ("receiver",), "Notices that are yet to be accepted."),
    Metric(
        "risk_stream_notices_seconds",
        "histogram",
        (),
        "From a notice being planned to its being accepted, its failed attempts included.",
        SECONDS,
    ),
    Metric(
        "risk_stream_notices_active", "gauge", (), "1 where this process is the one that sends, 0 where it stands by."
    ),
)
