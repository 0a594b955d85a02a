"""Month after month, arrears, classes and stages are those that a slow count of every day gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.loans import World, world
from risk_stream.lending import (
    Holding,
    LendingError,
    MonthEnd,
    before_first_month,
    load_class_rules,
    load_stage_rules,
    month_end,
)
from tests.lending.histories import elsewhere, figures, slow_figures, slow_loans
from tests.oracle.lending import judge_months

MONTHS = 36


@pytest.fixture(scope="module")
def made() -> World:
    return world(2_000, MONTHS, seed=11)


def months(made: World, until: int, known: np.datetime64) -> list[MonthEnd]:
    loans, state, found = made.book(known), before_first_month(len(made.start)), []
    for month in range(until):
        state = month_end(state, loans, made.held(month), made.ends[month], load_class_rules(), load_stage_rules())
        found.append(state)
    return found


@pytest.mark.timeout(300)  # the oracle counts 1.5 million days
@pytest.mark.parametrize(("until", "known_at"), [pytest.param(36, 35, marks=pytest.mark.slow), (12, 11), (12, 14)])
def test_every_month_end_is_the_oracles_as_known_then_and_as_known_later(
    made: World, until: int, known_at: int
) -> None:
    """2,000 loans with payments late, partial, early, backdated and reversed; 12 months as known 3 months later too."""
    known = made.ends[known_at]
    chosen = np.arange(len(made.start))
    ends = made.ends[:until].astype(object).tolist()
    wanted = judge_months(slow_loans(made, chosen), ends, known.astype(object), elsewhere(made, until))
    got = months(made, until, known)
    seen_classes, seen_stages = set(), set()
    for month, state in enumerate(got):
        want = slow_figures(wanted, month)
        wrong = np.flatnonzero((figures(state) != want).any(axis=1))
        assert wrong.tolist() == [], (ends[month], figures(state)[wrong[:3]], want[wrong[:3]])
        seen_classes |= set(want[:, 4])
        seen_stages |= set(want[:, 5])
    assert seen_classes == {0, 1, 2, 3, 4}
    assert seen_stages == {1, 2, 3}


def test_the_past_is_judged_again_from_the_month_before_what_changed(made: World) -> None:
    """A late booking changes the months since its value date; the months before stand, and need not be judged again."""
    early, late = made.ends[11], made.ends[20]
    then, now = months(made, 12, early), months(made, 12, late)
    counted_then = (made.booked <= early) & (made.reversed_on > early)
    counted_now = (made.booked <= late) & (made.reversed_on > late)
    changed = made.value[(counted_then != counted_now) & (made.value <= early)].min()
    first = int(np.searchsorted(made.ends, changed))
    assert 0 < first < 12
    assert all((figures(a) == figures(b)).all() for a, b in zip(then[:first], now[:first], strict=True))
    state = then[first - 1]
    for month in range(first, 12):
        held = made.held(month)
        state = month_end(state, made.book(late), held, made.ends[month], load_class_rules(), load_stage_rules())
    assert (figures(state) == figures(now[-1])).all()
    assert (figures(state) != figures(then[-1])).any()


def test_a_month_cannot_be_judged_twice_on_itself(made: World) -> None:
    held, loans = made.held(0), made.book(made.ends[0])
    rules = load_class_rules(), load_stage_rules()
    state = month_end(before_first_month(2_000), loans, held, made.ends[0], *rules)
    with pytest.raises(LendingError, match="a judgement of 2023-01-31 cannot follow one of 2023-01-31"):
        month_end(state, loans, held, made.ends[0], *rules)


def test_columns_of_another_book_are_refused(made: World) -> None:
    held: Holding = replace(made.held(0), debtor=np.zeros(3, np.int64))
    with pytest.raises(LendingError, match="the book has 2000 loans, but its columns have 3 rows"):
        month_end(
            before_first_month(2_000),
            made.book(made.ends[0]),
            held,
            made.ends[0],
            load_class_rules(),
            load_stage_rules(),
        )


def test_the_month_before_of_another_book_is_refused(made: World) -> None:
    rules = load_class_rules(), load_stage_rules()
    with pytest.raises(LendingError, match="the book has 2000 loans, but the month before 1999"):
        month_end(before_first_month(1_999), made.book(made.ends[0]), made.held(0), made.ends[0], *rules)


@pytest.mark.parametrize(("column", "said"), [("debtor", "debtors are numbered"), ("product", "products are numbered")])
def test_a_number_of_nothing_is_refused(made: World, column: str, said: str) -> None:
    held: Holding = replace(made.held(0), **{column: np.full(2_000, 10**6)})
    rules = load_class_rules(), load_stage_rules()
    with pytest.raises(LendingError, match=said):
        month_end(before_first_month(2_000), made.book(made.ends[0]), held, made.ends[0], *rules)
