"""The report of a backtest as a page shows it: what differs rule by rule, examples masked, in the commands' words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from risk_stream.access import Masking
from risk_stream.engine import Alert
from risk_stream.workbench.backtest import Count, Differing, Edited, Judged, Report, RuleReport, TableReport
from risk_stream.workbench.backtest.figures import of_edited
from risk_stream.workbench.backtest.table_words import line_of_table
from risk_stream.workbench.backtest.words import headline, line_of

__all__ = ["told"]

#: Rules that are listed beside those that differ, pairs that fire together, silent rules.
MOST_RULES, MOST_PAIRS, MOST_SILENT = 500, 20, 500


def told(report: Report, masking: Masking, rules: Sequence[str] = ()) -> dict[str, Any]:
    """The report; with examples of `rules` too, where these do not differ."""
    last = list(report.sides)[-1]
    held = [rule for rule in report.rules if last in rule.sides]
    held.sort(key=lambda rule: (-rule.sides[last].alerts, rule.rule))
    return {
        "headline": headline(report),
        "first_day": report.first_day,
        "days": report.days,
        "events": report.counted.events,
        "late": report.counted.late,
        "refused": report.counted.refused,
        "errors": report.counted.errors,
        "seconds": report.counted.seconds,
        "outcomes": report.outcomes,
        "sides": {
            name: {
                "plan": side.plan,
                "rules": side.rules,
                "live": side.live,
                "shadow": side.shadow,
                "judged": _judged(side.judged),
            }
            for name, side in report.sides.items()
        },
        "differing": [_differs(rule, masking) for rule in report.differing],
        "tables": [_table(table) for table in report.tables if table.differs],
        "rules": [_held(rule, last, masking, rule.rule in rules) for rule in held[:MOST_RULES]],
        "more_rules": max(0, len(held) - MOST_RULES),
        "silent": list(report.silent[:MOST_SILENT]),
        "together": [
            {"rules": list(one.rules), "events": one.events, "share": one.share}
            for one in report.overlaps[:MOST_PAIRS]
            if one.share >= 0.5
        ],
    }


def _judged(judged: Judged) -> dict[str, Any]:
    return {"right": judged.right, "wrong": judged.wrong, "precision": judged.precision, "recall": judged.recall}


def _count(count: Count, masking: Masking, *, examples: bool) -> dict[str, Any]:
    return {
        "mode": count.mode,
        "alerts": count.alerts,
        "shown": count.shown,
        "about": count.about,
        "days": list(count.days),
        "severities": count.severities,
        "judged": _judged(count.judged),
        "examples": list(_examples(count.examples, masking)) if examples else [],
    }


def _held(rule: RuleReport, side: str, masking: Masking, examples: bool) -> dict[str, Any]:
    said = _count(rule.sides[side], masking, examples=examples)
    return {"rule": rule.rule, **said, "days": said["days"] if examples else []}


def _differs(rule: RuleReport, masking: Masking) -> dict[str, Any]:
    return {
        "rule": rule.rule,
        "says": line_of(rule),
        "edits": _edits(rule.edited),
        "sides": {name: _count(count, masking, examples=False) for name, count in rule.sides.items()},
        "added": _differing(rule.added, masking),
        "dropped": _differing(rule.dropped, masking),
        "changed": _differing(rule.changed, masking),
        "cost": None if rule.cost is None else msgspec.to_builtins(rule.cost),
    }


def _differing(differing: Differing | None, masking: Masking) -> dict[str, Any] | None:
    if differing is None:
        return None
    return {
        "alerts": differing.alerts,
        "right": differing.right,
        "wrong": differing.wrong,
        "examples": list(_examples(differing.examples, masking)),
    }


def _table(table: TableReport) -> dict[str, Any]:
    return {"table": table.table, "says": line_of_table(table), "edits": _edits(table.edited)}


def _edits(edited: Edited | None) -> list[str]:
    return [] if edited is None else list(of_edited(edited))


def _examples(alerts: Sequence[Alert], masking: Masking) -> Iterator[dict[str, Any]]:
    for alert in alerts:
        masked = masking.alert({"keys": alert.keys, "features": alert.features, "summary": alert.summary})
        yield {
            "time": alert.time,
            "severity": alert.severity,
            "event": alert.event,
            "keys": masked["keys"],
            "summary": masked["summary"],
        }
