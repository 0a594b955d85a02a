"""A history through the rules of one plan, or of two beside each other: what they would have said."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from risk_stream.catalogue import MISSING
from risk_stream.rules import Plan
from risk_stream.workbench.backtest.history import Chunk
from risk_stream.workbench.backtest.outcomes import Outcomes
from risk_stream.workbench.backtest.report import Counted, Report, report
from risk_stream.workbench.backtest.run import Spoken, run
from risk_stream.workbench.backtest.sides import Sides
from risk_stream.workbench.backtest.tally import Tally

__all__ = ["EVER", "backtest", "tally_of"]

#: The span of all time, ms since 1970 UTC.
EVER = (-(1 << 61), 1 << 61)


def backtest(
    plans: Mapping[str, Plan],
    history: Iterable[Chunk],
    *,
    outcomes: Outcomes | None = None,
    span: tuple[int, int] = EVER,
    lateness_ms: int,
    processes: int = 1,
    progress: Callable[[int], None] = lambda _: None,
) -> Report:
    """What the rules of some plans say of a history, in one pass.

    `plans` are by the name of their side, of two the one in force first. Alerts of [start, end) in ms of event time
    are counted; what comes before is judged too, for the windows. `progress` is told how far the history was read.

    Raises:
        ValueError: the plans are of different catalogues.
        ProblemsError: their features together are more than a kind of key can keep.
        RunError: a process died.
    """
    sides = Sides(plans)
    tally, counted = tally_of(
        sides, history, outcomes or Outcomes(), span, lateness_ms=lateness_ms, processes=processes, progress=progress
    )
    return report(tally, counted)


def tally_of(
    sides: Sides,
    history: Iterable[Chunk],
    outcomes: Outcomes,
    span: tuple[int, int],
    *,
    lateness_ms: int,
    processes: int,
    progress: Callable[[int], None],
) -> tuple[Tally, Counted]:
    """The closed tally of a history, and what was counted beside it."""
    settle_ms = 2 * lateness_ms + 1
    tally = Tally(sides, outcomes, *span, settle_ms)
    counted, started = Counted(processes=processes), time.perf_counter()
    for spoken in run(sides.plan, history, processes=processes, lateness_ms=lateness_ms):
        tally.add([*spoken.alerts, *spoken.decisions], spoken.clock)
        if spoken.first != MISSING:
            tally.saw(spoken.first, spoken.clock)
        _add(counted, spoken)
        progress(spoken.done)
        if spoken.clock != MISSING and spoken.clock >= span[1] + settle_ms:
            break  # nothing that comes can change what was said in the span
    tally.close()
    counted.seconds = time.perf_counter() - started
    return tally, counted


def _add(counted: Counted, spoken: Spoken) -> None:
    counted.events += spoken.events
    counted.late += spoken.late
    counted.revised += spoken.revised
    counted.refused += len(spoken.refused)
    if spoken.refused and not counted.first_refused:
        first = spoken.refused[0]
        counted.first_refused = f"{first.name}, line {first.line}: {first.message}"
    for rule, errors in spoken.errors.items():
        counted.errors[rule] = counted.errors.get(rule, 0) + errors
