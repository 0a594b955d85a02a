"""Evaluations of rules that failed: how many, and what the last of them said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["MAX_SENTENCE", "Failures", "add_failures", "failure"]

#: The longest sentence that is kept of an error, characters.
MAX_SENTENCE = 200


class Failures(NamedTuple):
    """Evaluations of one rule that failed: their number, and the last one's error as one line without a traceback."""

    times: int
    last: str


def failure(what: str, error: Exception) -> Failures:
    """One that failed; `what` could not be evaluated."""
    sentence = " ".join(f"{what} failed: {type(error).__name__}: {error}".split())
    return Failures(1, sentence if len(sentence) <= MAX_SENTENCE else sentence[: MAX_SENTENCE - 1] + "…")


def add_failures(total: dict[str, Failures], more: Mapping[str, Failures]) -> None:
    """Add later failures to those counted so far, both by rule id."""
    for rule, (times, last) in more.items():
        before = total.get(rule)
        total[rule] = Failures(times if before is None else before.times + times, last)
