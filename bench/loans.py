"""A simulated book of loans: schedules, payments late, partial, early, backdated and reversed, and what is known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from risk_stream.lending import (
    NEVER,
    ORDERS,
    Book,
    Class,
    Due,
    Holding,
    Loan,
    Method,
    Terms,
    add_months,
    book,
    due_of,
    load_class_rules,
    schedule,
    sequence,
)

__all__ = ["FAR", "World", "world"]

_FIRST_END = np.datetime64("2023-01-31", "D")
_ORDERS = tuple(ORDERS)
_TEMPLATES = 60
_DAY = np.timedelta64(1, "D")
#: Of what does not happen.
FAR = np.datetime64("2999-12-31", "D")


@dataclass(frozen=True)
class World:
    """Loans (a row each), their payments (a row each, by loan) and what is known at each month's end."""

    terms: list[Terms]
    templates: list[Due]  # what each of the terms makes due
    ends: NDArray[np.datetime64]
    template: NDArray[np.int64]
    start: NDArray[np.datetime64]
    order: NDArray[np.int64]  # position in ORDERS
    debtor: NDArray[np.int64]
    retail: NDArray[np.bool_]
    product: NDArray[np.int64]
    restructured: NDArray[np.datetime64]  # [loans, 2]: the first and the second change; far away where there is none
    observed_from: NDArray[np.datetime64]
    floor: NDArray[np.int64]  # [months, loans]
    increased: NDArray[np.bool_]
    solved: NDArray[np.bool_]
    able: NDArray[np.bool_]
    other_debt: NDArray[np.int64]  # [months, debtors]
    other_late: NDArray[np.int64]
    payer: NDArray[np.int64]  # the loan of each payment
    value: NDArray[np.datetime64]
    booked: NDArray[np.datetime64]
    paid: NDArray[np.int64]
    reversed_on: NDArray[np.datetime64]  # the day on which it was reversed; far away where it was not

    @cached_property
    def _before_payments(self) -> Book:
        """The book without a payment."""
        orders = [ORDERS[name] for name in _ORDERS]
        by = [[sequence(items, order) for order in orders] for items in self.templates]
        none = np.zeros(0, "datetime64[D]"), np.zeros(0, np.int64)
        loans = zip(self.start, self.template.tolist(), self.order.tolist(), strict=True)
        return book(Loan(start, self.templates[t], none, by[t][o]) for start, t, o in loans)

    def book(self, known: Any) -> Book:
        """The book with the payments that are known at the end of a day and not reversed by then."""
        counts = (self.booked <= known) & (self.reversed_on > known)
        at = np.searchsorted(self.payer[counts], np.arange(len(self.start) + 1))
        value, paid = self.value[counts].astype(np.int64), self.paid[counts]
        return replace(self._before_payments, pay_at=at, value=value, paid=paid)

    def held(self, month: int) -> Holding:
        """What is known beside schedules and payments at a month's end."""
        last = (self.restructured <= self.ends[month]).sum(axis=1) - 1
        rows = np.arange(len(self.start))
        seen = last >= 0
        return Holding(
            debtor=self.debtor,
            retail=self.retail,
            product=self.product,
            floor=self.floor[month],
            restructured=np.where(seen, self.restructured[rows, last], NEVER),
            observed_from=np.where(seen, self.observed_from[rows, last], NEVER),
            changed_before=np.where(last > 0, self.restructured[:, 0], NEVER),
            solved=self.solved[month],
            able=self.able[month],
            increased=self.increased[month],
            other_debt=self.other_debt[month],
            other_late=self.other_late[month],
        )


