"""Guessing becomes slow, for a name from anywhere and for an address with any name, in bounded memory."""

from __future__ import annotations

from risk_stream.access.throttle import BY_ADDRESS, BY_NAME, MOST, Throttle


def failing(throttle: Throttle, times: int, *, name: str = "a", address: str = "10.0.0.1") -> list[float]:
    """The wait after each failure."""
    waits = []
    for _ in range(times):
        throttle.failed(name, address, 0)
        waits.append(throttle.wait(name, address, 0))
    return waits


def test_a_few_mistakes_cost_nothing_and_then_each_doubles_the_wait() -> None:
    throttle = Throttle()
    waits = failing(throttle, BY_ADDRESS.free + 15)
    assert waits[: BY_ADDRESS.free + 2] == [0] * (BY_ADDRESS.free - 1) + [1, 2, 4]
    assert waits[-1] == BY_ADDRESS.longest
    assert throttle.wait("a", "10.0.0.1", BY_ADDRESS.longest + 1) == 0


def test_an_address_waits_with_every_name() -> None:
    throttle = Throttle()
    failing(throttle, BY_ADDRESS.free + 3)
    assert throttle.wait("b", "10.0.0.1", 0) > 0
    assert throttle.wait("b", "10.9.9.9", 0) == 0


def test_a_name_waits_from_everywhere_late_and_briefly() -> None:
    """So that failing under somebody's name does not lock them out for long."""
    throttle = Throttle()
    for n in range(BY_NAME.free + 20):
        assert (throttle.wait("a", "10.9.9.9", 0) > 0) == (n >= BY_NAME.free)
        throttle.failed("a", f"10.0.1.{n}", 0)
    assert throttle.wait("a", "10.9.9.9", 0) == BY_NAME.longest


def test_an_address_of_ipv6_is_its_network() -> None:
    """One subscriber has 2^64 addresses."""
    throttle = Throttle()
    for n in range(BY_ADDRESS.free + 3):
        throttle.failed(f"n{n}", f"2001:db8::{n:x}", 0)
    assert throttle.wait("", "2001:db8::ffff", 0) > 0
    assert throttle.wait("", "2001:db8:0:1::1", 0) == 0


def test_success_forgives_the_name_and_not_the_address() -> None:
    throttle = Throttle()
    failing(throttle, BY_NAME.free + 3)
    throttle.succeeded("a")
    assert throttle.wait("a", "10.9.9.9", 0) == 0
    assert throttle.wait("a", "10.0.0.1", 0) > 0


def test_memory_is_bounded() -> None:
    throttle = Throttle()
    for n in range(MOST + 1000):
        throttle.failed(f"name{n}", f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", 0)
    assert len(throttle._failures) <= MOST
