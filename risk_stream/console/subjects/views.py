"""Views that a person composes: a few cards each, chosen from a list and kept by their name; and those one begins with.

They are kept in Redis, a hash for each person: a view is a matter of taste, of which the chained log of what people
decided should hold nothing, and it has to be found by person and changed in place. Who loses Redis loses their own
views alone, and has those of their role again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

__all__ = ["MOST_CARDS", "MOST_VIEWS", "Card", "View", "as_shown", "beginning", "read_view", "why_not"]

#: Views of a person, cards of a view, values of a filter, and characters of a title.
MOST_VIEWS, MOST_CARDS, MOST_VALUES, LONGEST_TITLE = 20, 12, 20, 80

#: What an id of a view is made of.
ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")

#: The filters of alerts that a card may have, as `GET /v1/alerts` names them.
FILTERS = ("standing", "severity", "stage", "rule", "entity", "assignee", "state")


class Card(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One card: counts, a queue of alerts, a chart of them by hour, cases, or whether the stream is well."""

    kind: Literal["counts", "queue", "hours", "cases", "stream"]
    title: str = ""
    by: Literal["severity", "stage", "entity", "rule"] = "severity"  # counts
    filters: dict[str, list[str]] = {}  # counts, queue, hours; `assignee: [me]` is whoever looks
    rows: int = 8  # queue, cases
    wide: bool = False


class View(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Some cards under a title; `changed` is when it was kept, ms."""

    title: str
    cards: list[Card]
    changed: int = 0


def read_view(json: bytes) -> View:
    """A view as it is kept or sent. Raises `msgspec.ValidationError` or `msgspec.DecodeError`."""
    return _DECODER.decode(json)


_DECODER = msgspec.json.Decoder(View)


def why_not(id: str, view: View) -> str | None:
    """Why a view cannot be kept, in a sentence; None where it can."""
    if not ID.fullmatch(id):
        return f"{id[:40]!r} cannot be a view's name: use a-z 0-9 - and at most 40 characters"
    if not view.title.strip() or len(view.title) > LONGEST_TITLE:
        return f"a view has a title of 1 to {LONGEST_TITLE} characters"
    if not 1 <= len(view.cards) <= MOST_CARDS:
        return f"a view has 1 to {MOST_CARDS} cards"
    for number, card in enumerate(view.cards, 1):
        if wrong := _wrong(card):
            return f"card {number}: {wrong}"
    return None


def _wrong(card: Card) -> str | None:
    if len(card.title) > LONGEST_TITLE:
        return f"its title has at most {LONGEST_TITLE} characters"
    if not 1 <= card.rows <= 50:
        return "it shows 1 to 50 rows"
    for name, values in card.filters.items():
        if name not in FILTERS:
            return f"there is no filter {name[:40]!r}: there are {', '.join(FILTERS)}"
        if len(values) > MOST_VALUES or any(len(value) > LONGEST_TITLE or "," in value for value in values):
            return f"the filter {name} has at most {MOST_VALUES} values, none with a comma"
    return None


_OPEN: Mapping[str, list[str]] = {"standing": ["open", "acknowledged"]}


def _of(**filters: list[str]) -> dict[str, list[str]]:
    return {**_OPEN, **filters}


#: What each role begins with, by the name of the view; titles are keys of the page's own words.
_BEGINNINGS: Mapping[str, View] = {
    "officer": View(
        title="view.my_work",
        cards=[
            Card(kind="counts", by="severity", filters=_of()),
            Card(kind="queue", title="view.mine", filters=_of(assignee=["me"]), rows=10),
            Card(kind="queue", title="view.urgent", filters={"standing": ["open"], "severity": ["critical", "high"]}),
            Card(kind="cases", rows=6),
        ],
    ),
    "author": View(
        title="view.my_rules",
        cards=[
            Card(kind="counts", by="rule", filters=_of()),
            Card(kind="hours", wide=True),
            Card(kind="queue", title="view.withdrawn", filters={"state": ["withdrawn"]}),
            Card(kind="stream"),
        ],
    ),
    "admin": View(
        title="view.the_house",
        cards=[
            Card(kind="stream"),
            Card(kind="counts", by="entity", filters=_of()),
            Card(kind="hours", wide=True),
            Card(kind="cases", rows=8),
        ],
    ),
    "viewer": View(
        title="view.at_a_glance",
        cards=[
            Card(kind="counts", by="severity", filters=_of()),
            Card(kind="counts", by="stage", filters=_of()),
            Card(kind="hours", wide=True),
            Card(kind="cases", rows=8),
        ],
    ),
}

#: Of somebody with several roles those of each, in this order.
_ORDER = ("officer", "author", "admin", "viewer")


def beginning(roles: tuple[str, ...]) -> dict[str, View]:
    """The views that somebody of these roles begins with, by their names; those of a viewer where no role is known."""
    mine = [role for role in _ORDER if role in roles and (role != "viewer" or len(roles) == 1)] or ["viewer"]
    return {role: _BEGINNINGS[role] for role in mine}


def as_shown(id: str, view: View, *, own: bool) -> dict[str, Any]:
    """A view with all its members, as a page has it; `own`: it is kept, and not one that the role begins with."""
    cards = [{name: getattr(card, name) for name in Card.__struct_fields__} for card in view.cards]
    return {"id": id, "title": view.title, "cards": cards, "changed": view.changed, "own": own}
