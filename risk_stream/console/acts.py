"""Sends what people ask for to the desk, and waits for what it decides, which the console hears with everybody else."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from typing import TypeAlias

import msgspec

from risk_stream.alerts import Act, Entry, Ruling
from risk_stream.kafka import Producer
from risk_stream.settings import Settings

__all__ = ["Acts", "OtherWishError", "UndecidedError", "act_id"]

#: How long the desk has, s; and decided acts that are remembered for who sends one again.
PATIENCE, REMEMBERED = 10.0, 20_000
#: Acts that wait for the desk at once: where it is away, more are refused.
MOST_WAITING = 500


#: What became of an act, and what it asked for.
_Decided: TypeAlias = tuple[tuple[Ruling, ...], bytes]


class UndecidedError(Exception):
    """Raised where the desk has not decided an act in time; the text is one sentence."""


class OtherWishError(Exception):
    """Raised where an act's id was used for another one; the text is one sentence."""


def act_id(person: str, key: str) -> str:
    """The id of an act that a person sends under a key of their own choice: nobody else's can be the same."""
    return hashlib.blake2b(f"{person}\0{key}".encode(), digest_size=16).hexdigest()


class Acts:
    """`await start()` before and `await stop()` after; `heard` gets every entry."""

    def __init__(self, settings: Settings) -> None:
        self._topic = settings.actions_topic
        self._producer = Producer(settings.broker, client_id="risk-stream-console-acts", reconnects=True)
        self._waiting: dict[str, list[asyncio.Future[_Decided]]] = {}
        self._decided: OrderedDict[str, _Decided] = OrderedDict()

    async def start(self) -> None:
        """Connect. Raises `KafkaError`."""
        await self._producer.start()

    async def stop(self) -> None:
        """Disconnect."""
        await self._producer.stop()

    def heard(self, entry: Entry) -> None:
        """Take an entry: whoever waits for it has their answer."""
        if entry.act is None:
            return
        decided = self._decided[entry.act.id] = tuple(entry.rulings), _wish(entry.act)
        while len(self._decided) > REMEMBERED:
            self._decided.popitem(last=False)
        for waiting in self._waiting.pop(entry.act.id, ()):
            if not waiting.done():
                waiting.set_result(decided)

    async def decide(self, act: Act) -> tuple[Ruling, ...]:
        """Send an act and return what became of it; one that was decided before is not sent again.

        Raises:
            OtherWishError: what was decided under its id was another act.
            UndecidedError: nobody has decided it yet.
            KafkaError: the broker is away.
        """
        rulings, wish = self._decided.get(act.id) or await self._ask(act)
        if wish != _wish(act):
            raise OtherWishError("this Idempotency-Key was used for something else: each wish has a key of its own")
        return rulings

    async def _ask(self, act: Act) -> _Decided:
        if len(self._waiting) >= MOST_WAITING:
            raise UndecidedError("too many acts wait for the desk: is risk-stream desk running?")
        answer: asyncio.Future[_Decided] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(act.id, []).append(answer)
        try:
            await self.send(act)
            return await asyncio.wait_for(answer, PATIENCE)
        except TimeoutError as exc:
            raise UndecidedError(
                f"the desk has not decided it within {PATIENCE:.0f} s, and will when it runs: risk-stream desk"
            ) from exc
        finally:
            left = [one for one in self._waiting.pop(act.id, ()) if one is not answer and not one.done()]
            if left:
                self._waiting[act.id] = left

    async def send(self, act: Act) -> None:
        """Send an act and return when the broker has stored it. Raises `KafkaError`."""
        sent = await self._producer.send(self._topic, msgspec.json.encode(act), key=act.id.encode(), partition=0)
        await sent


def _wish(act: Act) -> bytes:
    """What an act asks for, whenever it was sent and whatever its sender may see by then."""
    return hashlib.blake2b(
        msgspec.json.encode(msgspec.structs.replace(act, at=0, entities=None)), digest_size=16
    ).digest()
