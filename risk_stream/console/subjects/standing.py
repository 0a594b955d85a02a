"""How a customer or a group stands, for somebody who may see some legal entities: from these entities' alerts alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from risk_stream.access import Scope
from risk_stream.profiles import Contribution, Past, Profile, Resolved, at, profile_of
from risk_stream.sinks import ProfileState

__all__ = ["seen_contributions", "shown_history", "shown_profile", "standing_of"]


def seen_contributions(state: ProfileState, scope: Scope) -> list[Contribution]:
    """What the alerts that somebody may see add."""
    return [one for one in state.contributions if scope.sees(one.entity)]


def standing_of(state: ProfileState, policy: Resolved | None, scope: Scope, time: int) -> Profile | None:
    """The profile as of a time, ms: as it was published, for who sees all; else of what they may see.

    None where there is none, or no alert that they may see, or no policy is known to add up a part of it.
    """
    record = state.record
    if record is None:
        return None
    if scope.entities is None:
        return at(record, max(time, record.as_of))
    seen = seen_contributions(state, scope)
    if not seen or policy is None:
        return None
    return profile_of(policy, record.kind, record.key, seen, max([time, *(one.time for one in seen)]))


def shown_profile(profile: Profile, sentence: Callable[[str], str], *, whole: bool) -> dict[str, Any]:
    """A profile as a page has it. `sentence` gives the masked sentence of an alert by its id, "" where it has none.

    `whole`: it is made of all alerts, and not only of those that somebody may see.
    """
    said = msgspec.to_builtins(profile)
    said.pop("policy")
    said["rest"] = round(sum(one.points for one in profile.rest), 2)
    for reason in said["reasons"]:
        reason["counted"] = round(min(reason["points"], reason["most"]), 2)
        reason["summary"] = sentence(reason["alert"])
    return {**said, "whole": whole}


def shown_history(history: Sequence[Past]) -> list[dict[str, Any]]:
    """The changes of a profile, the newest first; without the sentences of alerts, which may hold personal data."""
    return [
        {**msgspec.to_builtins(past), "why": [_without_sentence(reason) for reason in past.why]} for past in history
    ]


def _without_sentence(reason: str) -> str:
    """What `in_words` says of a reason, up to its alert's sentence."""
    head, closed, _ = reason.partition("): ")
    return f"{head})" if closed else reason
