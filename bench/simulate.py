"""How fast the simulated market is made: events a second to the bytes that a file or a topic takes."""

from __future__ import annotations

import time

from bench.report import table
from risk_stream.simulate import Market

__all__ = ["run"]


def run(quick: bool) -> dict[str, float]:
    """Make half a million events or more, three times; the median."""
    events = 150_000 if quick else 500_000
    rates, size = [], 0
    for seed in range(3):
        made = size = 0
        began = time.thread_time()
        for piece in Market(seed).slices():
            made, size = made + len(piece), size + len(piece.lines())
            if made >= events:
                break
        rates.append(made / (time.thread_time() - began))
    rates.sort()
    table(
        ("market of the default size, one core", "events/s"),
        [("slowest of three", rates[0]), ("median", rates[1]), ("fastest", rates[2])],
    )
    return {"events_per_second": round(rates[1]), "bytes_per_event": round(size / made)}
