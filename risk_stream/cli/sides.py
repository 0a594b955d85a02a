"""Which rules a command compares: files as they are, or as they were at a revision of git."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from risk_stream.cli.house import catalogue_of, plan_of, rule_paths
from risk_stream.cli.output import CommandError

if TYPE_CHECKING:
    from risk_stream.rules import Plan
    from risk_stream.settings import Settings

__all__ = ["plan_named"]


def plan_named(settings: Settings, name: str, paths: Sequence[Path]) -> Plan:
    """The rules that a word stands for: a file or folder, else a revision at which `paths` are read.

    Raises:
        CommandError: it is neither.
        PlanError: the rules have problems.
    """
    if Path(name).exists():
        return plan_of(settings, [Path(name)])
    return _plan_at(settings, name, rule_paths(settings, paths))


def _plan_at(settings: Settings, revision: str, paths: Sequence[Path]) -> Plan:
    from risk_stream.calendars import load_calendars
    from risk_stream.rules import plan_of_texts
    from risk_stream.workbench.revision import GitError, texts_at

    if not paths or not all(path.exists() for path in paths):
        raise CommandError(f"{revision} is no file, and there are no rule files here whose revision it could be.")
    try:
        texts = texts_at(revision, paths)
    except GitError as error:
        raise CommandError(f"{revision} is no file or folder, and no revision of the rules either ({error}).") from None
    except UnicodeDecodeError:
        raise CommandError(f"A rule file of revision {revision} was no UTF-8 text.") from None
    if not texts:
        raise CommandError(f"There were no rule files at revision {revision}.")
    return plan_of_texts(texts, catalogue_of(settings), calendars=load_calendars(settings.calendars))
