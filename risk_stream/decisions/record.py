"""A decision as it is recorded and answered: what a table judged of an application, or that none did in time."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from risk_stream.engine import Decided, Verdict

__all__ = ["Decider", "Decision", "decision_of"]

#: Who decided: the rules, the deadline of a request to which they had not answered, or the rules afterwards, of an
#: application that came too late to be judged with the others.
Decider: TypeAlias = Literal["engine", "deadline", "recovered"]


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What is decided about one application. Money in major units, rates as shares a year, times in ms since 1970 UTC.

    `revision` is 0 of what was decided first; one that a late event brought has a higher one than all before it, one
    that was recovered a lower one.
    """

    id: str  # the application's event id
    loan: str
    customer: str
    verdict: Verdict
    limit: float | None = None  # up to which it is approved
    rate_from: float | None = None  # the price band
    rate_to: float | None = None
    score: float | None = None  # points of the table's score
    reasons: list[str]
    table: str  # that decided; empty where none did
    version: str  # of that table: a hash of what it means
    plan: str  # the version of the plan that the application was judged by
    time: int  # of the application
    request: str | None = None  # a hash of the body that asked for it; None where nobody did
    by: Decider = "engine"
    revision: int = 0

    def to_json(self) -> bytes:
        """One JSON object, members in the order above."""
        return msgspec.json.encode(self)


def decision_of(judgement: Decided) -> Decision:
    """The judgement of a table as a decision."""
    return Decision(
        id=judgement.event,
        loan=judgement.keys.get("loan", ""),
        customer=judgement.keys.get("customer", ""),
        verdict=judgement.verdict,
        limit=judgement.limit,
        rate_from=judgement.rate_from,
        rate_to=judgement.rate_to,
        score=judgement.points,
        reasons=list(judgement.reasons),
        table=judgement.rule,
        version=judgement.rule_version,
        plan=judgement.plan,
        time=judgement.time,
        request=judgement.request,
        by="recovered" if judgement.status == "recovered" else "engine",
        revision=judgement.revision if judgement.revises else 0,
    )
