"""What changed between two plans, as their authors wrote it: rules added, removed, edited, and what of each."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher

from risk_stream.features import Aggregate
from risk_stream.rules import Plan, Row, Rule
from risk_stream.rules.explain import waits, window, wording
from risk_stream.rules.language.meaning import AggregateValue, Binned, ByCase, FieldValue, Meaning
from risk_stream.rules.language.meaning import wording as meant

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
        differ += tuple(_row_edits(one, other))
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
    if rule.table is not None and rule.table.score is not None:
        said["score"] = meant(rule.table.score, _names(rule, cards=True).get)
    for name, feature in rule.features:
        if isinstance(feature, Aggregate):
            said[f"feature {name}"] = _aggregate(feature)
        else:
            said[f"feature {name}"] = " ".join(feature.split())
    for name, meaning in rule.named:
        if isinstance(meaning, ByCase):
            said[f"constant {name}"] = meant(meaning)
    return said | _asked(rule)


def _aggregate(feature: Aggregate) -> str:
    return f"{wording(feature)} by {feature.by}, {window(feature)}"


def _asked(rule: Rule) -> dict[str, str]:
    """What a rule asks of other files: the points of scorecards, the conditions of rules and what they count."""
    said, names = dict[str, str](), _names(rule)
    cards = {card.id: card for row in (() if rule.table is None else rule.table.rows) for card in row.cards}
    broken_down = {f'scorecard("{card_id}")' for card_id in cards}
    for name, meaning in rule.named:
        if name.endswith('")') and name not in broken_down:
            said[name] = meant(meaning, names.get)
        elif "." in name and isinstance(meaning, AggregateValue):
            said[f"feature {name}"] = _aggregate(meaning.aggregate)
    for card in cards.values():
        for one in card.characteristics:
            said[f'scorecard("{card.id}") {one.name}'] = _points(one.points, names)
    return said


def _points(points: Meaning, names: dict[Meaning, str]) -> str:
    """The points of one line of a scorecard, bin by bin."""
    if not isinstance(points, Binned):
        return meant(points, names.get)
    edges = [f"below {edge:g}" for edge in points.edges]
    bins = [f"{where} {value:.1f}" for where, value in zip([*edges, "else"], points.values, strict=True)]
    missing = [] if points.missing is None else [f"missing {points.missing:.1f}"]
    return f"{meant(points.value, names.get)}: {', '.join([*bins, *missing])}"


def _names(rule: Rule, *, cards: bool = False) -> dict[Meaning, str]:
    """The names of fields and aggregates, those of the rule's own file first; with `cards` of scorecards too."""
    found: dict[Meaning, str] = {}
    for name, meaning in sorted(rule.named, key=lambda named: "." in named[0]):
        if isinstance(meaning, FieldValue | AggregateValue) or (cards and name.startswith("scorecard(")):
            found.setdefault(meaning, name)
    return found


def _row_edits(before: Rule | None, after: Rule | None) -> list[Edit]:
    """The rows of a table that are new, gone or other; a row that has only moved up or down with others is the same."""
    if before is None or after is None:
        return []
    old, new = _rows(before), _rows(after)
    found = []
    for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        for place in range(max(b - a, d - c)):
            was, now = a + place < b, c + place < d
            at = (c + place if now else a + place) + 1
            found.append(Edit(f"row {at}", old[a + place] if was else "", new[c + place] if now else ""))
    return found


def _rows(rule: Rule) -> list[str]:
    """The rows of a table as they are written, with what their values mean."""
    names = _names(rule, cards=True)
    return [] if rule.table is None else [_row(row, names) for row in rule.table.rows]


def _row(row: Row, names: dict[Meaning, str]) -> str:
    when = "otherwise" if row.condition is None else f"when {' '.join(row.when.split())}"
    said = [f"{row.verdict} {when}"]
    if row.limit is not None:
        said.append(f"limit {meant(row.limit, names.get)}")
    if row.rate is not None:
        said.append(f"rate {meant(row.rate[0], names.get)} to {meant(row.rate[1], names.get)}")
    return f"{', '.join(said)}: {row.reason}"


def _day(rule: Rule, end: str) -> str:
    day = getattr(rule.validity, end, None)
    return "" if day is None or rule.validity is None else f"{day} ({rule.validity.calendar})"


def _severity(rule: Rule) -> str:
    if not rule.bands:
        return rule.severity
    return ", ".join(
        [*(f"{b.severity}: {' '.join(b.when.split())}" for b in rule.bands), f"{rule.severity}: otherwise"]
    )
