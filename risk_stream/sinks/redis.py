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
| `risk:alerts:entry` | number of the entry of the log of lives up to which people's acts are in the hashes |
| `risk:alerts:stream` | stream of `id`, `revision`, `state` and `json`, newest last, for those who follow |

An alert has a *state*, which is the machine's (raised, changed, withdrawn, recovered), and a *status*, which is
people's (open, acknowledged, closed) and which no writing of alerts changes: `stand` does, with who has it and what it
was closed as, and the number of the `entry` that said so; an earlier one changes nothing. It may come before the alert
itself, and waits for it for a day. Of an alert's revisions the highest stands,
whichever came last; writing one again changes nothing. The stream has each revision that became the alert's content
once; a follower that sees one twice, as after a rebuild of a lost Redis, knows it by id and revision.

An alert that is limited and repeats one that is shown has its id in `suppressed_by`; the other counts it in `repeats`.
Followers do not hear of it until it is shown itself.

All is in one Redis, not spread over a cluster: the scripts find an alert's lists by its hash.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from risk_stream.settings import reason
from risk_stream.sinks._scripts import PUT, REMOVE, SEVERITIES, STAND, TRIM
from risk_stream.sinks.client import RedisClient

if TYPE_CHECKING:
    from risk_stream.engine import Alert

__all__ = [
    "RECOVERED",
    "SEVERITIES",
    "WITHDRAWN",
    "AlertSink",
    "AlertStanding",
    "Keep",
    "Written",
    "away",
    "without_password",
]

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

#: For how long what people did with an alert waits for the alert itself, s.
STANDING_KEPT = 86_400

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
class AlertStanding:
    """Where people are with an alert, as an entry of the log of lives left it."""

    alert: str
    entry: int
    status: str  # open, acknowledged, closed
    shown: Mapping[str, str]  # fields of the hash: who has it, what it was closed as, and the like


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


def away(url: str, error: Exception) -> str:
    """Why Redis cannot be used, and what to do, in one sentence without its password."""
    where, said = without_password(url), (str(error) or type(error).__name__).rstrip(".")
    if "authenticat" in said.lower() or "username-password" in said:
        do = "set RISK_STREAM_REDIS_PASSWORD_FILE and RISK_STREAM_REDIS_USER"
        return f"Redis at {where} wants another user or password: {do}"
    cause = error.__cause__ or error.__context__
    if isinstance(cause, OSError):
        said = reason(cause)
    return f"Redis at {where} does not answer ({said}): start Redis, or set RISK_STREAM_REDIS"


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
        self._redis = RedisClient.at(url, timeout=timeout, decode_responses=True, protocol=2)

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

    async def stand(self, standings: Sequence[AlertStanding], *, reached: int = 0, there_only: bool = False) -> int:
        """Say where people are with alerts; how many of it was news, or said again.

        `reached` is the entry up to which all is said by this, 0 where that is not so. What is said of an alert that is
        not there waits for it, but with `there_only`.
        """
        packed = msgspec.msgpack.encode(
            [
                [one.alert, str(one.entry), one.status, *(text for pair in one.shown.items() for text in pair)]
                for one in standings
            ]
        )
        kept = 0 if there_only else STANDING_KEPT
        return int(await self._redis.eval(STAND, 0, self.prefix, kept, reached, packed))

    async def reached(self) -> int:
        """The entry of the log of lives up to which `stand` has said all; 0 where nothing was said."""
        return int(await self._redis.get(f"{self.prefix}alerts:entry") or 0)

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
