"""The worker: the Faust app, its batch transport, admission, hops and the supervisor of it all.

Beside it stand what works on the same topics: `plans`, `past` and the clerk of `margin` accounts.
"""

from __future__ import annotations

from risk_stream.stream.worker import run_worker

__all__ = ["run_worker"]
