"""Where what was judged is shown: alerts in Redis, numbers for Prometheus. Views, that Kafka can always fill again."""

from __future__ import annotations

from risk_stream.sinks.client import RedisClient, heed_cancel
from risk_stream.sinks.health import STATES, Fired, Health, RuleHealth, WorkerHealth, together
from risk_stream.sinks.meter import Meter
from risk_stream.sinks.profiles import ProfileSink, ProfileState
from risk_stream.sinks.prometheus import CLERK_METRICS, LATENCY_BUCKETS, METRICS, OTHER, SERVER_METRICS, Metric, Metrics
from risk_stream.sinks.redis import (
    RECOVERED,
    WITHDRAWN,
    AlertSink,
    AlertStanding,
    Keep,
    Written,
    away,
    without_password,
)
from risk_stream.sinks.standings import standings_of

__all__ = [
    "CLERK_METRICS",
    "LATENCY_BUCKETS",
    "METRICS",
    "OTHER",
    "RECOVERED",
    "SERVER_METRICS",
    "STATES",
    "WITHDRAWN",
    "AlertSink",
    "AlertStanding",
    "Fired",
    "Health",
    "Keep",
    "Meter",
    "Metric",
    "Metrics",
    "ProfileSink",
    "ProfileState",
    "RedisClient",
    "RuleHealth",
    "WorkerHealth",
    "Written",
    "away",
    "heed_cancel",
    "standings_of",
    "together",
    "without_password",
]
