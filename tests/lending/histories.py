"""The simulated book as the oracle takes it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np

from bench.loans import FAR, World
from risk_stream.lending import (
    ORDERS,
    Class,
    Kind,
    MonthEnd,
    before_first_month,
    load_class_rules,
    load_stage_rules,
    month_end,
)
from risk_stream.lending.ledger import Ledger
from tests.oracle import lending as slow


def slow_loans(world: World, chosen: np.ndarray) -> list[slow.Loan]:
    """Some loans of a world (all of their debtors, for the rules of the debtor)."""
    ends = world.ends.astype(object).tolist()
    products = load_class_rules().products
    at = np.searchsorted(world.payer, np.arange(len(world.start) + 1))
    found = []
    for loan in chosen.tolist():
        items = world.templates[world.template[loan]]
        mine = range(at[loan], at[loan + 1])
        rows = [(f"P{i}", _day(world.value[i]), _day(world.booked[i]), int(world.paid[i])) for i in mine]
        changes = zip(world.restructured[loan], world.observed_from[loan], strict=True)
        found.append(
            slow.Loan(
                start=_day(world.start[loan]),
                items=[
                    (_day(due), Kind(kind).name.lower(), int(amount))
                    for due, kind, amount in zip(items.due, items.kind, items.amount, strict=True)
                ],
                payments=rows,
                reversals={f"P{i}": _day(world.reversed_on[i]) for i in mine},
                order=list(ORDERS)[world.order[loan]],
                debtor=int(world.debtor[loan]),
                retail=bool(world.retail[loan]),
                product=products[world.product[loan]],
                restructured=[(_day(a), _day(b)) for a, b in changes if a != FAR],
                floor={end: Class(world.floor[m, loan]).name.lower() for m, end in enumerate(ends)},
                increased={end for m, end in enumerate(ends) if world.increased[m, loan]},
                unsolved={end for m, end in enumerate(ends) if not world.solved[m, loan]},
                unable={end for m, end in enumerate(ends) if not world.able[m, loan]},
            )
        )
    return found


def elsewhere(world: World, months: int) -> list[dict[int, tuple[int, int]]]:
    """Debts at other banks of each month's end, by debtor."""
    return [
        {d: (int(debt), int(late)) for d, (debt, late) in enumerate(zip(*pair, strict=True)) if debt}
        for pair in zip(world.other_debt[:months], world.other_late[:months], strict=True)
    ]


def figures(state: MonthEnd) -> np.ndarray:
    """What a month's end says of each loan: [loans, 6]."""
    late = state.arrears
    assert late is not None
    said = (late.days, late.amount, late.material_days, late.outstanding, state.classes.reported, state.stages.stage)
    return np.stack(said, axis=1)


def slow_figures(found: list[list[slow.Verdict]], month: int) -> np.ndarray:
    """The same of the oracle's verdicts."""
    return np.array([list(vars(verdicts[month]).values()) for verdicts in found])


def _day(when: np.datetime64) -> date:
    found: date = when.astype(object)
    return found


def month_ends(found: Ledger, ends: Sequence[np.datetime64]) -> list[MonthEnd]:
    """Every month's end of a ledger."""
    state, states = before_first_month(len(found)), []
    for end in ends:
        state = month_end(state, found.book(end), found.held(end), end, load_class_rules(), load_stage_rules())
        states.append(state)
    return states


def rows_of(found: Ledger) -> np.ndarray:
    """The number in the world of each loan of a ledger."""
    names = found.contracts.batch.texts("loan", range(len(found)))
    return np.array([int(name[1:]) for name in names if name], np.int64)
