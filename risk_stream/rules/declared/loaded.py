"""What the reading of one rule file has found so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from risk_stream.calendars import Calendar
from risk_stream.catalogue import Node, Problem
from risk_stream.profiles import Policy
from risk_stream.rules.declared.neighbours import Name
from risk_stream.rules.declared.scope import Features
from risk_stream.rules.language.meaning import Condition
from risk_stream.rules.lifecycle.model import Lifecycle
from risk_stream.rules.model import Card, Rule
from risk_stream.rules.scored import Scored

__all__ = ["LoadedFile"]


@dataclass(slots=True)
class LoadedFile:
    """What a file holds, and what is wrong in it."""

    rules: list[Rule] = field(default_factory=list)
    ids: list[tuple[str, Node]] = field(default_factory=list)  # of every rule, sound or not, and where it stands
    wheres: dict[tuple[str, str], Condition] = field(default_factory=dict)  # (type, canonical text) -> condition
    calendars: dict[str, Calendar] = field(default_factory=dict)  # that its features go by
    card: Card | None = None  # a file of a scorecard
    card_ids: list[tuple[str, Node]] = field(default_factory=list)  # its name, sound or not, and where it stands
    model: Scored | None = None  # a file of a model
    model_ids: list[tuple[str, Node]] = field(default_factory=list)  # its name, sound or not, and where it stands
    asked: dict[Name, object] = field(default_factory=dict)  # of other files, and what it was told
    features: Features | None = None  # that others may import, with its constants
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    lifecycle: Lifecycle | None = None  # of a file of one
    policy: Policy | None = None  # of a file of profiles
    policy_at: Node | None = None  # where that begins, sound or not
    policy_names: list[tuple[str, Node]] = field(default_factory=list)  # "id" or "tag" of rules, and where it is named
