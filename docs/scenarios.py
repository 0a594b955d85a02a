"""Makes docs/scenarios.md: the scenarios of docs/scenarios.yaml, and what the shipped rule files say of their rules."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from docs.tables import rows
from risk_stream.catalogue import load_catalogue
from risk_stream.rules import Plan, Rule, load_plan

__all__ = ["listed", "scenarios_page", "shipped_plan"]

DOCS = Path(__file__).parent
RULES = DOCS.parent / "rules"

HEAD = """# Scenarios

<!-- made by `make docs` from docs/scenarios.yaml and rules/; edit there -->

What the shipped rules detect, without a line of Python. Each has its tests beside it in its file, and
`risk-stream rules test rules` runs them. Numbers are parameters with defaults: constants at the top of a file, or in
the condition itself. *Watches* says which events a rule counts and judges, by which [keys](events.md#keys).
"""

SURVEILLANCE = """## The exchanges' surveillance conditions

The sixteen conditions of abnormal trading that the packs `rules/trading/surveillance_*.yaml` ask. Their numbers stand
as constants in [surveillance_parameters.yaml](../rules/trading/surveillance_parameters.yaml), each with its source: the
exchanges' rules, or a vendor's front end to them. A *position* is an instrument in the hands of one investor, all
accounts under common control taken together; the feed brings it.
"""

NOT_YET = """## What cannot be said yet

"""


def shipped_plan() -> Plan:
    """The plan of all shipped rule files."""
    return load_plan([RULES], load_catalogue())


def listed() -> dict[str, Any]:
    """What docs/scenarios.yaml holds."""
    read: dict[str, Any] = yaml.safe_load((DOCS / "scenarios.yaml").read_text())
    return read


def scenarios_page() -> str:
    """The page: scenarios, surveillance conditions, and what cannot be said."""
    plan, said = shipped_plan(), listed()
    rules = {rule.id: rule for rule in plan.rules}
    tagged = {tag: rule for rule in plan.rules for tag in rule.tags}
    scenarios = rows(("scenario", "rule", "watches", "why"), _scenario_lines(said["scenarios"], rules))
    conditions = rows(
        ("code", "condition", "rule", "what the rule asks differently"), _codes(said["surveillance"], tagged)
    )
    missing = "\n".join(f"* {line}" for line in said["not_yet"])
    count = (
        f"{len(said['scenarios'])} scenarios, {len(rules)} rules, {sum(len(rule.tests) for rule in plan.rules)} tests."
    )
    parts = [HEAD + "\n" + count, scenarios, SURVEILLANCE, conditions, NOT_YET + missing]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _scenario_lines(said: list[dict[str, Any]], rules: dict[str, Rule]) -> Iterator[tuple[str, ...]]:
    """One line for each rule; the scenario's name stands on its first."""
    for one in said:
        for number, name in enumerate(one["rules"]):
            rule = rules[name]
            yield "" if number else one["scenario"], _link(rule), _watches(rule), rule.why


def _codes(said: list[dict[str, str]], tagged: dict[str, Rule]) -> Iterator[tuple[str, ...]]:
    for one in said:
        yield one["code"].upper(), one["condition"], _link(tagged[one["code"]]), one.get("asks", "")


def _link(rule: Rule) -> str:
    """The rule's name, leading to its file."""
    file = Path(rule.file)
    path = file if not file.is_absolute() else file.relative_to(DOCS.parent)
    return f"[{rule.id}](../{path}) ({rule.severity})"


def _watches(rule: Rule) -> str:
    """The types of event that it judges and counts, and the keys it counts them by."""
    types = sorted({*rule.on, *(name for aggregate in rule.aggregates for name in aggregate.of)})
    keys = sorted({aggregate.by for aggregate in rule.aggregates})
    return ", ".join(types) + (f" by {', '.join(keys)}" if keys else "")
