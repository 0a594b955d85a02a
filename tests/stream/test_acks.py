"""A run of records is acknowledged when all it caused is stored, and never before those in front of it."""

from __future__ import annotations

import asyncio
from typing import Any

from risk_stream.stream.acks import AckChain


def run(play: Any) -> tuple[list[str], list[BaseException]]:
    """Play with a chain and three sends; what was acknowledged and what failed."""
    done: list[str] = []
    failed: list[BaseException] = []

    async def main() -> None:
        chain = AckChain(done.append, failed.append)
        sends = [asyncio.get_running_loop().create_future() for _ in range(3)]
        play(chain, sends)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(main())
    return done, failed


def test_a_run_that_caused_nothing_is_acknowledged_at_once() -> None:
    """Nothing has to be stored."""
    assert run(lambda chain, _: chain.add("a", [])) == (["a"], [])


def test_a_run_waits_for_every_one_of_its_sends() -> None:
    """Two of three stored is not stored."""

    def play(chain: AckChain, sends: list[Any]) -> None:
        chain.add("a", sends)
        sends[0].set_result(None)
        sends[2].set_result(None)

    assert run(play) == ([], [])


def test_runs_are_acknowledged_in_order() -> None:
    """The second is stored first, and waits for the first."""

    def early(chain: AckChain, sends: list[Any]) -> None:
        chain.add("a", sends[:1])
        chain.add("b", sends[1:2])
        chain.add("c", [])
        sends[1].set_result(None)

    def both(chain: AckChain, sends: list[Any]) -> None:
        early(chain, sends)
        sends[0].set_result(None)

    assert run(early) == ([], [])
    assert run(both) == (["a", "b", "c"], [])


def test_a_failed_send_is_said_once_and_nothing_is_acknowledged_after_it() -> None:
    """What follows a lost message may not be said either."""
    error = ConnectionError("gone")

    def play(chain: AckChain, sends: list[Any]) -> None:
        chain.add("a", sends[:1])
        chain.add("b", sends[1:])
        sends[0].set_exception(error)
        sends[1].set_exception(error)
        sends[2].cancel()

    assert run(play) == ([], [error])
