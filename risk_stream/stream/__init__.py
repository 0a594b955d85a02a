"""The worker: the Faust app, its batch transport, admission, hops and the supervisor of it all.

`intake` takes events in, `letters` is what partitions say to each other, `state` what is kept of them, `plans` by what
they judge. Beside the worker stand what works on the same topics: `past`, and the clerk of `margin` accounts.
"""

from __future__ import annotations

from risk_stream.stream.worker import run_worker

__all__ = ["run_worker"]
