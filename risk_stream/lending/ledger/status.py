"""How each loan stands at the end of a closed day, as `loan_status` events: the same loan and day give the same id."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from risk_stream.calendars import Calendar, midnight
from risk_stream.lending.ledger.allowances import PRODUCTS
from risk_stream.lending.ledger.closing import Closing
from risk_stream.lending.ledger.openings import CLASSES
from risk_stream.lending.past_due import BUCKETS, bucket

__all__ = ["statuses"]


def statuses(closing: Closing, calendar: Calendar) -> Iterator[dict[str, Any]]:
    """An event for each loan that is on the book, or was a month before: how it left is a standing too.

    Its time is the last millisecond of the day in the calendar's zone. Amounts are in major units.
    """
    contracts, late = closing.ledger.contracts, closing.late
    day = str(closing.as_of)
    left = np.zeros(len(contracts), np.bool_) if closing.before is None else closing.before.outstanding > 0
    rows = np.flatnonzero(closing.held | left)
    _, ended = closing.ledger.written_off(closing.as_of)
    texts = [
        contracts.batch.texts(name, rows.tolist()) for name in ("loan", "customer", "product", "entity", "currency")
    ]
    numbers = (
        late.days,
        bucket(late.days),
        closing.state.classes.reported,
        closing.state.stages.stage,
        late.outstanding,
        late.amount,
        closing.allowance,
        ended,
        closing.state.classes.observing,
        closing.since_opening,
    )
    time = int(midnight(calendar, (closing.as_of + np.timedelta64(1, "D")).astype(object))) - 1
    columns = zip(*texts, *(column[rows].tolist() for column in numbers), strict=True)
    for loan, customer, product, entity, currency, *standing in columns:
        days, at, reported, stage, outstanding, past_due, loss, gone, observing, opened = standing
        event = {
            "id": f"loan_status/{loan}/{day}",
            "type": "loan_status",
            "time": time,
            "entity": entity,
            "loan": loan,
            "customer": customer,
            "product": product if product in PRODUCTS else None,
            "business_date": day,
            "days_past_due": days,
            "bucket": BUCKETS[at],
            "classification": CLASSES[reported],
            "ifrs9_stage": stage,
            "outstanding": outstanding / 100,
            "amount_past_due": past_due / 100,
            "expected_loss": loss / 100,
            "currency": currency,
            "written_off": gone,
            "restructured": observing,
            "since_opening": opened,
        }
        yield {name: value for name, value in event.items() if value is not None}
