"""A page is what a whole sort would have at its place, however many rows are equal."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk_stream.console.index import window as window_module
from risk_stream.console.index.window import window


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window_module, "FEW", 3)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 9)), max_size=60),
    st.integers(0, 40),
    st.integers(0, 30),
)
def test_a_page_is_part_of_the_whole(values: list[tuple[int, int, int]], begin: int, many: int) -> None:
    """Rows that are equal in all keys stand by their place."""
    columns = np.array(values, dtype=np.int64).reshape(-1, 3)
    rows = np.arange(len(values), dtype=np.int64)
    keys = [lambda slots, at=at: columns[slots, at] for at in range(3)]
    whole = sorted(range(len(values)), key=lambda row: (*values[row], row))
    assert window(rows, keys, begin, begin + many).tolist() == whole[begin : begin + many]
