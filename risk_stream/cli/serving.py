"""How commands run that go on until they are told to stop, and say at a port how they do."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from risk_stream.cli.output import CommandError, errors

if TYPE_CHECKING:
    from risk_stream.kafka import BrokerWatch
    from risk_stream.settings import Settings
    from risk_stream.sinks import Metrics

__all__ = ["serve_metrics", "tell", "until_told"]


def tell(said: str) -> None:
    """Say a sentence of what the command does now; one that a full disk or a closed pipe does not take is lost."""
    with contextlib.suppress(OSError):
        errors().print(said, markup=False, soft_wrap=True)


#: How often it is looked whether a broker that was away is back, s.
WATCH = 1.0


def serve_metrics(metrics: Metrics, host: str, port: int, setting: str) -> None:
    """Answer at /metrics of a port, which `setting` says, in a thread; nowhere where it is 0.

    Raises:
        CommandError: the port is taken.
    """
    if not port:
        return
    try:
        metrics.serve(host, port)
    except OSError as exc:
        from risk_stream.settings import reason

        said = f"Cannot serve /metrics at {host}:{port} ({reason(exc)})"
        raise CommandError(f"{said}: set RISK_STREAM_{setting.upper()} to a free port.") from exc


def until_told(settings: Settings, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run what `work` makes, inside the loop that it will run in, until SIGTERM or Ctrl-C; raises what it raises.

    What it logs goes where the settings say, and a broker's outage is said in two lines: it is away, it is back.
    """
    from risk_stream.kafka import set_up_logging

    watch = set_up_logging(settings.log_level, settings.log_file, settings.broker, lambda: None)

    async def run() -> None:
        running = asyncio.create_task(work())
        watching = asyncio.create_task(_watch(watch))
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, running.cancel)
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await running
        finally:
            watching.cancel()

    asyncio.run(run())


async def _watch(watch: BrokerWatch) -> None:
    """Have it said when the broker is back."""
    while True:
        await asyncio.sleep(WATCH)
        watch.tick()
