"""What is kept of a rule's failures: their number and one short line of the last."""

from __future__ import annotations

import pytest

from risk_stream.rules.evaluation.failures import MAX_SENTENCE, Failures, add_failures, failure


def test_an_error_becomes_one_line_that_says_what_failed() -> None:
    assert failure("its score", ValueError("no\n  such\tnumber")) == (1, "its score failed: ValueError: no such number")


@pytest.mark.parametrize("length", [10, 1_000, 1_000_000])
def test_however_much_an_error_says_a_bounded_part_is_kept(length: int) -> None:
    said = failure("its condition", RuntimeError("x" * length)).last
    assert len(said) <= MAX_SENTENCE
    assert said.endswith("…") == (length > MAX_SENTENCE)


def test_the_last_failure_speaks_for_all() -> None:
    total = {"a": Failures(2, "first")}
    add_failures(total, {"a": Failures(3, "second"), "b": Failures(1, "other")})
    assert total == {"a": (5, "second"), "b": (1, "other")}
