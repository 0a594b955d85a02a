"""`risk-stream rules propose` and `rules approve`: changes of rules by four eyes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from risk_stream.cli.acting import act_of, decided, who
from risk_stream.cli.broker import enter
from risk_stream.cli.house import plan_of, settings_with
from risk_stream.cli.output import CommandError, examples, output

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog=examples("RISK_STREAM_TOKEN=... risk-stream rules propose rules"))(propose)
    app.command(epilog=examples("RISK_STREAM_TOKEN=... risk-stream rules approve 3f2a9c01d4e5"))(approve)


def propose(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Rule files or folders; those of the settings if none.")
    ] = None,
    comment: Annotated[str, typer.Option(help="Why; it is kept with the act.")] = "",
    broker: Annotated[str | None, typer.Option(help="Kafka's address, host:port.")] = None,
) -> None:
    """Check rule files and propose them, where access.yaml says four_eyes: somebody else approves them."""
    settings = settings_with(broker=broker)
    person = who(settings, "propose")
    plan = plan_of(settings, paths or ())
    enter(settings)
    from aiokafka.errors import KafkaError

    from risk_stream.stream.plans import UnknownPlanError, event_texts, store_plan

    try:
        asyncio.run(store_plan(settings.broker, settings.plans_topic, plan, event_texts(settings.events)))
    except UnknownPlanError as error:
        raise CommandError(str(error)) from error
    except KafkaError as error:
        raise CommandError(f"{settings.broker} did not store the plan: {error!r}") from error
    decided(settings, act_of(person, "propose", subject=plan.version, comment=comment))
    output().print(f"[bold green]ok[/] plan {plan.version} with {len(plan.rules)} rules is proposed by {person.name}")
    output().print(f"somebody else: risk-stream rules approve {plan.version}", markup=False)


def approve(
    plan: Annotated[str, typer.Argument(help="The plan's hash, as propose said it.")],
    comment: Annotated[str, typer.Option(help="What was looked at; it is kept with the act.")] = "",
    broker: Annotated[str | None, typer.Option(help="Kafka's address, host:port.")] = None,
) -> None:
    """Approve a plan that somebody else proposed: all workers judge by it within a second."""
    settings = settings_with(broker=broker)
    person = who(settings, "approve")
    enter(settings)
    from risk_stream.stream.plans import read_approvals

    act = act_of(person, "approve", subject=plan, comment=comment)
    approvals = asyncio.run(read_approvals(settings.broker, settings.life_topic))
    if (why := approvals.why_not(act)) is not None:
        raise CommandError(f"{why}.")
    decided(settings, act)
    proposers = ", ".join(approvals.proposers(plan))
    output().print(f"[bold green]ok[/] plan {plan}, proposed by {proposers}, is approved by {person.name}")
