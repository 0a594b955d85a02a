"""Views: what can be kept, and what each role begins with."""

from __future__ import annotations

import msgspec
import pytest

from risk_stream.access import ROLES
from risk_stream.console.subjects.views import MOST_CARDS, Card, View, beginning, read_view, why_not

GOOD = View(title="Mine", cards=[Card(kind="counts"), Card(kind="queue", filters={"severity": ["high"]})])


def test_a_good_view_can_be_kept_and_read_again() -> None:
    """As it was."""
    assert why_not("mine", GOOD) is None
    assert read_view(msgspec.json.encode(GOOD)) == GOOD


@pytest.mark.parametrize(
    ("id", "view", "says"),
    [
        ("Mine!", GOOD, "'Mine!' cannot be a view's name"),
        ("", GOOD, "cannot be a view's name"),
        ("mine", View(title=" ", cards=GOOD.cards), "a title of 1 to 80"),
        ("mine", View(title="x" * 81, cards=GOOD.cards), "a title of 1 to 80"),
        ("mine", View(title="x", cards=[]), "1 to 12 cards"),
        ("mine", View(title="x", cards=[Card(kind="cases")] * (MOST_CARDS + 1)), "1 to 12 cards"),
        ("mine", View(title="x", cards=[Card(kind="cases", rows=0)]), "card 1: it shows 1 to 50 rows"),
        (
            "mine",
            View(title="x", cards=[Card(kind="queue", filters={"sql": ["1"]})]),
            "card 1: there is no filter 'sql'",
        ),
        ("mine", View(title="x", cards=[Card(kind="queue", filters={"rule": ["a,b"]})]), "none with a comma"),
        ("mine", View(title="x", cards=[Card(kind="cases", title="x" * 90)]), "card 1: its title"),
    ],
)
def test_a_bad_view_is_refused_in_a_sentence(id: str, view: View, says: str) -> None:
    """Which says what is wrong with it, and where."""
    assert says in str(why_not(id, view))


@pytest.mark.parametrize("json", [b"[]", b'{"title": "x"}', b'{"title": "x", "cards": [{"kind": "script"}]}', b"\xff"])
def test_what_is_no_view_is_not_read(json: bytes) -> None:
    """Kinds of cards are those of the list."""
    with pytest.raises((msgspec.ValidationError, msgspec.DecodeError)):
        read_view(json)


def test_every_role_begins_with_a_view_that_could_be_kept() -> None:
    """And they differ."""
    made = {role: beginning((role,)) for role in ROLES}
    assert all(list(views) == [role] for role, views in made.items())
    assert all(why_not(id, view) is None for views in made.values() for id, view in views.items())
    assert len({view.title for views in made.values() for view in views.values()}) == len(ROLES)
    assert list(beginning(("author", "officer", "viewer"))) == ["officer", "author"]
    assert list(beginning(("a-house-role",))) == ["viewer"]
