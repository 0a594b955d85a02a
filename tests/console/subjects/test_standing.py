"""How a customer stands, for who sees all and for who sees some entities; no sentence of an alert slips through."""

from __future__ import annotations

import msgspec

from risk_stream.access import EVERYWHERE, Scope
from risk_stream.console.subjects.standing import shown_history, shown_profile, standing_of
from risk_stream.profiles import Contribution, Policy, Resolved, Weight, past_of, profile_of, record_of, resolve
from risk_stream.sinks.profiles import ProfileState

DAY = 86_400_000


def policy() -> Resolved:
    """Points by severity, halved after ten days."""
    weight = Weight(1.0, 10 * DAY, {"high": 20.0, "critical": 45.0})
    lines = (("A", 0.0), ("B", 8.0), ("C", 25.0))
    return resolve(Policy("house", "risk", lines, lines, {"trading": weight}), {})


def one(id: str, entity: str, severity: str = "high", time: int = 0) -> Contribution:
    return Contribution(id, 1, True, "C1", f"r{id}", "trading", severity, 0.0, time, entity, f"Li Wei did {id}")


def state(*contributions: Contribution, published: bool = True) -> ProfileState:
    profile = profile_of(policy(), "customer", "C1", contributions, 0)
    record = record_of(profile, None, ["grade C"]) if published else None
    json = b"" if record is None else msgspec.json.encode(record)
    return ProfileState("customer:C1", 1, 1, json, False, None, "", None, list(contributions))


def test_who_sees_all_sees_the_published_profile_as_it_is_left() -> None:
    """Half of it after a half-life."""
    made = standing_of(state(one("1", "Alpha"), one("2", "Beta")), policy(), EVERYWHERE, 10 * DAY)
    assert made is not None
    assert (made.score, made.grade) == (20.0, "B")


def test_who_sees_an_entity_sees_what_its_alerts_make() -> None:
    """Not the score, the grade or the reasons that others' alerts give."""
    mine = state(one("1", "Alpha"), one("2", "Beta", "critical"))
    made = standing_of(mine, policy(), Scope(frozenset({"Alpha"})), 0)
    assert made is not None
    assert (made.score, made.grade, [r.rule for r in made.reasons]) == (20.0, "B", ["r1"])
    assert made.by_entity == {"Alpha": 20.0}
    assert standing_of(mine, policy(), Scope(frozenset({"Gamma"})), 0) is None
    assert standing_of(mine, None, Scope(frozenset({"Alpha"})), 0) is None
    assert standing_of(state(published=False), policy(), EVERYWHERE, 0) is None


def test_what_is_shown_has_masked_sentences_alone() -> None:
    """Neither the reasons nor the history say what a sentence says."""
    found = state(one("1", "Alpha"))
    made = standing_of(found, policy(), EVERYWHERE, 0)
    assert made is not None
    shown = shown_profile(made, {"1": "*** did 1"}.get, whole=True)  # type: ignore[arg-type]
    assert shown["reasons"][0]["summary"] == "*** did 1"
    assert (shown["reasons"][0]["counted"], shown["whole"]) == (20.0, True)
    assert found.record is not None
    history = shown_history([past_of(found.record)])
    assert history[0]["why"] == ["20.0 points for r1 (trading, high, 1970-01-01)"]
    assert b"Li Wei" not in msgspec.json.encode([shown, history])
