"""Decisions about applications: what is asked, what is recorded of each, and which record is the answer.

`Requests` reads what is asked, `decision_of` makes a record of what a decision table says, `Answers` holds of each
application the first record, and `Verdicts` notices a later one that differs.
"""

from __future__ import annotations

from risk_stream.decisions.answers import (
    Answer,
    Answers,
    Difference,
    Verdicts,
    at_deadline,
    partition_of,
    read_decision,
)
from risk_stream.decisions.record import Decider, Decision, decision_of
from risk_stream.decisions.requests import APPLICATION, BadRequestError, Deadlines, Request, Requests, body_hash

__all__ = [
    "APPLICATION",
    "Answer",
    "Answers",
    "BadRequestError",
    "Deadlines",
    "Decider",
    "Decision",
    "Difference",
    "Request",
    "Requests",
    "Verdicts",
    "at_deadline",
    "body_hash",
    "decision_of",
    "partition_of",
    "read_decision",
]
