"""Where what was judged is shown: alerts in Redis, numbers for Prometheus. Views, that Kafka can always fill again."""

from __future__ import annotations

from risk_stream.sinks.prometheus import METRICS, Metric, Metrics
from risk_stream.sinks.redis import RECOVERED, WITHDRAWN, AlertSink, Keep, Written, without_password

__all__ = ["METRICS", "RECOVERED", "WITHDRAWN", "AlertSink", "Keep", "Metric", "Metrics", "Written", "without_password"]
