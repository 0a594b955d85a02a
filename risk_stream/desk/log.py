"""The log of lives on Kafka, written by one desk at a time."""

from __future__ import annotations

from risk_stream.kafka import FencedLog
from risk_stream.settings import Settings

__all__ = ["LifeLog"]


class LifeLog(FencedLog):
    """The writer, fenced by the name that desks of a house share."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(
            settings.broker, settings.life_topic, name=f"{settings.group}-desk", client_id="risk-stream-desk"
        )
