"""A book of loans at a month's end on one core: arrears, five classes, IFRS 9 stages; and whether they are right."""

from __future__ import annotations

import time

import numpy as np

from bench.loans import World, world
from bench.report import best, table
from risk_stream.lending import MonthEnd, before_first_month, load_class_rules, load_stage_rules, month_end
from tests.lending.histories import elsewhere, figures, slow_figures, slow_loans
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
    return {"loans": loans, "seconds": round(seconds, 3), "checked": checked, "mismatches": wrong}


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
