"""The simulated loan book: schedules add up, approved loans are drawn and fall due, what is missed stays unpaid."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from itertools import pairwise

import orjson
import pytest

from risk_stream.catalogue import Decoder, load_catalogue
from risk_stream.lending.ledger import close, figures, ledger
from risk_stream.simulate import Market

DAY = 86_400_000


@pytest.fixture(scope="module")
def market() -> Market:
    return Market(5, customers=800, days=75, episodes={"missed_instalments": 3, "many_lenders": 2}, density=0.05)


@pytest.fixture(scope="module")
def loans(market) -> dict[str, list[dict]]:
    """The events of each loan, in order."""
    found = defaultdict(list)
    for part in market.slices():
        for value, topic in zip(part.values, part.topics, strict=True):
            if topic == "loans" and "loan" in (event := orjson.loads(value)):
                found[event["loan"]].append(event)
    return found


def of(events, type):
    return [event for event in events if event["type"] == type]


def test_a_loan_is_applied_for_reported_decided_and_drawn_in_that_order(loans):
    steps = ["application", "bureau_report", "decision", "drawdown", "instalment_due"]
    drawn = [events for events in loans.values() if of(events, "drawdown")]
    assert len(drawn) > 30
    for events in drawn:
        types = list(dict.fromkeys(event["type"] for event in events if event["type"] in steps))
        assert types == steps[: len(types)]
        assert of(events, "decision")[0]["verdict"] == "approve"


def test_the_first_instalment_falls_due_about_a_month_after_the_drawdown(loans):
    waits = [
        (of(events, "instalment_due")[0]["time"] - of(events, "drawdown")[0]["time"]) / DAY
        for events in loans.values()
        if of(events, "drawdown") and of(events, "instalment_due")
    ]
    assert len(waits) > 10
    assert all(19 < wait < 45 for wait in waits)


def test_instalments_are_level_and_the_balance_goes_down(loans):
    for events in loans.values():
        dues = of(events, "instalment_due")
        for before, after in pairwise(dues):
            assert after["instalment"] == before["instalment"] + 1
            assert after["outstanding"] < before["outstanding"]
            if after["outstanding"] > 0:
                assert after["amount"] == before["amount"]


def test_what_is_due_is_paid_unless_it_was_planted_otherwise(loans, market):
    missed = {
        loan for episode in market.episodes if episode.kind == "missed_instalments" for loan in episode.keys["loan"]
    }
    assert len(missed) == 3
    end = max(events[-1]["time"] for events in loans.values())
    for loan, events in loans.items():
        due = sum(event["amount"] for event in of(events, "instalment_due") if event["time"] < end - 25 * DAY)
        paid = sum(event["amount"] for event in of(events, "repayment"))
        if loan in missed:
            assert paid < due
        else:
            assert paid >= due - 0.01


def test_a_planted_default_misses_two_in_a_row(loans, market):
    for episode in market.episodes:
        if episode.kind == "missed_instalments":
            (loan,) = episode.keys["loan"]
            first, second = of(loans[loan], "instalment_due")[:2]
            assert {first["id"], second["id"]} <= set(episode.events)
            assert not [event for event in of(loans[loan], "repayment") if event["time"] < second["time"]]


def test_collateral_follows_the_price_of_what_is_pledged(loans):
    valued = [of(events, "collateral_valuation") for events in loans.values() if of(events, "collateral_valuation")]
    assert valued
    for valuations in valued:
        assert len({event["loan_balance"] for event in valuations}) == 1
        assert len({event["collateral_value"] for event in valuations}) > 1
        assert all(event["collateral_value"] > event["loan_balance"] for event in valuations)


def test_the_book_closes_from_its_events_without_a_fault(market, loans):
    """Contracts make the instalments that fall due; what an episode leaves unpaid is late, nothing else for long."""
    catalogue = load_catalogue()
    values = [orjson.dumps(event) for events in loans.values() for event in events]
    batch, _, rejects = Decoder(catalogue).decode(values, str)
    assert rejects == []
    book = ledger([batch], catalogue)
    assert book.faults.count == {}
    drawn = {name for name, events in loans.items() if of(events, "drawdown")}
    assert drawn <= set(book.contracts.batch.texts("loan", range(len(book))))
    found = figures(close(book, str(market.start + timedelta(74))))
    assert found.since_opening is not None
    assert found.since_opening.loans + len(drawn) >= found.all.loans > 100
    assert sum(part.loans for part in found.buckets[2:]) <= 3
