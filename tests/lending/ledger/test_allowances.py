"""The expected loss of a book of loans: for each the sum over its months, as the formula has it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk_stream.lending.ledger._losses_kernel import expected

FOREVER = np.iinfo(np.int64).max
SHARES = st.sampled_from([0.0, 0.01, 0.45, 1.0])
#: (month, amount): of month 0 is what is no principal to come.
ITEMS = st.lists(st.tuples(st.integers(0, 15), st.integers(1, 10_000)), max_size=6).map(sorted)
LOANS = st.lists(st.tuples(ITEMS, st.integers(0, 90_000), SHARES, SHARES, st.sampled_from([12, FOREVER])), max_size=5)


def by_definition(items: list[tuple[int, int]], owed: int, pd: float, lgd: float, horizon: int, v: float) -> float:
    """Sum S(t-1) h LGD EAD(t) v^t."""
    last = min(max([1, *(month for month, _ in items)]), horizon)
    return sum(
        (1 - pd) ** (t - 1) * pd * lgd * (owed - sum(a for month, a in items if 0 < month < t)) * v**t
        for t in range(1, last + 1)
    )


@given(LOANS)
def test_the_expected_loss_of_each_loan_is_the_sum_over_its_months(loans: list) -> None:
    """Twelve of them, or as many as there are; principal of a month counts in that month still."""
    v = 0.996
    every = [item for items, *_ in loans for item in items]
    month, amount = (np.array([item[i] for item in every], np.int64) for i in (0, 1))
    owed, horizon = (np.array([loan[i] for loan in loans], np.int64) for i in (1, 4))
    pd, lgd = (np.array([loan[i] for loan in loans], np.float64) for i in (2, 3))
    item_at = np.concatenate(([0], np.cumsum([len(items) for items, *_ in loans], dtype=np.int64)))
    out = np.zeros(len(loans))
    expected(item_at.astype(np.int64), month, amount, owed, pd, lgd, np.full(len(loans), v), horizon, out)
    for loan, found in zip(loans, out, strict=True):
        items, owes, h, loss, until = loan
        assert found == pytest.approx(by_definition(items, owes, h, loss, until, v), rel=1e-12, abs=1e-6)
