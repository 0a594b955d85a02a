"""How good the data are: what was refused and why, how fresh each origin is, what waits, what events leave out.

`RejectBook` reads the log of what was refused, `Flow` looks at the ends of the house's topics and at what the workers
have done with them. Each looks when somebody asks, for all who ask meanwhile, and remembers no more than it says.
"""

from __future__ import annotations

from risk_stream.console.quality.filled import Filled
from risk_stream.console.quality.flow import Flow, Look
from risk_stream.console.quality.rejects import RejectBook, RejectQuery

__all__ = ["Filled", "Flow", "Look", "RejectBook", "RejectQuery"]
