"""What a check or a test finds, as GitHub and JUnit read it."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from risk_stream.cli.findings import Finding, as_github, as_junit

WRONG = Finding("rules/a.yaml", 7, 3, "large-outflow", "two", "it is quiet: 100 % of it\nand more")
RIGHT = Finding("rules/a.yaml", 9, 0, "large-outflow", "three", "")
WARNING = Finding("rules/a.yaml", 2, 5, "", "check", "no rule of this file uses the feature 'x'", "warning")


def test_github_shows_each_sentence_at_its_line_and_nothing_of_what_is_right() -> None:
    assert list(as_github([WRONG, RIGHT, WARNING])) == [
        "::error file=rules/a.yaml,line=7,col=3,title=large-outflow%3A two::it is quiet: 100 %25 of it%0Aand more",
        "::warning file=rules/a.yaml,line=2,col=5,title=check::no rule of this file uses the feature 'x'",
    ]


def test_junit_counts_what_was_looked_at_and_what_failed() -> None:
    root = ET.fromstring(as_junit("rules test", [WRONG, RIGHT, WARNING]))
    assert (root.get("tests"), root.get("failures")) == ("2", "1")
    cases = list(root.iter("testcase"))
    assert [(case.get("classname"), case.get("name")) for case in cases] == [
        ("large-outflow", "two"),
        ("large-outflow", "three"),
    ]
    failure = cases[0].find("failure")
    assert failure is not None
    assert failure.text == "rules/a.yaml:7:3: it is quiet: 100 % of it\nand more"
    assert cases[1].find("failure") is None


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), min_size=1))
def test_whatever_a_sentence_holds_is_one_command_and_sound_xml(text: str) -> None:
    found = Finding("a.yaml", 1, 1, text, text, text)
    (line,) = as_github([found])
    assert len(line.splitlines()) <= 1 or "\n" not in line
    assert ET.fromstring(as_junit("s", [found])).get("failures") == "1"
