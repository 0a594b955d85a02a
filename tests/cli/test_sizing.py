"""The arithmetic from a measured cost to workers and partitions holds together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from risk_stream.cli.sizing import MEASURED, size

RATES = st.floats(1, 1e7)


def test_what_was_measured_is_what_is_said() -> None:
    """The measured rate with the measured keys and rules is one core."""
    found = size(MEASURED.rate, MEASURED.keys, MEASURED.rules, load=1.0)
    assert abs(found.cores - 1) < 1e-9
    assert abs(found.event_us - MEASURED.event_us) < 1e-9


@given(rate=RATES, keys=st.integers(1, 8), rules=st.integers(0, 20_000), load=st.floats(0.1, 1))
def test_the_workers_carry_the_rate_and_one_less_would_not(rate: float, keys: int, rules: int, load: float) -> None:
    """At the load asked for."""
    found = size(rate, keys, rules, load=load)
    capacity = load * 1e6 / found.event_us
    assert found.workers * capacity >= rate * (1 - 1e-9)
    assert found.workers == 1 or (found.workers - 1) * capacity < rate * (1 + 1e-9)
    assert found.partitions >= 2 * found.workers
    assert size(2 * rate, keys, rules, load=load).workers >= found.workers


@given(rate=RATES, keys=st.integers(1, 8), rules=st.integers(0, 20_000))
def test_more_keys_and_more_rules_cost_more(rate: float, keys: int, rules: int) -> None:
    """Each."""
    found = size(rate, keys, rules)
    assert size(rate, keys + 1, rules).event_us > found.event_us
    assert size(rate, keys, rules + 1).event_us > found.event_us
