"""Month ends of a book made of events are those that a slow count of every day gives."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from bench.loan_events import events_of
from bench.loans import World, world
from risk_stream.catalogue import Catalogue, EventBatch, load_catalogue
from risk_stream.lending import Kind, due_of, schedule
from risk_stream.lending.ledger import ledger
from tests.lending.histories import elsewhere, figures, month_ends, rows_of, slow_figures, slow_loans
from tests.oracle import lending as slow

MONTHS = 36


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.fixture(scope="module", params=[600, pytest.param(2_000, marks=pytest.mark.slow)])
def loans(request: pytest.FixtureRequest) -> int:
    number: int = request.param
    return number


@pytest.fixture(scope="module")
def made(loans: int) -> World:
    return world(loans, MONTHS, seed=11)


@pytest.fixture(scope="module")
def events(made: World, catalogue: Catalogue) -> list[EventBatch]:
    return events_of(made, catalogue)


@pytest.mark.timeout(300)  # the oracle counts every day of every loan
def test_36_months_from_events_are_the_oracles(
    made: World, loans: int, events: list[EventBatch], catalogue: Catalogue
) -> None:
    """Payments late, partial, backdated and reversed, in an order that has nothing to do with time."""
    known = made.ends[-1]
    found = ledger(events, catalogue, known=known)
    assert found.faults.total == 0
    rows = rows_of(found)
    ends = made.ends.astype(object).tolist()
    wanted = slow.judge_months(slow_loans(made, np.arange(loans)), ends, known.astype(object), elsewhere(made, MONTHS))
    seen = set()
    for month, state in enumerate(month_ends(found, made.ends)):
        want = slow_figures(wanted, month)[rows]
        wrong = np.flatnonzero((figures(state) != want).any(axis=1))
        assert wrong.tolist() == [], (ends[month], figures(state)[wrong[:3]], want[wrong[:3]])
        seen |= {tuple(pair) for pair in want[:, 4:].tolist()}
    assert {reported for reported, _ in seen} == {0, 1, 2, 3, 4}
    assert {stage for _, stage in seen} == {1, 2, 3}


@pytest.mark.parametrize("later", [0, 3])
def test_a_book_as_it_was_known_then_and_as_it_is_known_later(
    made: World, events: list[EventBatch], catalogue: Catalogue, later: int
) -> None:
    """Twelve months by what was booked up to then, and with what was booked in the months after."""
    known = made.ends[11 + later]
    found = ledger(events, catalogue, known=known)
    book, rows = found.book(made.ends[11]), rows_of(found)
    want = made.book(known)
    for loan in range(0, len(found), 7):
        mine, theirs = (slice(b.pay_at[i], b.pay_at[i + 1]) for b, i in ((book, loan), (want, int(rows[loan]))))
        assert sorted(zip(book.value[mine], book.paid[mine], strict=True)) == sorted(
            zip(want.value[theirs], want.paid[theirs], strict=True)
        )


def test_the_order_of_events_and_how_often_they_come_change_nothing(
    made: World, events: list[EventBatch], catalogue: Catalogue
) -> None:
    known = made.ends[-1]
    once = ledger(events, catalogue, known=known)
    again = [batch.take(np.arange(len(batch))[::-1]) for batch in events]
    twice = ledger([*again[::-1], *events[:2]], catalogue, known=known)
    assert twice.faults.count == {"twice": sum(int((_days(b) <= known).sum()) for b in events[:2])}
    for end in made.ends[[5, 20, 35]]:
        one, other = once.book(end), twice.book(end)
        assert all((getattr(one, name) == getattr(other, name)).all() for name in vars(one))
        held = once.held(end), twice.held(end)
        assert all((getattr(held[0], name) == getattr(held[1], name)).all() for name in held[0].__slots__)


def _days(batch: EventBatch) -> np.ndarray:
    return ((batch.times + 8 * 3_600_000) // 86_400_000).astype("datetime64[D]")


@pytest.mark.timeout(120)
def test_new_terms_and_write_offs_are_the_oracles(catalogue: Catalogue) -> None:
    """Restructured loans begin anew with all that is unpaid; written-off ones owe nothing any more."""
    small = world(300, 24, seed=5)
    rng = np.random.default_rng(9)
    loans = slow_loans(small, np.arange(300))
    extra: list[EventBatch] = []
    for loan in range(300):
        known_loan, terms = loans[loan], small.terms[small.template[loan]]
        day = small.start[loan] + np.timedelta64(int(rng.integers(40, 400)), "D")
        if loan % 3 == 0:
            first = day + np.timedelta64(int(rng.integers(10, 60)), "D")
            count = int(rng.integers(3, 20))
            new = replace(terms, start=day, first_due=first, instalments=count)

            def items(unpaid: int, new=new) -> list[slow.Item]:
                due = due_of(schedule(replace(new, principal=unpaid)))
                days = due.due.astype(object).tolist()
                kinds = [Kind(kind).name.lower() for kind in due.kind]
                return list(zip(days, kinds, due.amount.tolist(), strict=True))

            if not _owes(known_loan, day, small.ends[-1]):
                continue
            known_loan.replaced.append((day.astype(object), items))
            extra.append(_event(catalogue, "restructuring", loan, day, first_due=first, instalments=count))
        elif loan % 7 == 0 and _owes(known_loan, day, small.ends[-1]):
            known_loan.written_off = day.astype(object)
            extra.append(_event(catalogue, "write_off", loan, day))
    assert {len(extra) > 80} == {True}
    found = ledger([*events_of(small, catalogue), *extra], catalogue, known=small.ends[-1])
    assert set(found.faults.count) <= {"written_off"}
    ends = small.ends.astype(object).tolist()
    wanted = slow.judge_months(loans, ends, ends[-1], elsewhere(small, 24))
    rows = rows_of(found)
    for month, state in enumerate(month_ends(found, small.ends)):
        want = slow_figures(wanted, month)[rows]
        wrong = np.flatnonzero((figures(state) != want).any(axis=1))
        assert wrong.tolist() == [], (ends[month], figures(state)[wrong[:3]], want[wrong[:3]], rows[wrong[:3]])


def test_two_restructurings_however_close_are_the_oracles(catalogue: Catalogue) -> None:
    """Of all loans, most of them twice: in a month, in the next, later, or twice on one day, which is once."""
    rng = np.random.default_rng(13)
    small = world(300, 24, seed=3)
    first = small.start + rng.integers(20, 400, size=300)
    second = first + rng.choice((0, 1, 3, 9, 25, 40, 300), size=300)
    change = np.stack((first, second), axis=1)
    small = replace(small, restructured=change, observed_from=change + 20)
    found = ledger(events_of(small, catalogue), catalogue, known=small.ends[-1])
    ends, rows = small.ends.astype(object).tolist(), rows_of(found)
    wanted = slow.judge_months(slow_loans(small, np.arange(300)), ends, ends[-1], elsewhere(small, 24))
    for month, state in enumerate(month_ends(found, small.ends)):
        want = slow_figures(wanted, month)[rows]
        wrong = np.flatnonzero((figures(state) != want).any(axis=1))
        assert wrong.tolist() == [], (ends[month], figures(state)[wrong[:3]], want[wrong[:3]], rows[wrong[:3]])


def _owes(loan: slow.Loan, day: np.datetime64, known: np.datetime64) -> bool:
    """Whether anything is owed the evening before a day and on it."""
    end: date = day.astype(object)
    if end > known.astype(object):
        return False
    days = slow.walk(loan, end, known.astype(object))
    return min(days[end].outstanding, days[end - slow.DAY].outstanding) > 0


def _event(
    catalogue: Catalogue, name: str, loan: int, day: np.datetime64, first_due: object = None, instalments: int = 0
) -> EventBatch:
    noon = int(day.astype("datetime64[D]").astype(int)) * 86_400_000 + 4 * 3_600_000
    columns = {
        "id": [f"{name}{loan}"],
        "type": np.array([catalogue.code(name)], np.int16),
        "time": np.array([noon], np.int64),
        "loan": [f"L{loan:07d}"],
    }
    if first_due is not None:
        first = np.array([first_due], "datetime64[D]").astype(np.int64) * 86_400_000
        columns |= {"first_due": first, "instalments": np.array([instalments]), "in_difficulty": np.array([0])}
    return EventBatch.of_columns(catalogue, columns)
