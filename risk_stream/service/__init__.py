"""The server that decisions are asked of: by HTTP, and by requests on Kafka that name a topic for the reply."""

from __future__ import annotations

from risk_stream.service.process import run_service

__all__ = ["run_service"]
