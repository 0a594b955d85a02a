"""What a deciding rule says of an event: a judgement with a verdict, which is no alert to anybody."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from risk_stream.engine.alert import Alert
from risk_stream.rules import REQUEST, Ruling

__all__ = ["REQUEST", "Decided", "Verdict", "decided"]

#: What becomes of an application: it is granted, a person looks at it, or it is refused.
Verdict: TypeAlias = Literal["approve", "refer", "decline"]


class Decided(Alert, frozen=True, kw_only=True):
    """The judgement of a decision table. It is named, revised and withdrawn as an alert is, and never shown as one.

    `row` is the place of the row that decided, from 1 on; `reasons` are sentences, the row's own first. `limit` is in
    major units, the rates are shares a year; both are None unless the verdict is to approve. `points` are those of
    the table's score, None where it has none or where it is unknown; `request` is what the event says in its field of
    that name, a hash of the body that asked.
    """

    verdict: Verdict
    row: int
    limit: float | None = None
    rate_from: float | None = None
    rate_to: float | None = None
    points: float | None = None
    reasons: list[str]
    request: str | None = None


def decided(alert: Alert, ruling: Ruling, request: str | None) -> Decided:
    """What a table's rule says of an event, with what the table makes of it."""
    said = msgspec.structs.asdict(alert)
    said["summary"] = f"{ruling.verdict}: {'; '.join(ruling.reasons)}"
    ruled = {name: getattr(ruling, name) for name in Ruling.__slots__}
    return Decided(**said, **ruled, request=request)
