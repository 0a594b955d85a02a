"""A book of loans at a month's end on one core: arrears, five classes, IFRS 9 stages; and whether they are right.

Then the same book from its events: how long it takes from decoded events to a report of 24 month ends.
"""

from __future__ import annotations

import time

import numpy as np

from bench.loan_events import events_of
from bench.loans import World, world
from bench.report import best, table
from risk_stream.catalogue import load_catalogue
from risk_stream.lending import MonthEnd, before_first_month, load_class_rules, load_stage_rules, month_end
from risk_stream.lending.ledger import close, ledger
from risk_stream.lending.ledger import figures as figures_of
from tests.lending.histories import elsewhere, figures, rows_of, slow_figures, slow_loans
from tests.oracle.lending import judge_months

__all__ = ["run"]

MONTHS = 24
#: Loans that the oracle counts day by day: it takes 10 ms for each.
CHECKED = 4_000


def run(quick: bool) -> dict[str, float]:
    """Go through 24 months of a book, time the last one, and compare all months of some loans with the oracle's."""
    loans, checked = (20_000, 500) if quick else (200_000, CHECKED)
    started = time.perf_counter()
    made = world(loans, MONTHS)
    known = made.ends[-1]
    book = made.book(known)
    built = time.perf_counter() - started
    rules, stages = load_class_rules(), load_stage_rules()
    states = [before_first_month(loans)]
    for month in range(MONTHS):
        states.append(month_end(states[-1], book, made.held(month), made.ends[month], rules, stages))
    held = made.held(MONTHS - 1)
    seconds = best(lambda: month_end(states[-2], book, held, known, rules, stages), 3)
    wrong = _mismatches(made, states[1:], checked)
    head = ("a month's end", "amounts due", "payments", "s to make", "s", "mismatches")
    table(head, [(f"{loans:,} loans", len(book.due), len(book.paid), built, seconds, wrong)])
    ledger_s, close_s, events, differ = _from_events(made, states[1:])
    columns = ("the book from events", "events", "s to the ledger", "s to the report", "mismatches")
    table(columns, [(f"{loans:,} loans, {MONTHS} months", events, ledger_s, close_s, differ)])
    return {
        "loans": loans,
        "seconds": round(seconds, 3),
        "checked": checked,
        "mismatches": wrong + differ,
        "events": events,
        "ledger_s": round(ledger_s, 3),
        "close_s": round(close_s, 3),
    }


def _from_events(made: World, states: list[MonthEnd]) -> tuple[float, float, int, int]:
    """Seconds of a core from events to the ledger and to the report, events, and loans whose last month differs."""
    catalogue = load_catalogue()
    batches = events_of(made, catalogue)
    ledger(events_of(world(100, MONTHS), catalogue), catalogue)  # compiles
    started = time.process_time()
    found = ledger(batches, catalogue, known=made.ends[-1])
    made_at = time.process_time()
    closing = close(found, made.ends[-1])
    figures_of(closing)
    ended = time.process_time()
    want = figures(states[-1])[rows_of(found)]
    differ = int((figures(closing.state) != want).any(axis=1).sum())
    return made_at - started, ended - started, sum(map(len, batches)), differ


def _mismatches(made: World, states: list[MonthEnd], checked: int) -> int:
    """Month ends of the first loans (all of their debtors) that are not the oracle's."""
    chosen = np.flatnonzero(made.debtor <= made.debtor[checked - 1])
    ends = made.ends.astype(object).tolist()
    wanted = judge_months(slow_loans(made, chosen), ends, ends[-1], elsewhere(made, MONTHS))
    wrong = 0
    for month, state in enumerate(states):
        want = slow_figures(wanted, month)
        wrong += int((figures(state)[chosen] != want).any(axis=1).sum())
    return wrong
