"""What most commands begin with: the settings, the catalogue and the rules of the house."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from risk_stream.cli.output import CommandError, errors, sentence
from risk_stream.cli.variables import unknown_variables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from risk_stream.catalogue import Catalogue
    from risk_stream.rules import Plan
    from risk_stream.settings import Settings

__all__ = ["catalogue_of", "existing_rules", "plan_of", "rule_paths", "settings_with"]


def settings_with(**given: object) -> Settings:
    """The settings of the environment, with those given (and not None) above them."""
    from risk_stream.settings import load_settings

    say_what_is_unknown()
    return load_settings(**{name: value for name, value in given.items() if value is not None})


@cache
def say_what_is_unknown() -> None:
    """Once in a process: a misspelt setting is no reason to stop, for an older release does not know newer ones."""
    for said in unknown_variables(os.environ):
        errors().print("[yellow]risk-stream:[/] ", end="")
        errors().print(sentence(said), markup=False)


def catalogue_of(settings: Settings) -> Catalogue:
    """The core's event types and the house's own."""
    from risk_stream.catalogue import load_catalogue

    return load_catalogue(*settings.events)


def rule_paths(settings: Settings, given: Sequence[Path] = ()) -> list[Path]:
    """The rules asked for, else those of the settings, else the shipped where `rules` is not here; with the models."""
    from risk_stream.rules import with_models
    from risk_stream.settings import shipped

    paths = list(given) or list(settings.rules)
    if paths == [Path("rules")] and not paths[0].exists() and shipped("rules").is_dir():
        paths = [shipped("rules")]
    return with_models(paths, settings.models)


def existing_rules(settings: Settings, given: Sequence[Path] = ()) -> list[Path]:
    """The same, each of which is there.

    Raises:
        CommandError: one is not.
    """
    paths = rule_paths(settings, given)
    for path in paths:
        if not path.exists():
            raise CommandError(f"{path} does not exist: name a rule file or a folder of them.")
    return paths


def plan_of(settings: Settings, given: Sequence[Path] = ()) -> Plan:
    """The checked plan of the rules asked for, else of the settings."""
    from risk_stream.calendars import load_calendars
    from risk_stream.rules import load_plan

    return load_plan(rule_paths(settings, given), catalogue_of(settings), load_calendars(settings.calendars))
