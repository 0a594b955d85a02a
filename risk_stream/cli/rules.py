"""`risk-stream rules …`: check, test and explain rule files, and publish them to the workers that run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import orjson
import typer

from risk_stream.cli import backtest, book, coverage, four_eyes, health, history, trace, tune
from risk_stream.cli.broker import enter
from risk_stream.cli.findings import Finding, Format, as_github, as_junit
from risk_stream.cli.house import catalogue_of, existing_rules, plan_of, settings_with
from risk_stream.cli.output import CommandError, counted, errors, examples, help_alone, output
from risk_stream.cli.select import Groups, Owners, Stages, Tags, selected

if TYPE_CHECKING:
    from risk_stream.rules import Plan
    from risk_stream.rules.explain import RuleUse
    from risk_stream.workbench import TestResult

__all__ = ["app"]

app = typer.Typer(help="Check, test, trace, explain and publish rule files.")

app.callback(invoke_without_command=True)(help_alone)


@app.command(
    epilog=examples(
        "risk-stream rules check",
        "risk-stream rules check house/rules rules/pre_loan.yaml --format json",
        "risk-stream rules check --format github",
    )
)
def check(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Rule files or folders; those of the settings if none.")
    ] = None,
    format: Annotated[Format, typer.Option(help="How to say it: for people, programs, GitHub, JUnit.")] = "text",
) -> None:
    """Check rule files as a worker would: every problem, with file, line and column. Exit code 1 if there is any."""
    from risk_stream.calendars import load_calendars
    from risk_stream.catalogue import ProblemsError
    from risk_stream.rules import load_plan

    settings = settings_with()
    asked = existing_rules(settings, paths or ())
    try:
        plan = load_plan(asked, catalogue_of(settings), load_calendars(settings.calendars))
    except ProblemsError as error:
        _say_problems(error, format)
        raise typer.Exit(1) from error
    _say_plan(plan, format)


@app.command(
    "test",
    epilog=examples(
        "risk-stream rules test",
        "risk-stream rules test rules/trading --rule wash-pair --format json",
        "risk-stream rules test --group mules --tag fraud",
    ),
)
def run_tests_of(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Rule files or folders; those of the settings if none.")
    ] = None,
    rule: Annotated[list[str] | None, typer.Option(help="Only the tests of this rule; may be given again.")] = None,
    group: Groups = None,
    tag: Tags = None,
    stage: Stages = None,
    owner: Owners = None,
    format: Annotated[Format, typer.Option(help="How to say it: for people, programs, GitHub, JUnit.")] = "text",
) -> None:
    """Run the tests that stand in rule files, through the engine that judges live events. Exit code 1 if one fails."""
    from risk_stream.workbench import run_tests

    plan = plan_of(settings_with(), paths or ())
    chosen = selected(plan, group=group, tag=tag, stage=stage, owner=owner)
    known = {one.id for one in (plan.rules if chosen is None else chosen)}
    for name in rule or ():
        if name not in known:
            raise CommandError(
                f"There is no rule {name!r} in these files{'' if chosen is None else ' among those asked'}:"
                " risk-stream rules list names them."
            )
    results = run_tests(plan, rule or known)
    failed = [result for result in results if not result.passed]
    if format == "json":
        typer.echo(orjson.dumps({"ok": not failed, "tests": results}))
    elif format != "text":
        _say_findings("rules test", format, [Finding(r.file, r.line, 0, r.rule, r.test, r.message) for r in results])
    if format != "text":
        raise typer.Exit(1 if failed else 0)
    for result in failed:
        output().print(f"{result.file}:{result.line}: {result.rule}: {result.test}: {result.message}", markup=False)
        for line in _what_was_seen(result):
            output().print(f"    {line}", markup=False)
    untested = known - {result.rule for result in results} if rule is None else set()
    tail = f"; {len(untested)} of {len(known)} rules have none" if untested else ""
    verdict = (
        f"[bold red]{len(failed)} of {len(results)} tests failed[/]"
        if failed
        else f"[bold green]ok[/] {len(results)} tests"
    )
    errors().print(verdict + tail)
    raise typer.Exit(1 if failed else 0)


@app.command(
    epilog=examples(
        "risk-stream rules explain",
        "risk-stream rules explain transfer-burst",
        "risk-stream rules explain transfer --rules house/rules --format json",
    )
)
def explain(
    name: Annotated[str | None, typer.Argument(help="Only this rule, event type or model.")] = None,
    rules: Annotated[list[Path] | None, typer.Option(help="A rule file or folder; may be given again.")] = None,
    group: Groups = None,
    tag: Tags = None,
    stage: Stages = None,
    owner: Owners = None,
    format: Annotated[Literal["text", "json"], typer.Option(help="How to say it.")] = "text",
) -> None:
    """Say which hops events visit and why; of one rule its features, where it is decided, and what it costs."""
    from risk_stream.cli.explain import of_plan, of_rule, of_type
    from risk_stream.cli.model_files import as_json
    from risk_stream.rules.explain import explain_rule, hops, itineraries, itinerary_of
    from risk_stream.workbench.words import in_words

    plan = plan_of(settings_with(), rules or ())
    chosen = selected(plan, group=group, tag=tag, stage=stage, owner=owner)
    if chosen is not None and name is not None:
        raise CommandError(
            "Name a rule, an event type or a model, or choose rules by group, tag, stage or owner, not both."
        )
    known = {rule.id: rule for rule in plan.rules}
    models = {model.id: model for model in plan.models}

    def told(one: RuleUse) -> Iterator[str]:
        rule = known[one.rule]
        return of_rule(one, in_words(rule, rule.condition))

    if chosen is not None:
        each = [explain_rule(plan, rule.id) for rule in chosen]
        said: object = {"plan": plan.version, "rules": each}
        lines: Iterator[str] = (line for i, one in enumerate(each) for line in (*([""] if i else []), *told(one)))
    elif name is None:
        ways, kept = itineraries(plan), hops(plan)
        said = {"plan": plan.version, "types": ways, "hops": kept}
        lines = of_plan(ways, kept)
    elif name in known:
        use = explain_rule(plan, name)
        said, lines = {"plan": plan.version, "rule": use}, told(use)
    elif name in plan.catalogue:
        way = itinerary_of(plan, name)
        said, lines = {"plan": plan.version, "types": [way]}, of_type(way)
    elif name in models:
        from risk_stream.workbench.model_card import model_card

        said = {"plan": plan.version, "model": as_json(plan, models[name])}
        lines = iter(model_card(plan, models[name]).splitlines())
    else:
        from risk_stream.catalogue import did_you_mean

        meant = did_you_mean(name, [*known, *(t.name for t in plan.catalogue.types), *models])
        raise CommandError(f"There is no rule, no event type and no model {name!r}{meant or '.'}")
    if format == "json":
        typer.echo(orjson.dumps(said))
        return
    for line in lines:
        typer.echo(line)


@app.command(epilog=examples("risk-stream rules publish", "risk-stream rules publish --withdraw"))
def publish(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Rule files or folders; those of the settings if none.")
    ] = None,
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help="Publish nothing: each worker goes by its own files again.")
    ] = False,
    broker: Annotated[str | None, typer.Option(help="Kafka's address, host:port.")] = None,
) -> None:
    """Check rule files and have all workers judge by them within a second, whatever rule files they have themselves.

    It stays so through restarts, until others are published or this is withdrawn.
    """
    import asyncio

    from aiokafka.errors import KafkaError

    from risk_stream.access import read_access
    from risk_stream.kafka import BrokerError, partition_counts
    from risk_stream.stream.plans import UnknownPlanError, event_texts, publish_plan

    settings = settings_with(broker=broker)
    if read_access(settings.people_folder).four_eyes:
        raise CommandError("Rules are changed by four eyes (access.yaml): risk-stream rules propose them.")
    plan = None if withdraw else plan_of(settings, paths or ())
    enter(settings)
    try:
        if settings.plans_topic not in partition_counts(settings.broker):
            raise CommandError(f"there is no topic {settings.plans_topic}: risk-stream topics create")
        asyncio.run(publish_plan(settings.broker, settings.plans_topic, plan, event_texts(settings.events)))
    except (BrokerError, UnknownPlanError) as error:
        raise CommandError(str(error)) from error
    except KafkaError as error:
        raise CommandError(f"{settings.broker} did not store the plan: {error!r}") from error
    if plan is None:
        output().print("[bold green]ok[/] each worker goes by its own rule files again")
    else:
        output().print(f"[bold green]ok[/] plan {plan.version} with {len(plan.rules)} rules is published")


@app.command(epilog=examples("risk-stream rules new many-logins --on login > rules/logins.yaml"))
def new(
    id: Annotated[str, typer.Argument(help="The rule's name: a-z 0-9 . _ -, at most 64 characters.")],
    on: Annotated[str, typer.Option(help="The event type that it judges.")] = "transfer",
) -> None:
    """Print a first rule file, with comments: it loads, its tests pass, and it shows nothing until it is made live."""
    from risk_stream.catalogue import ProblemsError, did_you_mean
    from risk_stream.rules import plan_of_texts
    from risk_stream.workbench.template import template

    catalogue = catalogue_of(settings_with())
    try:
        text = template(catalogue, id, on)
    except KeyError as error:
        meant = did_you_mean(on, [t.name for t in catalogue.types])
        raise CommandError(f"There is no event type {on!r}{meant or '.'}") from error
    except ValueError as error:
        raise CommandError(f"{error}: name another type.") from error
    try:
        plan_of_texts({"new.yaml": text}, catalogue)
    except ProblemsError as error:
        raise CommandError(error.problems[0].message) from error
    typer.echo(text, nl=False)


@app.command(epilog=examples("risk-stream rules schema > rules/rules.schema.json"))
def schema() -> None:
    """Print the JSON Schema of rule files, with the house's event types: editors complete and check by it."""
    from risk_stream.calendars import load_calendars
    from risk_stream.rules.schema import rule_schema

    settings = settings_with()
    said = rule_schema(catalogue_of(settings), load_calendars(settings.calendars))
    typer.echo(orjson.dumps(said, option=orjson.OPT_INDENT_2))


