"""Events as a house says them, for small books."""

from __future__ import annotations

from typing import Any

import orjson

from risk_stream.catalogue import Decoder, EventBatch, load_catalogue
from risk_stream.lending.ledger import Ledger, ledger

CATALOGUE = load_catalogue()


def said(*events: dict[str, Any]) -> list[EventBatch]:
    """Decoded events; none of them may be refused."""
    values = [orjson.dumps(event) for event in events]
    batch, _, rejects = Decoder(CATALOGUE).decode(values, lambda i: f"f/{i}")
    assert [reject.message for reject in rejects] == []
    return [batch]


def loan(name: str = "L1", **fields: Any) -> dict[str, Any]:
    """The contract of 12,000.00 at 12 % in twelve instalments of 1,066.19 from 15 February 2026."""
    terms = {"principal": 12_000, "annual_rate": 0.12, "instalments": 12, "first_due": "2026-02-15"}
    return {"type": "loan", "time": "2026-01-15T02:00:00Z", "loan": name, "customer": "C1", **terms} | fields


def paid(day: str, amount: float = 1_066.19, name: str = "L1", id: str = "", **fields: Any) -> dict[str, Any]:
    """A payment at ten in the morning in Shanghai."""
    given = {"id": id or f"P-{name}-{day}", "type": "repayment", "time": f"{day}T02:00:00Z", "loan": name}
    return given | {"amount": amount, **fields}


def event(kind: str, day: str, name: str = "L1", **fields: Any) -> dict[str, Any]:
    """Any other event of a loan."""
    return {"id": f"{kind}-{name}-{day}", "type": kind, "time": f"{day}T03:00:00Z", "loan": name, **fields}


def book_of(*events: dict[str, Any], **how: Any) -> Ledger:
    """The ledger of events."""
    return ledger(said(*events), CATALOGUE, **how)
