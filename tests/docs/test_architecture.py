"""The page of the house says what is there: every module and function that it names, every room, every topic."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from docs.house import ALONE, FLOORS, ROOT, nearest, parsed
from risk_stream.catalogue import load_catalogue
from risk_stream.kafka import wanted_topics
from risk_stream.settings import Settings

PAGE = ROOT / "docs" / "architecture.md"
TEXT = PAGE.read_text()
NAMED = sorted(set(re.findall(r"\[`([\w.]+)`\]\(\.\./(risk_stream/[\w/]+\.py)\)", TEXT)))


@cache
def names_in(path: Path) -> frozenset[str]:
    """What a module defines: functions, classes with their methods, constants; and its own name."""
    found = {path.stem, path.parent.name}
    for node in parsed(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            methods = (m for m in node.body if isinstance(m, ast.FunctionDef | ast.AsyncFunctionDef))
            found |= {f"{node.name}.{method.name}" for method in methods}
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return frozenset(found)


def test_it_names_what_it_shows() -> None:
    """A changed way of writing links must not make the tests below say yes to nothing."""
    assert len(NAMED) > 80


@pytest.mark.parametrize(("name", "path"), NAMED)
def test_what_it_names_is_there(name: str, path: str) -> None:
    """A station of a way is a function, method or class of the module that it leads to."""
    assert name in names_in(ROOT / path)


def test_every_room_is_on_it() -> None:
    """In the drawing and in the table, which `make docs` makes of the imports (see `test_docs`)."""
    for room in set(FLOORS) - ALONE:
        assert f"[`{room}`](../risk_stream/{room}/__init__.py)" in TEXT


def test_arrows_that_are_left_out_go_through_others() -> None:
    """What the drawing shows reaches exactly what the imports reach."""
    known = {"a": frozenset("bcd"), "b": frozenset("c"), "c": frozenset("d"), "d": frozenset[str]()}
    assert list(nearest(known)) == [("a", "b"), ("b", "c"), ("c", "d")]


def test_every_topic_is_in_the_table_of_processes() -> None:
    """By its name as the house is installed; the hops' together."""
    for topic in wanted_topics(Settings(), load_catalogue()):
        name = "risk.hop.*" if topic.name.startswith("risk.hop.") else topic.name
        assert name in TEXT, topic.name
    known = {topic.name for topic in wanted_topics(Settings(), load_catalogue())} | {"risk.hop.*", "risk.hop.account"}
    assert set(re.findall(r"risk\.(?:hop\.)?[a-z.*]*[a-z*]", TEXT)) <= known
