"""The version of a rule: a hash of what it means and says."""

from __future__ import annotations

import re
from collections.abc import Mapping

from risk_stream.rules.language.meaning import Meaning, wording
from risk_stream.rules.language.sentence import PLACEHOLDER
from risk_stream.rules.model import Rule, Table
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
    if rule.table is not None:
        meant = (*meant, _decides(rule.table, named))
    return content_hash(repr((rule.id, rule.stage, rule.severity, rule.action, summary, sorted(rule.on), *meant)))


def _decides(table: Table, named: Mapping[str, Meaning]) -> list[object]:
    """All that a decision table means and says."""
    said: list[object] = [None if table.score is None else wording(table.score)]
    for row in table.rows:
        reason = PLACEHOLDER.sub(lambda hole: _meant(hole, named), row.reason)
        values = [row.condition, row.limit, *(row.rate or ())]
        cards = [[(one.words, wording(one.points)) for one in card.characteristics] for card in row.cards]
        said.append((row.verdict, reason, [None if value is None else wording(value) for value in values], cards))
    return said


def _meant(hole: re.Match[str], named: Mapping[str, Meaning]) -> str:
    """A placeholder of a summary by what it stands for: a feature of another name and equal meaning is the same."""
    meaning = named.get((hole[1] or "").strip())
    return hole[0] if meaning is None else f"{{{wording(meaning)}}}"
