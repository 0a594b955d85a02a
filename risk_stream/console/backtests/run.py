"""The process of a backtest: reads its order, then the house's past, and says how far it is and what it found.

It ends when its input does, so that it never outlives the console, and it gives way to whatever else runs here.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
import time
from pathlib import Path

import msgspec

from risk_stream.access import Masking
from risk_stream.calendars import load_calendars
from risk_stream.catalogue import Catalogue, ProblemsError, load_catalogue
from risk_stream.console.backtests.known import Closed
from risk_stream.console.backtests.order import Order, Said
from risk_stream.console.backtests.told import told
from risk_stream.kafka import BrokerError
from risk_stream.rules import Plan, plan_of_texts
from risk_stream.settings import Settings
from risk_stream.stream.past import Spooled, TooMuchError, merged, spool
from risk_stream.workbench.backtest import EVER, Report, RunError, backtest, chunks_of_batches

__all__ = ["main", "perform"]

#: At most so often it says how far it is, s; how far below others it stands in the queue for a core.
STEP, NICENESS = 0.25, 10
_DAY_MS = 86_400_000


class _Speaker:
    """Writes lines for the console; how far it is not more often than it matters."""

    def __init__(self) -> None:
        self._last = 0.0

    def progress(self, phase: str, done: int, of: int) -> None:
        now = time.monotonic()
        if now - self._last >= STEP:
            self._last = now
            self.say(Said(phase=phase, done=done, all=of))  # type: ignore[arg-type]

    @staticmethod
    def say(said: Said) -> None:
        sys.stdout.buffer.write(msgspec.json.encode(said) + b"\n")
        sys.stdout.buffer.flush()


def main() -> int:
    """Run the order that stands in the first line of the input. The exit code is 0 also where it says why not."""
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
    speaker = _Speaker()
    try:
        speaker.say(perform(order, speaker))
    except ProblemsError as error:
        speaker.say(Said(phase="failed", why="the rules cannot be used", problems=_problems(error)))
    except (BrokerError, RunError, TooMuchError, ValueError) as error:
        speaker.say(Said(phase="failed", why=str(error)))
    return 0


def perform(order: Order, speaker: _Speaker | None = None) -> Said:
    """Judge the house's past by the plans of an order.

    Raises:
        ProblemsError: a plan has problems.
        BrokerError: Kafka does not answer.
        TooMuchError: the past is longer than the order allows.
    """
    speaker = speaker or _Speaker()
    settings = Settings.model_validate_json(order.settings)
    catalogue = load_catalogue(*settings.events)
    plans = {name: _plan(side.texts, side.calendars, catalogue) for name, side in order.sides.items()}
    past = asyncio.run(
        spool(
            settings,
            catalogue,
            Path(order.folder),
            most=order.most_records,
            progress=lambda done, of: speaker.progress("reading", done, of),
        )
    )
    if not past.events:
        raise ValueError("there is no event to judge: the house's topics are empty")
    report = _judge(order, plans, past, round(settings.lateness_seconds * 1000), speaker)
    return Said(phase="done", report=told(report, Masking(catalogue), order.rules))


def _plan(texts: dict[str, str], calendars: dict[str, str], catalogue: Catalogue) -> Plan:
    return plan_of_texts(texts, catalogue, calendars=load_calendars(texts=calendars))


def _judge(order: Order, plans: dict[str, Plan], past: Spooled, lateness_ms: int, speaker: _Speaker) -> Report:
    span = EVER if order.days is None else (past.newest + 1 - order.days * _DAY_MS, EVER[1])
    return backtest(
        plans,
        chunks_of_batches(merged(past, lateness_ms)),
        outcomes=Closed(order.known),
        span=span,
        lateness_ms=lateness_ms,
        progress=lambda done: speaker.progress("judging", done, past.events),
    )


def _problems(error: ProblemsError) -> list[dict[str, object]]:
    return [
        {"file": one.file, "line": one.line, "column": one.column, "rule": one.rule, "message": one.message}
        for one in error.problems[:100]
    ]


def _end_with_parent() -> None:
    """Whoever asked is gone, or wants it no more: what was begun is of no use to anybody."""
    while os.read(sys.stdin.fileno(), 1 << 12):
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
