"""risk-stream: real-time risk monitoring for securities and lending houses, on Kafka and Faust."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
