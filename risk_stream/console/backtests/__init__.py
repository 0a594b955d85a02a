"""Backtests that are started from a page: one at a time, in a process of its own, bounded, told how far it is.

`Backtests` starts, tells and cancels them; `run` is what the process does; `told` makes of its report what a page
shows. It judges by the same engine, and says the same, as `risk-stream rules backtest` over the house's topics.
"""

from __future__ import annotations

from risk_stream.console.backtests.jobs import Backtests, BusyError, Job
from risk_stream.console.backtests.order import Order, Side
from risk_stream.console.backtests.turn import HouseTurn

__all__ = ["Backtests", "BusyError", "HouseTurn", "Job", "Order", "Side"]
