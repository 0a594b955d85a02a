"""How commands run that go on until they are told to stop, and say at a port how they do."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from risk_stream.cli.output import CommandError, errors

if TYPE_CHECKING:
    from risk_stream.sinks import Metrics

__all__ = ["serve_metrics", "tell", "until_told"]


def tell(said: str) -> None:
    """Say a sentence of what the command does now; one that a full disk or a closed pipe does not take is lost."""
    with contextlib.suppress(OSError):
        errors().print(said, markup=False, soft_wrap=True)


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
        said = f"Cannot serve /metrics at {host}:{port} ({exc.strerror})"
        raise CommandError(f"{said}: set RISK_STREAM_{setting.upper()} to a free port.") from exc


def until_told(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run what `work` makes, inside the loop that it will run in, until SIGTERM or Ctrl-C; raises what it raises."""

    async def run() -> None:
        running = asyncio.create_task(work())
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, running.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await running

    asyncio.run(run())
