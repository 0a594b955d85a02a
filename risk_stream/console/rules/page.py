"""One rule in full: in words and as written, its features, tests and costs, and how it did."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from risk_stream.catalogue import MASK
from risk_stream.console.rules.rows import RuleRow
from risk_stream.console.workers import HouseHealth
from risk_stream.rules import Plan, Rule
from risk_stream.rules.explain import explain_rule
from risk_stream.workbench.book import page_of
from risk_stream.workbench.words import in_words

__all__ = ["page_of_rule", "source_of"]

#: A text in quotes inside the sentence of an error: it may be a value of anybody's event.
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
#: Lines of a rule file that are shown of one rule.
MOST_LINES = 400


def page_of_rule(plan: Plan, rule: Rule, row: RuleRow, health: HouseHealth | None) -> dict[str, Any]:
    """What the page of a rule shows, but for its alerts and versions, which others know."""
    use = explain_rule(plan, rule.id)
    page = page_of(rule)
    well = None if health is None else health.rules.get(rule.id)
    return {
        "row": row,
        "plan": plan.version,
        "version": rule.version,
        "summary": rule.summary,
        "why": rule.why,
        "on": rule.on,
        "words": in_words(rule, rule.condition),
        "when": rule.when,
        "action": rule.action,
        "score": next((fact.text for fact in page.facts if fact.label == "Score"), ""),
        "severity_words": next((fact.text for fact in page.facts if fact.label == "Severity"), rule.severity),
        "days": use.days,
        "at_most": use.at_most,
        "features": [
            {"name": one.name, "means": one.means, "key": one.key, "window": one.window, "shared": one.shared_with}
            for one in use.features
        ],
        "decisions": [
            {"type": one.type, "way": one.way, "hop": one.hop, "after": one.after, "sure": one.sure}
            for one in use.decisions
        ],
        "rows": [{"when": one.when, "verdict": one.verdict, "reason": one.reason} for one in use.rows],
        "cost": msgspec.to_builtins(use.cost),
        "tests": [
            {"name": test.name, "then": test.verdict or ("fires" if test.fires else "quiet"), "line": test.line}
            for test in rule.tests
        ],
        "file": rule.file,
        "line": rule.line,
        "source": source_of(plan.texts.get(rule.file, ""), rule.line),
        "last_error": "" if well is None else _QUOTED.sub(MASK, well.last_error),
        "error_time": None if well is None else well.error_time_ms,
        "since": None if health is None else health.since_ms,
    }


def source_of(text: str, line: int) -> str:
    """The lines of a rule that begins at a line of its file, up to the next; the whole file where it is a table's."""
    lines = text.splitlines()
    if not 0 < line <= len(lines):
        return ""
    first = lines[line - 1]
    if not first.lstrip().startswith("- "):
        return _cut(lines)
    depth = len(first) - len(first.lstrip())
    end = line
    while end < len(lines) and (not lines[end].strip() or _depth(lines[end]) > depth):
        end += 1
    while end > line and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#")):
        end -= 1  # what stands above the next rule is said of that
    return re.sub(rf"(?m)^ {{{depth}}}", "", _cut(lines[line - 1 : end]))


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())


def _cut(lines: Sequence[str]) -> str:
    more = [f"# {len(lines) - MOST_LINES:,} lines more"] if len(lines) > MOST_LINES else []
    return "\n".join([*lines[:MOST_LINES], *more])
