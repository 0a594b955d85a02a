"""What the workers of the house say of themselves, asked for at most every few seconds, however many people look.

A worker that does not answer is said to be silent; nothing is made up for it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp
import msgspec
from prometheus_client.parser import text_string_to_metric_families

from risk_stream.settings import Settings
from risk_stream.sinks import RuleHealth, WorkerHealth, together
from risk_stream.stream.model_gauges import ModelStanding

__all__ = ["HouseHealth", "Number", "Workers", "addresses_of"]

#: How long answers are good for, how long a worker may take, s, and how many bytes it may say.
FRESH, PATIENCE, LARGEST = 5.0, 3.0, 32 << 20
#: Metrics that pages ask for; the others of a worker are not read.
WANTED = (
    "risk_stream_model_",
    "risk_stream_events_total",
    "risk_stream_rejects_total",
    "risk_stream_event_time_lag_seconds",
    "risk_stream_behind_events_total",
    "risk_stream_revised_events_total",
    "risk_stream_known_events_total",
    "risk_stream_clock_lag_seconds",
)


@dataclass(frozen=True, slots=True)
class HouseHealth:
    """The rules of all workers that answered, as if they were one. `silent` are addresses that did not."""

    rules: dict[str, RuleHealth]
    seconds: float  # of all rules: what shares of the time are of
    plans: tuple[str, ...]  # that workers judge by: one, but for a moment
    since_ms: int  # when the first of them began to count
    workers: int
    silent: tuple[str, ...]

    def share(self, rule: str) -> float | None:
        """Of the time of all rules; None where the rule was never measured."""
        found = self.rules.get(rule)
        return found.seconds / self.seconds if found is not None and found.samples and self.seconds else None


@dataclass(frozen=True, slots=True)
class Number:
    """One sample of a worker's /metrics."""

    name: str
    labels: dict[str, str]
    value: float


def addresses_of(settings: Settings) -> tuple[str, ...]:
    """host:port of each worker: those that the settings name, else the one that they speak of."""
    if settings.console_workers:
        return tuple(settings.console_workers)
    if not settings.metrics_port:
        return ()
    host = "127.0.0.1" if settings.metrics_host in {"0.0.0.0", "::"} else settings.metrics_host  # noqa: S104
    return (f"{host}:{settings.metrics_port}",)


class Workers:
    """Asks them; every answer is None where none of them answers."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self.addresses = tuple(addresses)
        self._health: tuple[float, HouseHealth | None] | None = None
        self._numbers: tuple[float, list[Number] | None] | None = None
        self._models: tuple[float, list[ModelStanding] | None] | None = None
        self._turn = asyncio.Lock()

    async def health(self) -> HouseHealth | None:
        """What they say at /rules."""
        async with self._turn:
            if self._health is None or time.monotonic() - self._health[0] > FRESH:
                self._health = time.monotonic(), _joined(self.addresses, await self._ask("rules"))
            return self._health[1]

    async def numbers(self) -> list[Number] | None:
        """What they say at /metrics, of the metrics that pages ask for."""
        async with self._turn:
            if self._numbers is None or time.monotonic() - self._numbers[0] > FRESH:
                pages = [page for page in await self._ask("metrics") if page is not None]
                self._numbers = time.monotonic(), [n for page in pages for n in _read(page)] if pages else None
            return self._numbers[1]

    async def models(self) -> list[ModelStanding] | None:
        """What they say at /models: how each model stands on each partition."""
        async with self._turn:
            if self._models is None or time.monotonic() - self._models[0] > FRESH:
                self._models = time.monotonic(), _standing(await self._ask("models"))
            return self._models[1]

    async def _ask(self, page: str) -> list[bytes | None]:
        if not self.addresses:
            return []
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE)) as session:
            return await asyncio.gather(*(_get(session, f"http://{at}/{page}") for at in self.addresses))


async def _get(session: aiohttp.ClientSession, url: str) -> bytes | None:
    try:
        async with session.get(url, allow_redirects=False) as answer:
            if answer.status != 200:
                return None
            said = bytearray()
            async for part in answer.content.iter_chunked(1 << 16):
                said += part
                if len(said) > LARGEST:
                    return None
            return bytes(said)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return None


def _joined(addresses: Sequence[str], pages: Sequence[bytes | None]) -> HouseHealth | None:
    found: list[WorkerHealth] = []
    silent = []
    for address, page in zip(addresses, pages, strict=True):
        try:
            found.append(msgspec.json.decode(page or b"", type=WorkerHealth))
        except msgspec.MsgspecError:
            silent.append(address)
    if not found:
        return None
    rules = {rule.rule: rule for rule in together(found)}
    seconds = sum(rule.seconds for rule in rules.values())
    plans = tuple(sorted({one.plan for one in found}))
    return HouseHealth(rules, seconds, plans, min(one.since_ms for one in found), len(found), tuple(silent))


def _standing(pages: Sequence[bytes | None]) -> list[ModelStanding] | None:
    found: list[ModelStanding] | None = None
    for page in pages:
        try:
            said = msgspec.json.decode(page or b"", type=list[ModelStanding])
        except msgspec.MsgspecError:
            continue
        found = [*(found or ()), *said]
    return found


def _read(page: bytes) -> list[Number]:
    """The samples of a page that are wanted; none where it is no page of metrics."""
    text = page.decode(errors="replace")
    lines = [line for line in text.splitlines() if line.startswith(WANTED)]
    try:
        families = list(text_string_to_metric_families("\n".join(lines) + "\n"))
    except ValueError:
        return []
    return [Number(one.name, one.labels, one.value) for family in families for one in family.samples]
