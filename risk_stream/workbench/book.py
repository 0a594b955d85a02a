"""A book of the rules for auditors: of each rule what it judges, when it fires, what it does, who answers for it.

`book` gathers it, `pages` writes it as HTML or Markdown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from risk_stream.features import Aggregate
from risk_stream.rules import STAGES, Plan, Rule
from risk_stream.rules.explain import judged_days, waits, window, wording
from risk_stream.workbench.history import RuleVersion
from risk_stream.workbench.words import in_words, value_in_words

__all__ = ["Book", "Fact", "RulePage", "Table", "book", "page_of"]

#: What a mode means for whoever works alerts.
MODES = {
    "live": "live: its alerts are shown",
    "shadow": "shadow: judged and counted, its alerts are not shown",
    "off": "off: checked, not judged",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that is said of a rule; `code` is text of the rule language."""

    label: str
    text: str
    code: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Several things of one kind: a title, what its columns hold, and its rows."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class RulePage:
    """All that is said of a rule."""

    id: str
    stage: str
    owner: str
    severity: str  # the highest that its alerts can have
    mode: str
    version: str
    facts: tuple[Fact, ...]
    tables: tuple[Table, ...]


@dataclass(frozen=True, slots=True)
class Book:
    """The rules of a plan by stage, in the order of a loan's life, then by id."""

    plan: str  # the plan's version
    said: str  # how many rules there are, in a sentence
    pages: tuple[RulePage, ...]


def book(plan: Plan, history: Mapping[str, Sequence[RuleVersion]] | None = None) -> Book:
    """The book of a plan; `history` holds the versions of its rules, where git knows them."""
    rules = sorted(plan.rules, key=lambda rule: (STAGES.index(rule.stage), rule.id))
    modes = Counter(rule.mode for rule in rules)
    said = f"{len(rules)} rules: {', '.join(f'{modes[mode]} {mode}' for mode in MODES if modes[mode])}"
    return Book(plan.version, said, tuple(page_of(rule, (history or {}).get(rule.id, ())) for rule in rules))


def page_of(rule: Rule, versions: Sequence[RuleVersion] = ()) -> RulePage:
    """All that is said of one rule."""
    highest = rule.bands[0].severity if rule.bands else rule.severity
    found = (_rows(rule), _features(rule), _tests(rule), _history(versions))
    tables = tuple(table for table in found if table.rows)
    return RulePage(rule.id, rule.stage, rule.owner, highest, rule.mode, rule.version, tuple(_facts(rule)), tables)


def _facts(rule: Rule) -> Iterator[Fact]:
    yield Fact("Owner", rule.owner)
    if rule.why:
        yield Fact("Why", rule.why)
    yield Fact("Says", rule.summary)
    after = "" if rule.after is None else f", {waits(rule.after)}"
    yield Fact("Judges", f"each {' and '.join(rule.on)}{after}")
    if rule.validity is not None:
        yield Fact("Days", judged_days(rule.validity))
    yield Fact("Decides where" if rule.table else "Fires where", in_words(rule, rule.condition))
    yield Fact("As written", rule.when, code=True)
    if rule.table is None:
        yield Fact("Severity", _severity(rule))
        yield Fact("Score", value_in_words(rule, rule.score))
        yield Fact("Action", rule.action)
    yield Fact("Mode", MODES[rule.mode] if rule.share is None else f"live for {rule.share}, in shadow for the rest")
    if rule.at_most is not None:
        yield Fact("Shown", f"at most {rule.at_most}")
    if rule.approximate:
        yield Fact("Approximate", "takes values that a cap made inexact as if they were exact")
    if rule.group:
        yield Fact("Group", rule.group)
    if rule.tags:
        yield Fact("Tags", ", ".join(rule.tags))
    yield Fact("Version", rule.version, code=True)
    yield Fact("File", f"{rule.file}:{rule.line}", code=True)


def _severity(rule: Rule) -> str:
    if not rule.bands:
        return rule.severity
    levels = [f"{band.severity} where {in_words(rule, band.condition)}" for band in rule.bands]
    return "; ".join([*levels, f"{rule.severity} otherwise"])


def _rows(rule: Rule) -> Table:
    rows = () if rule.table is None else rule.table.rows
    cells = []
    for place, row in enumerate(rows, 1):
        when = "otherwise" if row.condition is None else in_words(rule, row.condition)
        cells.append((str(place), row.verdict, when, row.reason))
    return Table("Rows, of which the first that holds decides", ("row", "says", "where", "because"), tuple(cells))


def _features(rule: Rule) -> Table:
    rows = []
    for name, feature in rule.features:
        if isinstance(feature, Aggregate):
            rows.append((name, wording(feature), feature.by, window(feature)))
        else:
            rows.append((name, " ".join(feature.split()), "", ""))
    return Table("Features", ("name", "is", "of each", "window"), tuple(rows))


def _tests(rule: Rule) -> Table:
    rows = tuple((test.verdict or ("fires" if test.fires else "quiet"), test.name) for test in rule.tests)
    return Table("Tests", ("the rule", "where"), rows)


def _history(versions: Sequence[RuleVersion]) -> Table:
    rows = []
    for one in reversed(versions):
        commit = one.commit
        facts = ("not committed", "", "") if commit is None else (commit.when, commit.author, commit.subject)
        rows.append((one.version, ", ".join(one.changed), *facts))
    return Table("History", ("version", "changed", "when", "by", "commit"), tuple(rows))