def _what_was_seen(result: TestResult) -> Iterator[str]:
    """The events of a failed test as they were judged, and the rule's condition on the last one, part by part."""
    from risk_stream.workbench import lines_of

    for event in result.events:
        yield orjson.dumps(event).decode()
    if result.steps:
        yield from lines_of(result.steps[-1])


def _say_findings(suite: str, format: str, findings: Sequence[Finding]) -> None:
    if format == "junit":
        typer.echo(as_junit(suite, findings))
        return
    for line in as_github(findings):
        typer.echo(line)


def _say_problems(error: object, format: str) -> None:
    problems = error.problems  # type: ignore[attr-defined]
    if format in {"github", "junit"}:
        found = [Finding(p.file, p.line, p.column, p.rule, "check", p.message) for p in problems]
        _say_findings("rules check", format, found)
        return
    if format == "json":
        shown = [
            {"file": p.file, "line": p.line, "column": p.column, "rule": p.rule, "message": p.message} for p in problems
        ]
        typer.echo(orjson.dumps({"ok": False, "problems": shown}))
        return
    for problem in problems:
        output().print(str(problem), markup=False)
    files = len({problem.file for problem in problems})
    count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
    errors().print(
        f"[bold red]{count}[/] in {files} file{'s' if files > 1 else ''}: a worker would keep its last good rules."
    )


