"""The clerk of margin accounts, a process of its own: follows the house's topics, and says what changes."""

from __future__ import annotations

from risk_stream.stream.margin.clerk import MarginClerk

__all__ = ["MarginClerk"]
