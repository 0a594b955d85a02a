"""Faults say where they are and what was probably meant."""

from __future__ import annotations

from risk_stream.catalogue import Problem, ProblemsError, did_you_mean, one_line, suggest
from risk_stream.catalogue.problems import MAX_SENTENCE


def test_a_problem_reads_as_place_and_sentence() -> None:
    """Editors jump to file:line:column."""
    assert str(Problem("a.yaml", 3, 7, "is wrong")) == "a.yaml:3:7: is wrong"


def test_a_problem_of_a_whole_file_names_no_line() -> None:
    """0 is no line."""
    assert str(Problem("a.yaml", 0, 0, "is too large")) == "a.yaml: is too large"


def test_all_problems_are_said_at_once() -> None:
    """One line for each."""
    error = ProblemsError([Problem("a", 1, 1, "x"), Problem("b", 2, 2, "y")])
    assert str(error) == "a:1:1: x\nb:2:2: y"


def test_the_nearest_name_is_suggested() -> None:
    """Typing errors, other case and hyphens; nothing where nothing is near."""
    known = ["amount", "account", "declared_income"]
    assert suggest("amuont", known) == "amount"
    assert suggest("Declared-Income", known) == "declared_income"
    assert suggest("weather", known) is None
    assert did_you_mean("acount", known) == '; did you mean "account"?'
    assert did_you_mean("weather", known) == ""


def test_a_sentence_is_one_line_that_somebody_reads() -> None:
    """Whatever it quotes: line breaks are spaces, and the middle of what is too long is left out."""
    assert one_line("there is no\n\n file 'a\tb'") == "there is no file 'a b'"
    said = one_line("'" + "x" * 5_000 + "' is no window: write 10m")
    assert len(said) == MAX_SENTENCE + 3
    assert said.endswith("' is no window: write 10m")
