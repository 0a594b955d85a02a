"""What is past due, at the edges: days as a calendar has them, amounts that are missing, rows that a cap let go."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_stream.calendars import shipped
from risk_stream.calendars.periods import starts
from risk_stream.catalogue import ProblemsError
from risk_stream.features import Aggregate, KeyState, KindLayout, Op, Periods
from tests.features.reference import MISSING, Event, Reference
from tests.features.streams import LATENESS, aggregate, differs, layout, run

#: Fewer days than a rule's: those before and behind them have 24 hours, as they all have there.
CHINA = Periods("today", starts(shipped()["china"], "today")[13_000:14_000], "china")
DAY = 86_400_000
#: 1 January 2026, 09:00 in China.
START = 1_767_229_200_000
DUE, PAID, RETURNED = (frozenset({bit}) for bit in (("order", ""), ("transfer", ""), ("transfer", "out")))


def figures(*, cap: int = 1024, due: str | None = "due_date", before: bool = False) -> KindLayout:
    """Days and amount past due: what is ordered falls due, transfers pay, and those marked out were returned."""
    steps = ((("order", ""),), (("transfer", ""),), (("transfer", "out"),))
    way = {"steps": steps, "due": due, "days": CHINA, "before": before, "window_ms": 14_600 * DAY}
    both = [aggregate(op, "amount", **way) for op in (Op.DAYS_PAST_DUE, Op.AMOUNT_PAST_DUE)]
    return layout(both, cap)


def event(days: float, what: frozenset, amount: int = MISSING, **fields: int) -> Event:
    return Event(START + round(days * DAY), what, {"amount": amount, **fields})


def said(events: list[Event], asked: KindLayout | None = None) -> list[tuple[float, float]]:
    """(days, amount) past due as of each event."""
    state = KeyState(asked or figures(), reserve_mib=8, chunks=2, lateness_ms=LATENESS)
    values, flags = run(state, events)
    assert not flags.any()
    return [(float(days), float(amount)) for days, amount in values]


@pytest.mark.parametrize(
    ("days", "wanted"),
    [(0.62, (0, 0)), (0.63, (1, 10)), (30.62, (30, 10)), (30.63, (31, 10)), (90.63, (91, 10)), (360.63, (361, 10))],
)
def test_the_due_date_is_none_past_due_and_a_day_begins_at_midnight_of_the_calendar(
    days: float, wanted: tuple[float, float]
) -> None:
    """15 hours after nine it is midnight in China, and seven in the evening in London."""
    assert said([event(0, DUE, 1000), event(days, PAID)])[-1] == wanted


def test_payments_settle_the_oldest_instalment_first() -> None:
    found = said([event(0, DUE, 1000), event(31, DUE, 1000), event(40, PAID, 999), event(41, PAID, 1), event(50, PAID)])
    assert found[1:] == [(31, 10), (40, 10.01), (10, 10), (19, 10)]


def test_what_was_returned_settles_nothing() -> None:
    found = said([event(0, DUE, 1000), event(1, PAID, 1000), event(9, RETURNED, 1000), event(9.1, RETURNED, 1000)])
    assert found[1:] == [(0, 0), (9, 10), (9, 10)]


def test_what_is_paid_in_advance_waits_for_the_next_instalment() -> None:
    assert said([event(0, PAID, 1500), event(1, DUE, 1000), event(31, DUE, 1000), event(32, PAID)])[-1] == (1, 5)


def test_an_instalment_is_due_when_its_field_says_and_else_when_it_happens() -> None:
    late = event(5, DUE, 1000, due_date=START - 20 * DAY)
    assert said([late])[-1] == (25, 10)
    assert said([late], figures(due=None))[-1] == (0, 0)
    assert said([event(0, DUE, 1000, due_date=START + 20 * DAY), event(15, DUE, 500), event(17, PAID)])[-1] == (2, 5)


def test_an_amount_that_is_missing_counts_for_nothing_and_an_instalment_of_nothing_is_none() -> None:
    nothing = [event(0, DUE), event(1, DUE, 0), event(2, DUE, -1000), event(3, PAID)]
    assert said([*nothing, event(9, PAID)])[-1] == (0, 0)
    assert said([*nothing, event(4, DUE, 1000), event(9, PAID)])[-1] == (5, 10)


def test_a_key_of_which_nothing_is_known_is_not_past_due() -> None:
    assert said([event(0, PAID)]) == [(0, 0)]


def test_before_leaves_the_event_itself_out() -> None:
    events = [event(0, DUE, 1000), event(20, PAID, 1000), event(21, PAID)]
    assert said(events, figures(before=True)) == [(0, 0), (20, 10), (0, 0)]


def test_what_a_cap_let_go_may_have_been_either_so_the_value_is_marked() -> None:
    state = KeyState(figures(cap=3), reserve_mib=8, chunks=2, lateness_ms=LATENESS)
    _, flags = run(state, [event(day, DUE if day % 2 else PAID, 1000) for day in range(6)])
    assert [int(flag) for flag in flags] == [0, 0, 0, 3, 3, 3]


def test_days_without_a_calendar_are_refused() -> None:
    asked = aggregate(Op.DAYS_PAST_DUE, "amount")
    with pytest.raises(ProblemsError, match="a calendar's days"):
        layout([Aggregate(asked.id, asked.op, asked.of, "", "customer", 1000, "amount", 2, steps=asked.steps)])


@st.composite
def accounts(draw: st.DrawFn) -> list[Event]:
    """Instalments, payments and returns of one loan with small amounts; some late, some dated back or ahead."""
    now, events = 0.0, []
    for _ in range(draw(st.integers(1, 60))):
        now += draw(st.sampled_from([0, 0.4, 1, 12, 30]))
        what = draw(st.sampled_from([DUE, DUE, PAID, PAID, RETURNED, PAID | RETURNED]))
        amount = draw(st.sampled_from([500, 1000, 1000, 1500, -500, 0, MISSING]))
        shift = draw(st.sampled_from([MISSING, 0, 0, 3, -40, -100]))
        due = MISSING if shift == MISSING else START + round((now + shift) * DAY)
        events.append(Event(START + round(now * DAY), what, {"amount": amount, "due_date": due}))
    return events


@given(accounts(), st.randoms(), st.booleans())
@settings(max_examples=40, deadline=None)
def test_every_figure_is_that_of_settling_coin_by_coin_whatever_order_events_come_in(
    events: list[Event], random: object, before: bool
) -> None:
    asked = figures(before=before)
    state = KeyState(asked, reserve_mib=8, chunks=2, lateness_ms=LATENESS, scan_below=5)
    state.sweep(START - DAY)  # the clock stands before all of them, so none is late
    run(state, random.sample(events, len(events)))  # type: ignore[attr-defined]
    in_order = sorted(events, key=lambda e: e.place)
    values, flags = run(state, in_order, asking=True)
    truth = Reference(asked)
    assert not np.asarray(flags).any()
    for row, one in zip(values, in_order, strict=True):
        for a, got, want in zip(asked.aggregates, row, truth.apply(one), strict=True):
            assert not differs(a, float(got), False, want)
