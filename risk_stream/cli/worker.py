"""`risk-stream worker`: judge events until told to stop."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from risk_stream.cli.house import plan_of, settings_with
from risk_stream.cli.output import examples

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "risk-stream worker",
            "RISK_STREAM_BROKER=kafka-1:9092,kafka-2:9092 risk-stream worker --rules /etc/house/rules",
        )
    )(worker)
    app.command(epilog=examples("risk-stream warm"))(warm)


def warm() -> None:
    """Compile what is compiled only once on a machine, so that the first worker starts in seconds.

    A worker that has to compile keeps some 250 MiB more than others until it ends.
    """
    from risk_stream.models import compile_kinds
    from risk_stream.stream.warm import warm_up

    warm_up(plan_of(settings_with()))
    compile_kinds()


def worker(
    broker: Annotated[str | None, typer.Option(help="Kafka's address, host:port.")] = None,
    redis: Annotated[str | None, typer.Option(help="Where alerts go for consoles: redis://host:port/number.")] = None,
    rules: Annotated[list[Path] | None, typer.Option(help="A rule file or folder; may be given again.")] = None,
    metrics_port: Annotated[int | None, typer.Option(help="Port of /metrics.")] = None,
) -> None:
    """Judge the house's events against its rules, until SIGTERM or Ctrl-C; start as many as there are partitions."""
    from risk_stream.stream import run_worker

    settings = settings_with(broker=broker, redis=redis, rules=rules, metrics_port=metrics_port)
    raise typer.Exit(run_worker(settings))
