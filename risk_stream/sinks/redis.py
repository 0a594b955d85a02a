"""Alerts in Redis: a hash each, sorted sets to find them by, a stream for followers; all of it bounded.

| key | what |
|---|---|
| `risk:alert:ID` | hash: the alert as JSON (`json`), and the fields a list shows |
| `risk:alerts:status:open` | sorted set of ids by event time, ms; one set per status that people give |
| `risk:alerts:severity:SEVERITY` | the same by severity |
| `risk:alerts:withdrawn:SEVERITY` | those that no longer hold: in none of the lists above, still to be read here |
| `risk:alerts:stream` | stream of `id`, `revision`, `state` and `json`, newest last, for those who follow |

An alert has a *state*, which is the machine's (raised, changed, withdrawn, recovered), and a *status*, which is
people's (open, acknowledged, closed) and which no writing here changes. Of an alert's revisions the highest stands,
whichever came last; writing one again changes nothing. The stream has each revision that became the alert's content
once; a follower that sees one twice, as after a rebuild of a lost Redis, knows it by id and revision.

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

if TYPE_CHECKING:
    from risk_stream.engine import Alert

__all__ = ["RECOVERED", "SEVERITIES", "WITHDRAWN", "AlertSink", "Keep", "Written", "without_password"]

SEVERITIES = ("info", "low", "medium", "high", "critical")

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

#: Makes each revision given its alert's content if it is higher than what is there, at once for all its keys.
#: ARGV: first part of all names, mend, most entries of the stream, and the alerts as MessagePack: of each id, revision,
#: state, severity, event time, json, then field and value of what is shown, in turn, all text. With mend = 1 the same
#: revision is written again too, without a word to followers.
#: Answers for each: 0 nothing new, 1 a new alert, 2 new content, 3 withdrawn.
_PUT = """
local prefix, mend, most = ARGV[1], ARGV[2], ARGV[3]
local lists = prefix .. 'alerts:'
local function put(alert)
  local id, revision, state, severity, time, json = unpack(alert, 1, 6)
  local hash = prefix .. 'alert:' .. id
  local had = redis.call('HMGET', hash, 'revision', 'status', 'state', 'severity', 'json')
  local newer = not had[5] or not had[1] or tonumber(had[1]) < tonumber(revision)
  if not newer and not (mend == '1' and tonumber(had[1]) == tonumber(revision)) then return 0 end
  local status = had[2] or 'open'
  if had[5] then
    redis.call('ZREM', lists .. 'withdrawn:' .. (had[4] or ''), id)
    if state == 'withdrawn' then redis.call('ZREM', lists .. 'status:' .. status, id) end
    if state == 'withdrawn' or had[4] ~= severity then
      redis.call('ZREM', lists .. 'severity:' .. (had[4] or ''), id)
    end
  end
  redis.call('HSET', hash, 'json', json, 'revision', revision, 'state', state, 'status', status, unpack(alert, 7))
  if state == 'withdrawn' then
    redis.call('ZADD', lists .. 'withdrawn:' .. severity, time, id)
  else
    redis.call('ZADD', lists .. 'status:' .. status, time, id)
    redis.call('ZADD', lists .. 'severity:' .. severity, time, id)
  end
  if not newer then return 0 end
  redis.call('XADD', lists .. 'stream', 'MAXLEN', '~', most, '*',
    'id', id, 'revision', revision, 'state', state, 'json', json)
  if state == 'withdrawn' then return 3 end
  return had[5] and 2 or 1
end
local became = {}
for i, alert in ipairs(cmsgpack.unpack(ARGV[4])) do became[i] = put(alert) end
return became
"""

#: Removes alerts from everywhere, those of ARGV[2..]. ARGV[1]: first part of all names.
_REMOVE = """
local prefix, removed = ARGV[1], 0
local function remove(id)
  local hash = prefix .. 'alert:' .. id
  local had = redis.call('HMGET', hash, 'status', 'severity')
  for _, list in ipairs({'status:' .. (had[1] or ''), 'severity:' .. (had[2] or ''), 'withdrawn:' .. (had[2] or '')}) do
    redis.call('ZREM', prefix .. 'alerts:' .. list, id)
  end
  removed = removed + redis.call('DEL', hash)
