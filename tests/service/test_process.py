"""The server's process: what the broker refuses is a sentence, whoever meets it first."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, KafkaTimeoutError

from risk_stream.catalogue import load_catalogue
from risk_stream.service import process
from risk_stream.service.asking import LostError
from risk_stream.service.process import Service
from risk_stream.settings import Settings
from tests.service.test_asking import request, run


@pytest.fixture(autouse=True)
def _topics(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that has the topics."""
    counts = {"risk.requests": 4, "risk.decisions": 4}
    monkeypatch.setattr(process, "partition_counts", lambda _: counts)


def test_a_message_that_the_broker_does_not_take_is_no_answer_and_no_traceback() -> None:
    """Who asked is told to ask again."""

    async def refuse(*_: Any, **__: Any) -> Any:
        raise KafkaTimeoutError

    async def story() -> None:
        service = Service(Settings(), load_catalogue())
        service._producer.send = refuse  # type: ignore[method-assign]
        with pytest.raises(LostError, match=r"the broker takes no message .*: ask again"):
            await service.asking.answer(request(), waits=0.5)
        await service.stop()

    run(story())


def test_a_broker_that_goes_away_ends_the_server_with_its_own_error() -> None:
    """As `run_service` says in a sentence; the other work ends with it."""

    async def fail() -> None:
        await asyncio.sleep(0)
        raise KafkaConnectionError

    async def story() -> None:
        service = Service(Settings(), load_catalogue())
        service._decisions.run = fail  # type: ignore[method-assign]
        service._asked.run = asyncio.Event().wait  # type: ignore[method-assign, assignment]
        with pytest.raises(KafkaConnectionError):
            await service.run()
        await service.stop()

    run(story())
