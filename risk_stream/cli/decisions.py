"""`risk-stream decisions`: the server that decisions are asked of."""

from __future__ import annotations

from typing import Annotated

import typer

from risk_stream.cli.house import settings_with
from risk_stream.cli.output import CommandError, examples

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Answer applications with decisions.")


@app.callback()
def _root() -> None:
    """Answer applications with decisions."""


@app.command(epilog=examples("risk-stream decisions serve --port 8500"))
def serve(
    broker: Annotated[str | None, typer.Option(help="Kafka's address, host:port.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; there is neither TLS nor a login.")] = None,
) -> None:
    """Answer `POST /v1/decisions` and requests on Kafka until SIGTERM or Ctrl-C; a worker must be running too."""
    settings = settings_with(broker=broker, decisions_port=port, decisions_host=host)
    if settings.decisions_port == 0:
        raise CommandError("no port is given: --port 8500, or RISK_STREAM_DECISIONS_PORT")
    from risk_stream.service import run_service
    from risk_stream.settings import reason

    try:
        run_service(settings)
    except OSError as exc:
        where = f"{settings.decisions_host}:{settings.decisions_port}"
        raise CommandError(
            f"Cannot listen at {where} ({reason(exc)}): set RISK_STREAM_DECISIONS_PORT (--port) to a free port."
        ) from exc
