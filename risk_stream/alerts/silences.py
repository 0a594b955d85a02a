"""Silences: which lives one matches, and why one cannot be."""

from __future__ import annotations

from risk_stream.alerts.life import Life, Silence
from risk_stream.alerts.policy import KINDS, Policy
from risk_stream.alerts.standing import at_words

__all__ = ["matches", "why_not"]


def matches(silence: Silence, life: Life, now: int) -> bool:
    """Whether it keeps a life from being told of at `now`, ms."""
    return (
        silence.begins <= now < silence.ends
        and (not silence.rules or life.rule in silence.rules)
        and (not silence.stages or life.stage in silence.stages)
        and (not silence.severities or life.severity in silence.severities)
        and (not silence.entities or life.entity in silence.entities)
        and all(life.keys.get(kind) == key for kind, key in silence.keys.items())
    )


def why_not(silence: Silence, now: int, policy: Policy) -> str | None:
    """Why a silence cannot be, in a sentence; None where it can."""
    if not silence.reason.strip():
        return "a silence says its reason, which everybody sees beside what it silences: reason"
    if silence.ends <= now or silence.begins >= silence.ends:
        return "a silence ends after it begins, at a time that is to come: begins, ends"
    if silence.ends - max(silence.begins, now) > policy.longest_silence_ms:
        return f"a silence that begins now ends by {at_words(now + policy.longest_silence_ms)} at the latest: ends"
    if not (silence.rules or silence.entities or silence.keys):
        return "it would match alerts of every rule, entity and subject: name rules, entities or keys"
    if unknown := silence.keys.keys() - {*KINDS, "rule"}:
        return f"alerts have no key {min(unknown)[:64]!r} to be silenced by: say one of {', '.join(KINDS)}"
    return None
