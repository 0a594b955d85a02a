"""`risk-stream console`: serve the console and its API, until told to stop."""

from __future__ import annotations

from typing import Annotated

import typer

from risk_stream.cli.broker import must_answer
from risk_stream.cli.house import settings_with
from risk_stream.cli.output import CommandError, examples
from risk_stream.cli.serving import serve_metrics, tell, until_told

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=examples("risk-stream console", "risk-stream console --port 8088"))(console)


def console(
    port: Annotated[int | None, typer.Option(help="Port it listens on; any free one if 0.")] = None,
    metrics_port: Annotated[int | None, typer.Option(help="Port of /metrics; 0 for none.")] = None,
    broker: Annotated[str | None, typer.Option(help="Kafka's address, host:port.")] = None,
    redis: Annotated[str | None, typer.Option(help="Redis's address, redis://host:port/0.")] = None,
) -> None:
    """Serve the console, its pages and the HTTP API /v1, until SIGTERM or Ctrl-C.

    Reads what the engine and the desk said before it answers. Who may come in is said in people/access.yaml.
    """
    from risk_stream.access import LocalError
    from risk_stream.console import CONSOLE_METRICS, Console
    from risk_stream.settings import reason
    from risk_stream.sinks import Metrics

    settings = settings_with(broker=broker, redis=redis, console_port=port, console_metrics_port=metrics_port)
    must_answer(settings.broker)
    metrics = Metrics(of=CONSOLE_METRICS)
    serve_metrics(metrics, settings.metrics_host, settings.console_metrics_port, "console_metrics_port")

    try:
        until_told(settings, lambda: Console(settings, tell, metrics).run())
    except LocalError as exc:
        raise CommandError(f"{exc}.") from exc
    except OSError as exc:
        raise CommandError(
            f"The console cannot listen at {settings.console_host}:{settings.console_port} ({reason(exc)}): set"
            " RISK_STREAM_CONSOLE_PORT (--port) to a free port."
        ) from exc