end
"""

_REMOVE_GIVEN = f"{_REMOVE}\nfor i = 2, #ARGV do remove(ARGV[i]) end\nreturn removed"

#: Removes at most ARGV[4] alerts: those before the event time ARGV[2], and what is more than ARGV[3] in all: the least
#: severe first, of them the oldest. ARGV[5..] the severities from the least. Withdrawn alerts count as the others do,
#: so that which ones stay is a function of what was ever written. Answers how many went.
_TRIM = f"""{_REMOVE}
local oldest, most, left = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local function lists_of(severity)
  return prefix .. 'alerts:severity:' .. severity, prefix .. 'alerts:withdrawn:' .. severity
end
local excess = -most
for i = 5, #ARGV do
  for _, list in ipairs({{lists_of(ARGV[i])}}) do
    local old = redis.call('ZRANGEBYSCORE', list, '-inf', '(' .. oldest, 'LIMIT', 0, left)
    for _, id in ipairs(old) do remove(id); redis.call('ZREM', list, id) end
    left = left - #old
    excess = excess + redis.call('ZCARD', list)
  end
end
local function first(list, at) return list[at] and tonumber(list[at + 1]) or math.huge, list[at] end
for i = 5, #ARGV do
  local n = math.min(excess, left)
  if n <= 0 then break end
  local standing, withdrawn = lists_of(ARGV[i])
  local a = redis.call('ZRANGE', standing, 0, n - 1, 'WITHSCORES')
  local b = redis.call('ZRANGE', withdrawn, 0, n - 1, 'WITHSCORES')
  local x, y = 1, 1
  for _ = 1, n do
    local s, one = first(a, x)
    local t, other = first(b, y)
    if not one and not other then break end
    if not other or (one and (s < t or (s == t and one < other))) then
      remove(one); redis.call('ZREM', standing, one); x = x + 2
    else
      remove(other); redis.call('ZREM', withdrawn, other); y = y + 2
    end
    excess, left = excess - 1, left - 1
  end
end
return tonumber(ARGV[4]) - left
"""


@dataclass(frozen=True, slots=True)
class Keep:
    """How much is kept: `alerts` (the most severe, of them the newest), none older than `days`, `stream` entries."""

    alerts: int = 200_000
    days: float = 30.0
    stream: int = 20_000


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a batch: alerts Redis had not, those it had (or had newer), new contents, withdrawals."""

    new: int = 0
    repeated: int = 0
    revised: int = 0
    withdrawn: int = 0

    def __add__(self, other: Written) -> Written:
        return Written(
            self.new + other.new,
            self.repeated + other.repeated,
            self.revised + other.revised,
            self.withdrawn + other.withdrawn,
        )


def without_password(url: str) -> str:
    """A Redis address as it may be shown."""
    return re.sub(r"//[^/@]*@", "//", url)


def _texts(alert: Alert) -> list[str]:
    """An alert as the script wants it."""
    given = [alert.id, str(alert.revision), alert.status, alert.severity, str(alert.time)]
    given.append(msgspec.json.encode(alert).decode())
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
            pipe.eval(_PUT, 0, self.prefix, int(mend), self.keep.stream, packed)
        counts = [0, 0, 0, 0]
        for codes in await pipe.execute():
            for code in codes:
                counts[int(code)] += 1
        return Written(new=counts[1], repeated=counts[0], revised=counts[2], withdrawn=counts[3])

    async def trim(self, *, now_ms: int | None = None) -> int:
        """Remove what is too old or too many, at most TRIM_STEP; how many went. 0: nothing is left to remove."""
        now = int(time.time() * 1000) if now_ms is None else now_ms
        oldest = int(now - self.keep.days * 86_400_000)
        given = (self.prefix, oldest, self.keep.alerts, TRIM_STEP, *SEVERITIES)
        return int(await self._redis.eval(_TRIM, 0, *given))

    async def ids(self) -> set[str]:
        """The ids of all alerts that are there, the withdrawn too."""
        start = f"{self.prefix}alert:"
        return {str(key).removeprefix(start) async for key in self._redis.scan_iter(f"{start}*", count=1000)}

    async def remove(self, ids: Sequence[str]) -> int:
        """Remove alerts from everywhere; how many were there."""
        gone = 0
        for at in range(0, len(ids), TRIM_STEP):
            gone += int(await self._redis.eval(_REMOVE_GIVEN, 0, self.prefix, *ids[at : at + TRIM_STEP]))
        return gone
