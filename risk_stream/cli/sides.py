"""Which rules a command compares: files as they are, as they were at a revision of git, or what workers go by."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from risk_stream.cli.broker import enter
from risk_stream.cli.house import catalogue_of, plan_of, rule_paths
from risk_stream.cli.output import CommandError

if TYPE_CHECKING:
    from risk_stream.rules import Plan
    from risk_stream.settings import Settings

__all__ = ["plan_named"]

#: The word for the plan that all workers go by.
PUBLISHED = "published"


def plan_named(settings: Settings, name: str, paths: Sequence[Path]) -> Plan:
    """The rules that a word stands for: a file or folder, else `published`, else a revision at which `paths` are read.

    Raises:
        CommandError: it is none of them.
        PlanError: the rules have problems.
    """
    if Path(name).exists():
        return plan_of(settings, [Path(name)])
    if name == PUBLISHED:
        return _published(settings)
    return _plan_at(settings, name, rule_paths(settings, paths))


def _plan_at(settings: Settings, revision: str, paths: Sequence[Path]) -> Plan:
    from risk_stream.calendars import load_calendars
    from risk_stream.rules import plan_of_texts
    from risk_stream.workbench.revision import GitError, texts_at

    if not paths or not all(path.exists() for path in paths):
        raise CommandError(
            f"{revision} is no file, and there are no rule files here whose revision it could"
            " be: name a folder of rules."
        )
    try:
        texts = texts_at(revision, paths)
    except GitError as error:
        raise CommandError(
            f"{revision} is no file or folder, and no revision of the rules either ({error}): name one of these."
        ) from None
    except UnicodeDecodeError:
        raise CommandError(f"A rule file of revision {revision} was no UTF-8 text: name a later one.") from None
    if not texts:
        raise CommandError(f"There were no rule files at revision {revision}: name a later one.")
    return plan_of_texts(texts, catalogue_of(settings), calendars=load_calendars(settings.calendars))


def _published(settings: Settings) -> Plan:
    """The plan that was published for all workers."""
    import asyncio

    from aiokafka.errors import KafkaError

    from risk_stream.kafka import partition_counts
    from risk_stream.stream.plans import UnknownPlanError, published_plan

    enter(settings)
    try:
        if settings.plans_topic not in partition_counts(settings.broker):
            raise CommandError(f"There is no topic {settings.plans_topic}: risk-stream topics create.")
        plan = asyncio.run(published_plan(settings.broker, settings.plans_topic, catalogue_of(settings)))
    except UnknownPlanError as error:
        raise CommandError(f"{error}.") from error
    except KafkaError as error:
        raise CommandError(f"{settings.broker} did not give the published rules: {error!r}.") from error
    if plan is None:
        raise CommandError("No rules are published: each worker goes by its own files. Name those instead.")
    return plan
