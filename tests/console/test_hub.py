"""Live updates: made once for all who see the same, and never waiting for a client."""

from __future__ import annotations

import asyncio

import pytest

from risk_stream.access import EVERYWHERE, Scope
from risk_stream.console.hub import IN_HAND, Hub, Update, _Client


class Source:
    """Something that changes, and counts how often it is asked what did."""

    def __init__(self) -> None:
        self.version, self.asked = 0, list[tuple[int, Scope]]()

    async def since(self, version: int, scope: Scope) -> object:
        self.asked.append((version, scope))
        return {"since": version}


def hub_of(source: Source, every: float = 0.0) -> Hub:
    return Hub([Update("alerts", lambda: source.version, source.since, every)])


def test_an_update_is_made_once_for_all_who_see_the_same() -> None:
    """However many they are."""
    source = Source()
    hub = hub_of(source)
    near = Scope(frozenset({"SEC-SH"}))
    clients = [_Client(scope, scope.key) for scope in [EVERYWHERE] * 50 + [near] * 50]
    hub.clients |= set(clients)
    source.version = 7
    asyncio.run(hub.tell())
    assert sorted(map(str, source.asked)) == sorted(map(str, [(0, EVERYWHERE), (0, near)]))
    assert {len(client.waiting) for client in clients} == {1}


def test_nothing_is_said_where_nothing_changed() -> None:
    """And what changed twice between two looks is said once, from the first of them on."""
    source = Source()
    hub = hub_of(source)
    client = _Client(EVERYWHERE, None)
    hub.clients.add(client)

    async def course() -> None:
        await hub.tell()
        source.version = 1
        source.version = 2
        await hub.tell()
        await hub.tell()

    asyncio.run(course())
    assert source.asked == [(0, EVERYWHERE)]
    assert list(client.waiting) == [b'event: alerts\ndata: {"since":0}\n\n']


def test_a_client_that_takes_nothing_is_dropped_and_holds_no_more_than_a_few_messages() -> None:
    """Whatever goes on."""
    source = Source()
    hub = hub_of(source)
    slow = _Client(EVERYWHERE, None)
    hub.clients.add(slow)

    async def course() -> None:
        for version in range(1, 1000):
            source.version = version
            await hub.tell()

    asyncio.run(course())
    assert slow.dropped
    assert len(slow.waiting) == IN_HAND


def test_an_update_that_cannot_be_made_is_made_again_and_ends_nothing() -> None:
    """Clients stay, and hear of it later."""
    source = Source()
    hub = hub_of(source)
    client = _Client(EVERYWHERE, None)
    hub.clients.add(client)
    right, source.since = source.since, None  # type: ignore[assignment,method-assign]
    source.version = 1

    async def course() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("risk_stream.console.hub.STEP", 0.001)
            patch.setattr("risk_stream.console.hub.AFTER_FAILURE", 0.001)
            running = asyncio.create_task(hub.run())
            while hub.failed < 2:
                await asyncio.sleep(0)
            hub.updates = [Update("alerts", lambda: source.version, right, 0.0)]
            while not client.waiting:
                await asyncio.sleep(0)
            running.cancel()

    hub.updates = [Update("alerts", lambda: source.version, source.since, 0.0)]
    asyncio.run(asyncio.wait_for(course(), 20))
    assert list(client.waiting) == [b'event: alerts\ndata: {"since":0}\n\n']
