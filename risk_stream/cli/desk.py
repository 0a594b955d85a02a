"""`risk-stream desk`: decide what becomes of alerts among people, until told to stop."""

from __future__ import annotations

from typing import Annotated

import typer

from risk_stream.cli.broker import must_answer
from risk_stream.cli.house import settings_with
from risk_stream.cli.output import errors, examples
from risk_stream.cli.serving import until_told

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=examples("risk-stream desk"))(desk)


def desk(broker: Annotated[str | None, typer.Option(help="Kafka's address, host:port.")] = None) -> None:
    """Decide what people do with alerts, and write it down, until SIGTERM or Ctrl-C; of several desks one is active."""
    from risk_stream.desk import DeskClerk

    settings = settings_with(broker=broker)
    must_answer(settings.broker)
    until_told(lambda: DeskClerk(settings, lambda said: errors().print(said, markup=False)).run())
