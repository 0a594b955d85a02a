"""`risk-stream desk`: decide what becomes of alerts among people, until told to stop."""

from __future__ import annotations

import contextlib
from typing import Annotated

import typer

from risk_stream.cli.broker import must_answer
from risk_stream.cli.house import settings_with
from risk_stream.cli.output import errors, examples

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=examples("risk-stream desk"))(desk)


def desk(broker: Annotated[str | None, typer.Option(help="Kafka's address, host:port.")] = None) -> None:
    """Decide what people do with alerts, and write it down, until SIGTERM or Ctrl-C; of several desks one is active."""
    import asyncio
    import signal

    from risk_stream.desk import DeskClerk

    settings = settings_with(broker=broker)
    must_answer(settings.broker)

    async def until_told() -> None:
        clerk = DeskClerk(settings, lambda said: errors().print(said, markup=False))
        running = asyncio.create_task(clerk.run())
        loop = asyncio.get_running_loop()
        for signal_ in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(signal_, running.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await running

    asyncio.run(until_told())
