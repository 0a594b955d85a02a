"""Alerts in Redis: a hash each, sorted sets to find them by, a stream for followers; all of it bounded.

| key | what |
|---|---|
| `risk:alert:ID` | hash: the alert as JSON (`json`), and the fields a list shows |
| `risk:alerts:status:open` | sorted set of ids by event time, ms; one set per status that people give |
| `risk:alerts:severity:SEVERITY` | the same by severity |
| `risk:alerts:withdrawn:SEVERITY` | those that no longer hold: in none of the lists above, still to be read here |
| `risk:alerts:suppressed:SEVERITY` | those that repeat one which is shown: in no list but this one |
| `risk:alerts:repeats:ID` | of an alert that is shown, the ids of those that repeat it, by event time |
| `risk:alerts:shown:LEVEL:RULE:KIND:KEY` | what is shown under a limit, at least so severe; for the scripts alone |
| `risk:alerts:stream` | stream of `id`, `revision`, `state` and `json`, newest last, for those who follow |

An alert has a *state*, which is the machine's (raised, changed, withdrawn, recovered), and a *status*, which is
people's (open, acknowledged, closed) and which no writing here changes. Of an alert's revisions the highest stands,
whichever came last; writing one again changes nothing. The stream has each revision that became the alert's content
once; a follower that sees one twice, as after a rebuild of a lost Redis, knows it by id and revision.

An alert that is limited and repeats one that is shown has its id in `suppressed_by`; the other counts it in `repeats`.
Followers do not hear of it until it is shown itself.

All is in one Redis, not spread over a cluster: the scripts find an alert's lists by its hash.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from risk_stream.connect import redis_options
from risk_stream.sinks._scripts import PUT, REMOVE, SEVERITIES, TRIM

if TYPE_CHECKING:
    from risk_stream.engine import Alert

__all__ = ["RECOVERED", "SEVERITIES", "WITHDRAWN", "AlertSink", "Keep", "Written", "without_password"]

#: States of an alert that does not hold any more, and of one found by judging a too late event afterwards.
WITHDRAWN, RECOVERED = "withdrawn", "recovered"

#: Alerts removed for age or number in one step: Redis answers nobody else for its few milliseconds.
TRIM_STEP = 500

#: Fields of the hash beside `json`, `revision`, `state` and `was`: what a list of alerts shows.
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

#: Alerts written by one call of the script: Redis answers nobody else for its few milliseconds, and a client that packs
#: forty arguments of each alert by itself takes longer than Redis does to store it.
PUT_STEP = 100


@dataclass(frozen=True, slots=True)
class Keep:
    """How much is kept: `alerts` (the most severe, of them the newest), none older than `days`, `stream` entries."""

    alerts: int = 200_000
    days: float = 30.0
    stream: int = 20_000


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a batch: alerts Redis had not, those it had (or had newer), new contents, withdrawals.

    `suppressed` names the rule of each that is counted above and became one that repeats another.
    """

    new: int = 0
    repeated: int = 0
    revised: int = 0
    withdrawn: int = 0
    suppressed: tuple[str, ...] = ()

    def __add__(self, other: Written) -> Written:
        return Written(
            self.new + other.new,
            self.repeated + other.repeated,
            self.revised + other.revised,
            self.withdrawn + other.withdrawn,
            self.suppressed + other.suppressed,
        )


def without_password(url: str) -> str:
    """A Redis address as it may be shown."""
    return re.sub(r"//[^/@]*@", "//", url)


def _limit(alert: Alert) -> str:
    """What limits an alert, as the script wants it: nothing where its key is not known."""
    at_most = alert.at_most
    key = at_most and alert.keys.get(at_most.per)
    if at_most is None or not key:
        return ""
    return f"{at_most.alerts} {at_most.within_ms} {alert.rule}:{at_most.per}:{key}"


def _texts(alert: Alert) -> list[str]:
    """An alert as the script wants it."""
    given = [alert.id, str(alert.revision), alert.status, alert.severity, str(alert.time)]
    given += [msgspec.json.encode(alert).decode(), _limit(alert)]
    given += ["was", "" if alert.was is None else msgspec.json.encode(alert.was).decode()]
    for name in SHOWN:
        given += (name, str(getattr(alert, name)))
    return given


class AlertSink:
    """Writes alerts. Raises what redis-py raises where Redis is away; writing the same again later is harmless."""

    def __init__(self, url: str, *, prefix: str = "risk:", keep: Keep | None = None, timeout: float = 5.0) -> None:
        self.url, self.prefix, self.keep = without_password(url), prefix, keep or Keep()
        self._redis = Redis.from_url(
            url,
            **redis_options(url),
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
            decode_responses=True,
            protocol=2,
        )

    async def close(self) -> None:
        """Close the connection."""
        await self._redis.aclose()

    async def write(self, alerts: Sequence[Alert], *, mend: bool = False) -> Written:
        """Store a batch in one round trip; each alert is stored whole or not at all.

        With `mend` what Redis has of the same revisions is written again, in case it was damaged.
        """
        if not alerts:
            return Written()
        pipe = self._redis.pipeline(transaction=False)
        for at in range(0, len(alerts), PUT_STEP):
            packed = msgspec.msgpack.encode([_texts(alert) for alert in alerts[at : at + PUT_STEP]])
            pipe.eval(PUT, 0, self.prefix, int(mend), self.keep.stream, packed)
        codes = [int(code) for answer in await pipe.execute() for code in answer]
        repeated, new, revised, withdrawn = (sum(code % 4 == became for code in codes) for became in range(4))
        suppressed = tuple(alert.rule for alert, code in zip(alerts, codes, strict=True) if code >= 4)
        return Written(new, repeated, revised, withdrawn, suppressed)

    async def trim(self, *, now_ms: int | None = None) -> int:
        """Remove what is too old or too many, at most TRIM_STEP; how many went. 0: nothing is left to remove."""
        now = int(time.time() * 1000) if now_ms is None else now_ms
        oldest = int(now - self.keep.days * 86_400_000)
        given = (self.prefix, oldest, self.keep.alerts, TRIM_STEP, *SEVERITIES)
        return int(await self._redis.eval(TRIM, 0, *given))

    async def ids(self) -> set[str]:
        """The ids of all alerts that are there, the withdrawn too."""
        start = f"{self.prefix}alert:"
        return {str(key).removeprefix(start) async for key in self._redis.scan_iter(f"{start}*", count=1000)}

    async def remove(self, ids: Sequence[str]) -> int:
        """Remove alerts from everywhere; how many were there."""
        gone = 0
        for at in range(0, len(ids), TRIM_STEP):
            gone += int(await self._redis.eval(REMOVE, 0, self.prefix, *ids[at : at + TRIM_STEP]))
        return gone
