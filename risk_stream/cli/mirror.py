"""`risk-stream mirror`: keep Alertmanagers told of open alerts and silences, until told to stop."""

from __future__ import annotations

from typing import Annotated

import typer

from risk_stream.cli.broker import enter
from risk_stream.cli.house import settings_with
from risk_stream.cli.output import CommandError, examples
from risk_stream.cli.serving import serve_metrics, tell, until_told

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=examples("risk-stream mirror --alertmanager http://127.0.0.1:9093"))(mirror)


def mirror(
    alertmanager: Annotated[
        str | None, typer.Option(help="Whom to tell: http://host:9093, several separated by commas.")
    ] = None,
    broker: Annotated[str | None, typer.Option(help="Kafka's address, host:port.")] = None,
    metrics_port: Annotated[int | None, typer.Option(help="Port of /metrics; 0 for none.")] = None,
) -> None:
    """Show open alerts and silences to Alertmanagers, which notify nobody of them, until SIGTERM or Ctrl-C.

    It follows what the desk decides; of several mirrors one is active.
    """
    from risk_stream.sinks import Metrics
    from risk_stream.watch import MIRROR_METRICS, Mirror

    settings = settings_with(broker=broker, alertmanager=alertmanager, mirror_port=metrics_port)
    if not settings.alertmanager_urls:
        raise CommandError("No Alertmanager to tell: set RISK_STREAM_ALERTMANAGER, or --alertmanager http://host:9093.")
    enter(settings)
    metrics = Metrics(of=MIRROR_METRICS)
    serve_metrics(metrics, settings.metrics_host, settings.mirror_port, "mirror_port")
    until_told(settings, lambda: Mirror(settings, tell, metrics).run())
