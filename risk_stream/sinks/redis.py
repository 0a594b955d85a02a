"""Alerts in Redis: a hash each, sorted sets to find them by, a stream for followers; all of it bounded.

| key | what |
|---|---|
| `risk:alert:ID` | hash: the alert as JSON (`json`), and the fields a list shows |
| `risk:alerts:status:open` | sorted set of ids by event time, ms; one set per status |
| `risk:alerts:severity:SEVERITY` | the same by severity |
| `risk:alerts:stream` | stream of `id` and `json`, newest last, for those who follow |

Writing an alert again changes nothing: it is recognised by its id.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

if TYPE_CHECKING:
    from risk_stream.engine import Alert

__all__ = ["SEVERITIES", "AlertSink", "Keep", "Written"]

SEVERITIES = ("info", "low", "medium", "high", "critical")

#: Alerts removed for age or number in one step.
TRIM_STEP = 1000

#: Fields of the hash beside `json`: what a list of alerts shows.
SHOWN = (
    "rule",
    "stage",
    "severity",
    "score",
    "action",
    "owner",
    "entity",
    "channel",
    "time",
    "type",
    "event",
    "summary",
)

#: Adds one alert if it is new, at once for all its keys. KEYS: hash, status set, severity set, stream.
#: ARGV: id, event time, most stream entries, json, then field and value of what is shown, in turn.
_ADD = """
if redis.call('HSETNX', KEYS[1], 'json', ARGV[4]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'status', 'open', unpack(ARGV, 5))
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
redis.call('ZADD', KEYS[3], ARGV[2], ARGV[1])
redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[3], '*', 'id', ARGV[1], 'json', ARGV[4])
return 1
"""


@dataclass(frozen=True, slots=True)
class Keep:
    """How much is kept: the newest `alerts` by event time, none older than `days`, and `stream` entries."""

    alerts: int = 200_000
    days: float = 30.0
    stream: int = 20_000


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a batch of alerts."""

    new: int
    repeated: int


class AlertSink:
    """Writes alerts. Raises what redis-py raises where Redis is away; writing the same again later is harmless."""

    def __init__(self, url: str, *, prefix: str = "risk:", keep: Keep | None = None, timeout: float = 5.0) -> None:
        self.url, self.prefix, self.keep = url, prefix, keep or Keep()
        self._redis = Redis.from_url(
            url,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
            decode_responses=True,
            protocol=2,
        )

    async def close(self) -> None:
        """Close the connection."""
        await self._redis.aclose()

    async def write(self, alerts: Sequence[Alert]) -> Written:
        """Store a batch in one round trip; each alert is stored whole or not at all."""
        if not alerts:
            return Written(0, 0)
        p = self.prefix
        pipe = self._redis.pipeline(transaction=False)
        for alert in alerts:
            keys = [
                f"{p}alert:{alert.id}",
                f"{p}alerts:status:open",
                f"{p}alerts:severity:{alert.severity}",
                f"{p}alerts:stream",
            ]
            pipe.eval(_ADD, len(keys), *keys, *self._fields(alert))
        added = [int(n) for n in await pipe.execute()]
        return Written(new=sum(added), repeated=len(added) - sum(added))

    def _fields(self, alert: Alert) -> list[Any]:
        fields: list[Any] = [alert.id, alert.time, self.keep.stream, msgspec.json.encode(alert)]
        for name in SHOWN:
            fields += (name, getattr(alert, name))
        return fields

    async def trim(self, *, now_ms: int | None = None) -> int:
        """Remove what is too old or too many, at most TRIM_STEP of each severity; how many went."""
        now = int(time.time() * 1000) if now_ms is None else now_ms
        p, removed = self.prefix, 0
        sets = [f"{p}alerts:severity:{severity}" for severity in SEVERITIES]
        sizes = [int(n) for n in await self._pipe("zcard", sets)]
        excess = sum(sizes) - self.keep.alerts
        oldest_kept = now - self.keep.days * 86_400_000
        for name, size in zip(sets, sizes, strict=True):
            old = await self._redis.zrangebyscore(name, "-inf", f"({oldest_kept}", start=0, num=TRIM_STEP)
            gone = [str(i) for i in old]
            if excess > 0 and size:  # the least severe go first, the oldest of them
                many = min(excess, size, TRIM_STEP)
                more = await self._redis.zrange(name, 0, many - 1)
                gone += [str(i) for i in more if str(i) not in set(gone)]
                excess -= len(gone)
            if gone:
                await self._remove(gone)
                removed += len(gone)
        return removed

    async def _pipe(self, command: str, names: Sequence[str]) -> list[Any]:
        pipe = self._redis.pipeline(transaction=False)
        for name in names:
            getattr(pipe, command)(name)
        found: list[Any] = await pipe.execute()
        return found

    async def _remove(self, ids: Sequence[str]) -> None:
        p = self.prefix
        pipe = self._redis.pipeline(transaction=True)
        for status in ("open", "acknowledged", "closed"):
            pipe.zrem(f"{p}alerts:status:{status}", *ids)
        for severity in SEVERITIES:
            pipe.zrem(f"{p}alerts:severity:{severity}", *ids)
        pipe.delete(*(f"{p}alert:{i}" for i in ids))
        await pipe.execute()
