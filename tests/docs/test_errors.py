"""Each sentence that says what is wrong says what happened, where, and what to do, as far as a machine can tell."""

from __future__ import annotations

import ast

import pytest

from docs.errors import OTHERWISE, SECTIONS, errors_page, says_what_to_do, section_of
from docs.messages import PACKAGE, messages


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.title)
def test_sentences_say_what_to_do(section: object) -> None:
    """On the command line, of settings and of Kafka each tells what to do; elsewhere what would be right may do."""
    of_it = [message for message in messages() if section_of(message) is section]
    must = section_of(of_it[0]).must
    lacking = [
        f"{message.module}: {message.text}"
        for message in of_it
        if must and message.text not in OTHERWISE and not any(says(message.text) for says in must)
    ]
    assert lacking == []


def test_exceptions_are_still_said() -> None:
    """And there are few."""
    assert set(OTHERWISE) <= {message.text for message in messages()}
    assert len(OTHERWISE) <= 20


def test_a_sentence_is_one() -> None:
    """Words, no line break, no name of an error's class, an end."""
    odd = [
        f"{message.module}: {message.text}"
        for message in messages()
        if not (len(message.text.split()) > 1 or "{" in message.text)
        or "\n" in message.text
        or "Error:" in message.text
        or message.text.endswith((" ", ":", ";", ","))
    ]
    assert odd == []


def test_no_error_of_ours_is_raised_without_a_sentence() -> None:
    """What reaches a user is found in the source, also what will be written tomorrow."""
    carriers = {message.carrier for message in messages()}
    ours = {
        node.name
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef) and node.name.endswith("Error")
    }
    #: Carried by lists of problems, raised as they come, or told by who catches them.
    inner = {*("ProblemsError", "CatalogueError", "PlanError", "CalendarError", "AccessError", "PolicyError")}
    inner |= {
        "NoticesError",
        "LostError",
        "EnoughError",
        "FencedError",
        "TableError",
        "UnknownKeyError",
        "LaterPlanError",
    }
    silent = {
        name
        for name in ours - carriers - inner
        if any(f"raise {name}(" in path.read_text() for path in PACKAGE.rglob("*.py"))
    }
    assert silent == set()


def test_the_page_has_each_sentence_once() -> None:
    """Below the head of where it is met."""
    lines = [line for line in errors_page().splitlines() if line.startswith("* ")]
    assert len(lines) > 900
    assert len(lines) - len(set(lines)) < 40  # a few are met in two places


def test_the_check_tells_sentences_apart() -> None:
    """What only says that something is wrong does not pass."""
    assert says_what_to_do("RISK_STREAM_X is no number: write one")
    assert says_what_to_do("there is no rule a{did you mean}")
    assert not says_what_to_do("it did not work")
    assert not says_what_to_do("the file is broken and was written by somebody")