def world(loans: int, months: int = 36, seed: int = 1) -> World:
    """A book of so many loans over so many months' ends, the same for the same seed."""
    rng = np.random.default_rng(seed)
    ends = add_months(_FIRST_END, np.arange(months), end_of_month=True)
    terms = _terms(rng)
    templates = [due_of(schedule(one)) for one in terms]
    template = rng.integers(_TEMPLATES, size=loans)
    debtor = np.sort(rng.integers(max(loans * 2 // 3, 1), size=loans))
    debtors = int(debtor.max()) + 1
    firm = rng.random(debtors) < 0.3
    start = np.array([one.start for one in terms], "datetime64[D]")[template]
    change = start[:, None] + rng.integers(60, 500, size=(loans, 2)) * _DAY
    change.sort(axis=1)
    change[:, 1] += (change[:, 1] == change[:, 0]) * _DAY
    kept = rng.random((loans, 1)) < np.array([[0.06, 0.02]])
    kept[:, 1] &= kept[:, 0]
    wide = (months, loans)
    floor = np.where(rng.random(wide) < 0.003, rng.integers(1, len(Class), size=wide), 0)
    other_debt = np.where(firm & (rng.random(debtors) < 0.5), rng.integers(10**5, 10**8, size=debtors), 0)
    late = (rng.random((months, debtors)) < 0.02).cumsum(axis=0) % 2 == 1
    return World(
        terms=terms,
        templates=templates,
        ends=ends,
        template=template,
        start=start,
        order=rng.integers(len(_ORDERS), size=loans),
        debtor=debtor,
        retail=~firm[debtor],
        product=(rng.random(loans) < 0.1).astype(np.int64) * load_class_rules().products.index("credit_card"),
        restructured=np.where(kept, change, FAR),
        observed_from=np.where(kept, change + rng.integers(1, 40, size=(loans, 2)) * _DAY, FAR),
        floor=floor,
        increased=rng.random(wide) < 0.01,
        solved=rng.random(wide) < 0.8,
        able=rng.random(wide) < 0.9,
        other_debt=np.broadcast_to(other_debt, (months, debtors)),
        other_late=np.where(late, (other_debt * rng.random(debtors)).astype(np.int64), 0),
        **_payments(rng, templates, template, start, ends[-1]),
    )


def _terms(rng: np.random.Generator) -> list[Terms]:
    """Contracts of all methods, of 6 to 36 months, that begin in the first year and a half."""
    found = []
    methods = [Method.EQUAL_INSTALMENTS, Method.EQUAL_PRINCIPAL, Method.INTEREST_ONLY]
    for number in range(_TEMPLATES):
        start = _FIRST_END + int(rng.integers(-20, 500)) * _DAY
        first = start + int(rng.integers(15, 45)) * _DAY
        by_month = number % 4 == 0  # due on the day on which months are judged
        found.append(
            Terms(
                principal=int(rng.integers(10**5, 10**8)),
                annual_rate=f"0.{int(rng.integers(300, 1800)):04}",
                instalments=int(rng.integers(6, 37)),
                start=start,
                first_due=(first.astype("datetime64[M]") + 1).astype("datetime64[D]") - _DAY if by_month else first,
                method=methods[number % len(methods)],
                end_of_month=by_month,
            )
        )
    return found


def _payments(
    rng: np.random.Generator, templates: list[Due], template: NDArray[np.int64], start: Any, last: np.datetime64
) -> dict[str, Any]:
    """Each due date of each loan met, late or not, by the habits of its payer; some stop, some come back."""
    days = [np.unique(items.due) for items in templates]
    pairs = zip(templates, days, strict=True)
    asked = [np.array([items.amount[items.due == day].sum() for day in on]) for items, on in pairs]
    count = np.array([len(on) for on in days])[template]
    payer = np.repeat(np.arange(len(template)), count)
    number = np.arange(len(payer)) - np.repeat(np.cumsum(count) - count, count)
    due = np.concatenate([days[t] for t in template])
    amount = np.concatenate([asked[t] for t in template])
    habit = rng.choice(5, p=[0.55, 0.2, 0.1, 0.05, 0.1], size=len(template))[payer]
    stop = rng.integers(1, 14, size=len(template))[payer]
    back = stop + rng.integers(1, 13, size=len(template))[payer]
    delay = np.where(rng.random(len(payer)) < 0.2, -rng.integers(0, 20, size=len(payer)), 0)
    sometimes = (habit == 1) & (rng.random(len(payer)) < 0.4)
    delay = np.where(sometimes, rng.integers(1, 75, size=len(payer)), delay)
    away = (number >= stop) & (number < back)
    comes_back = np.minimum(30 * (back - number) + rng.integers(0, 9, size=len(payer)), 900)
    delay = np.where((habit == 2) & away, comes_back, delay)
    share = np.where((habit == 4) & (rng.random(len(payer)) < 0.3), rng.random(len(payer)), 1.0)
    part = np.maximum((amount * share).astype(np.int64), 1)
    pays = ~((habit == 3) & (number >= stop))
    rest = pays & (part < amount) & (rng.random(len(payer)) < 0.7)
    value = np.maximum(due + delay * _DAY, start[payer])
    more = value[rest] + rng.integers(1, 120, size=int(rest.sum())) * _DAY
    columns = _booked(
        rng,
        np.concatenate((payer[pays], payer[rest])),
        np.concatenate((value[pays], more)),
        np.concatenate((part[pays], (amount - part)[rest])),
    )
    seen = columns["value"] <= last
    order = np.lexsort((columns["value"][seen], columns["payer"][seen]))
    return {name: column[seen][order] for name, column in columns.items()}


def _booked(rng: np.random.Generator, payer: Any, value: Any, paid: Any) -> dict[str, Any]:
    """When each payment is booked, which are reversed, and what is paid in the place of half of those."""
    size = len(payer)
    booked = value + np.where(rng.random(size) < 0.08, rng.integers(1, 50, size=size), 0) * _DAY
    gone = rng.random(size) < 0.02
    reversed_on = np.where(gone, booked + rng.integers(1, 20, size=size) * _DAY, FAR)
    again = gone & (rng.random(size) < 0.6)
    anew = reversed_on[again] + rng.integers(0, 45, size=int(again.sum())) * _DAY
    return {
        "payer": np.concatenate((payer, payer[again])),
        "value": np.concatenate((value, anew)),
        "booked": np.concatenate((booked, anew)),
        "paid": np.concatenate((paid, paid[again])),
        "reversed_on": np.concatenate((reversed_on, np.full(len(anew), FAR))),
    }
