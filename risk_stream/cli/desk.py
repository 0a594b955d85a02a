"""`risk-stream desk`: decide what becomes of alerts among people, until told to stop."""

from __future__ import annotations

from typing import Annotated

import typer

from risk_stream.cli.broker import must_answer
from risk_stream.cli.house import catalogue_of, settings_with
from risk_stream.cli.output import CommandError, examples, output
from risk_stream.cli.serving import serve_metrics, tell, until_told

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=examples("risk-stream desk", "risk-stream desk --check"))(desk)


def desk(
    broker: Annotated[str | None, typer.Option(help="Kafka's address, host:port.")] = None,
    metrics_port: Annotated[int | None, typer.Option(help="Port of /metrics; 0 for none.")] = None,
    check: Annotated[
        bool,
        typer.Option("--check", help="Only say what is wrong in alerts.yaml and desk.yaml of people."),
    ] = False,
) -> None:
    """Decide what people do with alerts, and write it down, until SIGTERM or Ctrl-C; of several desks one is active."""
    from risk_stream.desk import DESK_METRICS, DeskClerk, HeadsError, read_policy
    from risk_stream.sinks import Metrics

    settings = settings_with(broker=broker, desk_port=metrics_port)
    if check:
        policy = read_policy(settings.people_folder, catalogue_of(settings))
        output().print(
            f"[bold green]ok[/] cases by {', '.join(policy.case_by)}; levels: {policy.levels}; inhibits:"
            f" {len(policy.inhibits)}; rules that teach models: {len(policy.outcome_of_rule)}"
        )
        return
    must_answer(settings.broker)
    metrics = Metrics(of=DESK_METRICS, entities=settings.metrics_entities)
    serve_metrics(metrics, settings.metrics_host, settings.desk_port, "desk_port")
    try:
        until_told(settings, lambda: DeskClerk(settings, tell, metrics).run())
    except HeadsError as error:
        raise CommandError(f"{error}.") from error
