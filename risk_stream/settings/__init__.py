"""What a house has set: every setting from the environment, how one proves who one is, and files that people edit."""

from __future__ import annotations

from risk_stream.settings.connect import (
    Broker,
    RedisUrl,
    Security,
    doubt,
    kafka_options,
    reason,
    redis_options,
    unreachable,
)
from risk_stream.settings.settings import SHIPPED_PEOPLE, Settings, SettingsError, load_settings, secret_names, shipped
from risk_stream.settings.watched import LOOK, Watched

__all__ = [
    "LOOK",
    "SHIPPED_PEOPLE",
    "Broker",
    "RedisUrl",
    "Security",
    "Settings",
    "SettingsError",
    "Watched",
    "doubt",
    "kafka_options",
    "load_settings",
    "reason",
    "redis_options",
    "secret_names",
    "shipped",
    "unreachable",
]
