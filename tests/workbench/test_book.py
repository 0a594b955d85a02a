"""The book of rules holds every rule, and what rules say is text in it, whatever it looks like."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import pytest

from risk_stream.catalogue import load_catalogue
from risk_stream.rules import Plan, load_plan, plan_of_texts
from risk_stream.workbench.book import book
from risk_stream.workbench.history import Commit, RuleVersion
from risk_stream.workbench.pages import as_html, as_markdown

CORE = load_catalogue()
SHIPPED = Path(__file__).parents[2] / "rules"
EVIL = '</code><script>alert(1)</script><img src=x onerror="alert(1)"> & [a](http://b) *c* `d` | e'

RULES = """
stage: trading
owner: %s
features:
  sent_1h: {count: transfer, where: 'direction == "out"', by: account, window: 1h}
  busy: sent_1h > 2
rules:
  - id: burst
    on: transfer
    when: busy and note != %s
    severity: {critical: sent_1h > 9, high: otherwise}
    score: 10 * sent_1h
    action: block
    mode: shadow
    summary: %s
    why: %s
    tags: [fraud]
    tests:
      - {name: %s, given: [{transfer: {direction: out}}], then: quiet}
"""


class Parsed(HTMLParser):
    """The text, tags, attributes and rows of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.others: set[str] = set()
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag != "meta":
            self.open.append(tag)
        for name, value in attrs:
            if name == "href":
                self.links.append(value or "")
            elif name == "id":
                self.ids.append(value or "")
            elif tag not in {"meta", "html"}:
                self.others.add(name)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes another tag"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.texts.append(data)

    @property
    def text(self) -> str:
        return "\n".join(self.texts)


def evil_plan() -> Plan:
    """A rule in which every text is markup."""
    quoted = "'" + EVIL.replace("'", "''") + "'"
    literal = "'" + EVIL.replace('"', "") + "'"
    when = "busy and entity != " + literal.replace("'", '"')
    text = RULES.replace("busy and note != %s", "'" + when + "'") % (quoted, quoted, quoted, quoted)
    return plan_of_texts({"a<b>.yaml": text}, CORE)


@pytest.fixture(scope="module")
def shipped() -> Plan:
    """The rules that come along."""
    return load_plan([SHIPPED], CORE)


def test_every_shipped_rule_is_there_with_owner_version_reason_and_tests(shipped: Plan) -> None:
    """And is reached from the table of its stage."""
    page = Parsed(as_html(book(shipped)))
    assert page.open == []
    assert sorted(page.ids) == [rule.id for rule in shipped.rules]
    assert sorted(page.links) == [f"#{rule.id}" for rule in shipped.rules]
    texts = set(page.texts)
    for rule in shipped.rules:
        assert {rule.id, rule.owner, rule.version, rule.stage, rule.summary, rule.why, rule.when} - {""} <= texts
        assert {test.name for test in rule.tests} <= texts
        assert {name for name, _ in rule.features} <= texts
        assert {row.reason for row in (rule.table.rows if rule.table else ())} <= texts


def test_the_page_needs_nothing_else(shipped: Plan) -> None:
    """No script, no address, no picture: it can be kept for years."""
    html = as_html(book(shipped))
    page = Parsed(html)
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(page.tags)
    assert page.others == set()
    assert "default-src &#x27;none&#x27;" in html
    assert "@media print" in html
    assert "url(" not in html.split("</style>")[0]


def test_all_of_a_rule_is_said_in_words() -> None:
    """Condition, features with windows and keys, severity by value, score, action, mode."""
    text = RULES.replace("note != %s", "amount > 5") % ("desk", "s", "w", "n")
    text = text.replace("    tags:", "    group: reports\n    until: 2026-12-31\n    tags:")
    [made] = book(plan_of_texts({"a.yaml": text}, CORE)).pages
    facts = {fact.label: fact.text for fact in made.facts}
    assert facts["Judges"] == "each transfer"
    assert (facts["Days"], facts["Group"]) == ("until 2026-12-31 (utc)", "reports")
    ends = 'time is before "2027-01-01T00:00:00.000Z"'
    assert facts["Fires where"] == f"{ends} and busy holds and amount is more than 5"
    assert facts["As written"] == "busy and amount > 5"
    assert facts["Severity"] == "critical where sent_1h is more than 9; high otherwise"
    assert facts["Score"] == "10 * sent_1h"
    assert (facts["Action"], facts["Mode"][:6], facts["Tags"]) == ("block", "shadow", "fraud")
    features, tests = made.tables
    assert sorted(features.rows) == [
        ("busy", "sent_1h > 2", "", ""),
        ("sent_1h", 'count transfer where direction == "out"', "account", "1h"),
    ]
    assert tests.rows == (("quiet", "n"),)


def test_what_looks_like_markup_is_text() -> None:
    """In owner, reason, summary, condition, test, file name and what git says."""
    plan = evil_plan()
    commit = Commit("abc", "2026-03-02T09:00:00Z", EVIL, EVIL, EVIL)
    version = RuleVersion("burst", plan.rules[0].version, ("new",), "a<b>.yaml", 8, "high", "shadow", commit)
    made = book(plan, {"burst": [version]})
    page = Parsed(as_html(made))
    assert page.open == []
    assert not {"script", "img", "b"} & set(page.tags)
    assert page.others == set()
    assert page.links == ["#burst"]
    assert page.texts.count(EVIL) == 7  # the owner twice, the reason, the summary, the test, the author, the subject
    markdown = as_markdown(made)
    outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", markdown.replace("\\`", ""))
    assert "`" not in outside
    assert not re.search(r"(?<!\\)[<>*\[\]]", outside.replace("* **", "").replace("**", ""))
    assert "\\<script\\>" in markdown
    assert "\\[a\\](http://b) \\*c\\*" in markdown


def test_markdown_holds_every_rule_too(shipped: Plan) -> None:
    """With tables that have as many cells in each row as heads."""
    markdown = as_markdown(book(shipped))
    plain = markdown.replace("\\", "")
    for rule in shipped.rules:
        assert f"### {rule.id}\n" in plain
        assert f"`{rule.version}`" in markdown
        assert f"* **Owner**: {rule.owner}\n" in plain
    for table in (part for part in markdown.split("\n\n") if part.startswith("| ")):
        counts = {row.replace("\\|", "").count("|") for row in table.splitlines()}
        assert len(counts) == 1


def test_versions_are_there_the_newest_first() -> None:
    """And what is not committed says so."""
    plan = plan_of_texts({"a.yaml": RULES.replace("note != %s", "amount > 5") % ("desk", "s", "w", "n")}, CORE)
    commit = Commit("abc", "2026-03-02T09:00:00Z", "Ann", "Ann", "Watch it")
    old = RuleVersion("burst", "111", ("new",), "a.yaml", 8, "high", "live", commit)
    new = RuleVersion("burst", "222", ("when", "mode"), "a.yaml", 8, "high", "shadow", None)
    [page] = book(plan, {"burst": [old, new]}).pages
    assert page.tables[-1].rows == (
        ("222", "when, mode", "not committed", "", ""),
        ("111", "new", "2026-03-02T09:00:00Z", "Ann", "Watch it"),
    )
