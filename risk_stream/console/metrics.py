"""What a console says of itself for Prometheus."""

from __future__ import annotations

from risk_stream.sinks import Metric

__all__ = ["CONSOLE_METRICS"]

#: Upper bounds of the seconds of an answer.
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

CONSOLE_METRICS: tuple[Metric, ...] = (
    Metric("risk_stream_console_requests_total", "counter", ("route", "status"), "Requests answered."),
    Metric("risk_stream_console_seconds", "histogram", ("route",), "From a request to its answer.", _BUCKETS),
    Metric("risk_stream_console_clients", "gauge", (), "Pages that are open and told of changes."),
    Metric("risk_stream_console_messages_total", "counter", (), "Messages sent to them."),
    Metric("risk_stream_console_dropped_clients_total", "counter", (), "Pages that took nothing and were dropped."),
    Metric("risk_stream_console_alerts", "gauge", (), "Alerts known."),
    Metric(
        "risk_stream_console_unreadable_total", "counter", (), "Records of the logs it follows that are none of ours."
    ),
    Metric("risk_stream_console_ready", "gauge", (), "1 when the logs are read; 0 until then."),
)
