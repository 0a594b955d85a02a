"""What changed between two plans, as their authors wrote it: rules added, removed, edited, and what of each."""

from __future__ import annotations

from dataclasses import dataclass

from risk_stream.features import Aggregate
from risk_stream.rules import Plan, Rule
from risk_stream.rules.explain import waits, window, wording
from risk_stream.rules.meaning import ByCase
from risk_stream.rules.meaning import wording as meant

__all__ = ["Edit", "Edited", "edits"]


@dataclass(frozen=True, slots=True)
class Edit:
    """One thing that a rule says, before and after; nothing where it did not say it."""

    what: str  # `when`, `severity`, …, `feature NAME` or `constant NAME`
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Edited:
    """A rule that is not the same in two plans. `means` tells whether it judges or says anything otherwise."""

    rule: str
    status: str  # added, removed or edited
    version_before: str  # "" where it was not there
    version_after: str
    means: bool
    edits: tuple[Edit, ...]


def edits(before: Plan, after: Plan) -> list[Edited]:
    """The rules that differ, by id. Tests and where a rule stands make no difference."""
    old, new = {rule.id: rule for rule in before.rules}, {rule.id: rule for rule in after.rules}
    found = []
    for rule_id in sorted(old.keys() | new.keys()):
        one, other = old.get(rule_id), new.get(rule_id)
        said = _said(one), _said(other)
        differ = tuple(
            Edit(what, said[0].get(what, ""), said[1].get(what, ""))
            for what in {**said[0], **said[1]}
            if said[0].get(what, "") != said[1].get(what, "")
        )
        versions = one.version if one else "", other.version if other else ""
        if not differ and versions[0] == versions[1]:
            continue
        status = "added" if one is None else "removed" if other is None else "edited"
        found.append(Edited(rule_id, status, *versions, versions[0] != versions[1], differ))
    return found


def _said(rule: Rule | None) -> dict[str, str]:
    """What a rule says, by key of the rule file."""
    if rule is None:
        return {}
    said = {
        "stage": rule.stage,
        "on": ", ".join(sorted(rule.on)),
        "when": " ".join(rule.when.split()),
        "after": waits(rule.after) if rule.after is not None else "",
        "from": _day(rule, "first"),
        "until": _day(rule, "last"),
        "group": rule.group,
        "severity": _severity(rule),
        "score": meant(rule.score),
        "action": rule.action,
        "mode": str(rule.mode) if rule.share is None else f"{rule.mode} {rule.share}",
        "at_most": "" if rule.at_most is None else str(rule.at_most),
        "owner": rule.owner,
        "summary": rule.summary,
        "why": rule.why,
        "tags": ", ".join(rule.tags),
        "approximate": "ok" if rule.approximate else "",
    }
    for name, feature in rule.features:
        if isinstance(feature, Aggregate):
            said[f"feature {name}"] = f"{wording(feature)} by {feature.by}, {window(feature)}"
        else:
            said[f"feature {name}"] = " ".join(feature.split())
    for name, meaning in rule.named:
        if isinstance(meaning, ByCase):
            said[f"constant {name}"] = meant(meaning)
    return said


def _day(rule: Rule, end: str) -> str:
    day = getattr(rule.validity, end, None)
    return "" if day is None or rule.validity is None else f"{day} ({rule.validity.calendar})"


def _severity(rule: Rule) -> str:
    if not rule.bands:
        return rule.severity
    return ", ".join(
        [*(f"{b.severity}: {' '.join(b.when.split())}" for b in rule.bands), f"{rule.severity}: otherwise"]
    )
