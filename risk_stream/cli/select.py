"""Which rules a command is about: those of a group, tag, stage or owner."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from risk_stream.cli.output import CommandError

if TYPE_CHECKING:
    from risk_stream.rules import Plan, Rule

__all__ = ["Groups", "Owners", "Stages", "Tags", "selected"]

Groups: TypeAlias = Annotated[
    list[str] | None, typer.Option("--group", help="Only rules of this group; may be given again.")
]
Tags: TypeAlias = Annotated[
    list[str] | None, typer.Option("--tag", help="Only rules with this tag; may be given again.")
]
Stages: TypeAlias = Annotated[
    list[str] | None, typer.Option("--stage", help="Only rules of this stage; may be given again.")
]
Owners: TypeAlias = Annotated[
    list[str] | None, typer.Option("--owner", help="Only rules of this owner; may be given again.")
]


def selected(
    plan: Plan,
    *,
    group: Sequence[str] | None = None,
    tag: Sequence[str] | None = None,
    stage: Sequence[str] | None = None,
    owner: Sequence[str] | None = None,
) -> list[Rule] | None:
    """The rules that meet every option given, each by one of its words; None where none is given.

    Raises `CommandError` for a word that no rule has, and where none has all.
    """
    if not (group or tag or stage or owner):
        return None
    found = list(plan.rules)
    for option, asked in (("group", group), ("tag", tag), ("stage", stage), ("owner", owner)):
        if asked:
            _must_be_known(option, asked, {word for rule in plan.rules for word in _words(rule, option)})
            found = [rule for rule in found if not _words(rule, option).isdisjoint(asked)]
    if not found:
        raise CommandError("No rule of these files meets all of that: ask for less.")
    return found


def _words(rule: Rule, option: str) -> set[str]:
    """What a rule has of what an option asks for."""
    return {
        "group": {rule.group} - {""},
        "tag": set(rule.tags),
        "stage": {rule.stage},
        "owner": {rule.owner},
    }[option]


def _must_be_known(option: str, asked: Sequence[str], known: Collection[str]) -> None:
    from risk_stream.catalogue import did_you_mean

    for word in asked:
        if word not in known:
            meant = did_you_mean(word, sorted(known))
            raise CommandError(f"No rule of these files has the {option} {word!r}{meant or '.'}")
