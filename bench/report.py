"""How benchmarks print: the machine, tables, and best-of timing."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

__all__ = ["best", "machine", "table"]


def machine() -> str:
    """One line on what the figures were measured on."""
    model = platform.processor() or platform.machine()
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as f:
            model = next(line.split(":", 1)[1].strip() for line in f if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.machine()
    return f"{os.cpu_count()} cores, {model}, Python {platform.python_version()}, {sys.platform}"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under their heads, numbers right-aligned."""
    cells = [
        [f"{c:,.1f}" if isinstance(c, float) else f"{c:,}" if isinstance(c, int) else str(c) for c in r] for r in rows
    ]
    widths = [max(len(h), *(len(r[i]) for r in cells)) for i, h in enumerate(head)]
    print("  ".join(h.rjust(w) if i else h.ljust(w) for i, (h, w) in enumerate(zip(head, widths, strict=True))))
    for r in cells:
        print("  ".join(c.rjust(w) if i else c.ljust(w) for i, (c, w) in enumerate(zip(r, widths, strict=True))))
    print(flush=True)


def best(run: Callable[[], object], times: int) -> float:
    """The shortest of several runs, in seconds of this thread's processor time."""
    shortest = float("inf")
    for _ in range(times):
        start = time.thread_time()
        run()
        shortest = min(shortest, time.thread_time() - start)
    return shortest
