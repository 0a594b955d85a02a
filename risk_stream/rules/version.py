"""The version of a rule: a hash of what it means and says."""

from __future__ import annotations

import re
from collections.abc import Mapping

from risk_stream.rules.meaning import Meaning, wording
from risk_stream.rules.model import Rule
from risk_stream.rules.sentence import PLACEHOLDER
from risk_stream.rules.words import content_hash

__all__ = ["version_of"]


def version_of(rule: Rule) -> str:
    """A hash of what a rule means and says, however it is written and wherever it stands."""
    named = dict(rule.named)
    summary = PLACEHOLDER.sub(lambda hole: _meant(hole, named), rule.summary)
    meant: tuple[object, ...] = wording(rule.condition), wording(rule.score), rule.approximate
    if rule.bands:
        meant = (*meant, [(band.severity, wording(band.condition)) for band in rule.bands])
    if rule.after is not None:
        meant = (*meant, rule.after.wording)
    return content_hash(repr((rule.id, rule.stage, rule.severity, rule.action, summary, sorted(rule.on), *meant)))


def _meant(hole: re.Match[str], named: Mapping[str, Meaning]) -> str:
    """A placeholder of a summary by what it stands for: a feature of another name and equal meaning is the same."""
    meaning = named.get((hole[1] or "").strip())
    return hole[0] if meaning is None else f"{{{wording(meaning)}}}"
