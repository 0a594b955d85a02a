"""A slope is called one only where it is more than chance, spikes and the memory of a series can explain."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from bench.soak.slope import fit

#: 36 samples, five seconds apart: three minutes, as after the warm-up of a soak of five.
TIMES = [5.0 * i for i in range(36)]


def drawn(correlation: float, seed: int, n: int = 36) -> np.ndarray:
    """A series without a slope, of which neighbours correlate."""
    rng = np.random.default_rng(seed)
    values = np.empty(n + 100)
    values[0] = rng.normal()
    for i, push in enumerate(rng.normal(size=n + 99), 1):
        values[i] = correlation * values[i - 1] + push
    return values[100:]


def test_a_leak_is_found_with_its_size() -> None:
    slope = fit([(TIMES, 300 + 60 * np.array(TIMES) / 3600 + 0.05 * drawn(0.5, 1))])
    assert slope.low < 60 < slope.high
    assert slope.low > 30
    assert not slope.is_flat


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.8])
def test_what_is_flat_is_called_flat_in_some_95_of_100(correlation: float) -> None:
    """Of 300 series without a slope between 3 and 28 seem to have one."""
    wrong = sum(not fit([(TIMES, drawn(correlation, seed))]).is_flat for seed in range(300))
    assert wrong <= 28


def test_a_spike_does_not_move_it() -> None:
    """A backlog after a broker's restart takes memory for a moment and gives it back."""
    calm = 300 + 0.1 * drawn(0.0, 3)
    spiked = calm + np.where((np.array(TIMES) > 140) & (np.array(TIMES) < 160), 200.0, 0.0)
    assert abs(fit([(TIMES, spiked)]).per_hour - fit([(TIMES, calm)]).per_hour) < 2


def test_a_process_that_follows_another_begins_at_a_level_of_its_own() -> None:
    """From 400 down to 250 MiB is no negative leak."""
    first, second = 400 + 0.1 * drawn(0.0, 4, 18), 250 + 0.1 * drawn(0.0, 5, 18)
    assert abs(fit([(TIMES[:18], first), (TIMES[18:], second)]).per_hour) < 20
    assert fit([(TIMES, np.concatenate([first, second]))]).per_hour < -1000


def test_of_too_little_nothing_is_said() -> None:
    assert math.isnan(fit([(TIMES[:5], [1.0] * 5)]).per_hour)
    assert fit([]).is_flat


def test_what_never_changes_has_no_slope() -> None:
    slope = fit([(TIMES, [7.0] * 36)])
    assert slope == (0.0, 0.0, 0.0)
    assert all(a <= b for a, b in pairwise((slope.low, slope.per_hour, slope.high)))
