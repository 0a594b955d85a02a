"""`risk-stream desk`: decide what becomes of alerts among people, until told to stop."""

from __future__ import annotations

from typing import Annotated

import typer

from risk_stream.cli.broker import must_answer
from risk_stream.cli.house import settings_with
from risk_stream.cli.output import errors, examples
from risk_stream.cli.serving import serve_metrics, until_told

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=examples("risk-stream desk"))(desk)


def desk(
    broker: Annotated[str | None, typer.Option(help="Kafka's address, host:port.")] = None,
    metrics_port: Annotated[int | None, typer.Option(help="Port of /metrics; 0 for none.")] = None,
) -> None:
    """Decide what people do with alerts, and write it down, until SIGTERM or Ctrl-C; of several desks one is active."""
    from risk_stream.desk import DESK_METRICS, DeskClerk
    from risk_stream.sinks import Metrics

    settings = settings_with(broker=broker, desk_port=metrics_port)
    must_answer(settings.broker)
    metrics = Metrics(of=DESK_METRICS, entities=settings.metrics_entities)
    serve_metrics(metrics, settings.metrics_host, settings.desk_port, "desk_port")
    until_told(lambda: DeskClerk(settings, lambda said: errors().print(said, markup=False), metrics).run())