def _say_plan(plan: Plan, format: str) -> None:
    modes = Counter(rule.mode for rule in plan.rules)
    stages = Counter(rule.stage for rule in plan.rules)
    files = len({rule.file for rule in plan.rules} | {model.file for model in plan.models})
    features = sum(len(layout.aggregates) for layout in plan.layouts.values())
    from datetime import UTC, datetime

    from risk_stream.rules import calendars_ending, expired

    if format in {"github", "junit"}:
        found = [Finding(rule.file, rule.line, 0, rule.id, "check", "") for rule in plan.rules]
        found += [Finding(w.file, w.line, w.column, w.rule, "check", w.message, "warning") for w in plan.warnings]
        _say_findings("rules check", format, found)
        return
    warnings = [str(warning) for warning in plan.warnings]
    today = datetime.now(UTC).date()
    warnings += [*calendars_ending(plan, today), *expired(plan.rules, today)]
    if format == "json":
        counts = {
            "rules": len(plan.rules),
            "models": len(plan.models),
            "files": files,
            "aggregates": features,
            "modes": modes,
            "stages": stages,
        }
        typer.echo(orjson.dumps({"ok": True, "plan": plan.version, **counts, "warnings": warnings}))
        return
    for warning in warnings:
        output().print(f"warning: {warning}", markup=False)
    by = ", ".join(f"{count} {stage}" for stage, count in sorted(stages.items()))
    quiet = ", ".join(f"{modes[mode]} {mode}" for mode in ("shadow", "off") if modes[mode])
    judged = counted(len(plan.rules), "rule") + (f" and {counted(len(plan.models), 'model')}" if plan.models else "")
    what = f"{judged} in {counted(files, 'file')} ({by}{'; ' + quiet if quiet else ''})"
    kept = f"{counted(features, 'windowed feature')} over {', '.join(plan.layouts) or 'no key'}"
    output().print(f"[bold green]ok[/] {what}, {kept}, plan {plan.version}")


trace.register(app)
coverage.register(app)
backtest.register(app)
history.register(app)
four_eyes.register(app)
health.register(app)
book.register(app)
tune.register(app)
