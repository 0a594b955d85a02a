"""`risk-stream canary`: send events through every hop and say how old the newest is that came back, until stopped."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from risk_stream.cli.broker import enter
from risk_stream.cli.house import catalogue_of, settings_with
from risk_stream.cli.output import examples
from risk_stream.cli.serving import serve_metrics, tell, until_told

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=examples("risk-stream canary"))(canary)


def canary(
    broker: Annotated[str | None, typer.Option(help="Kafka's address, host:port.")] = None,
    metrics_port: Annotated[int | None, typer.Option(help="Port of /metrics; 0 for none.")] = None,
) -> None:
    """Send a canary through every hop again and again, and say at /metrics how old the newest is that came back.

    Nobody is told of them and no count has them. Where time is simulated none is sent: it would come too late.
    """
    from risk_stream.sinks import Metrics
    from risk_stream.watch import CANARY_METRICS, Canary

    settings = settings_with(broker=broker, canary_port=metrics_port)
    enter(settings)
    metrics = Metrics(of=CANARY_METRICS)
    serve_metrics(metrics, settings.metrics_host, settings.canary_port, "canary_port")

    if settings.clock == "simulated":
        tell("time is simulated (RISK_STREAM_CLOCK), so no canary is sent")
        until_told(settings, _rest)
        return
    until_told(settings, lambda: Canary(settings, catalogue_of(settings), tell, metrics).run())


async def _rest() -> None:
    """Do nothing: what ends would be started again and again by whoever keeps it running."""
    await asyncio.Event().wait()
