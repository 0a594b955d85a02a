"""Profiles in Redis: what alerts contribute, by customer, and the profile that follows with its history.

| key | what |
|---|---|
| `risk:profile:customer:C`, `risk:profile:group:G` | hash: the profile (`json`), `grade`, `score`, `group` |
| `risk:profile:past:customer:C` | list of its last changes, the newest first |
| `risk:profile:alerts:C` | hash: what each alert of the customer contributes, by the alert's id |
| `risk:profile:members:G` | set of the customers of a group |
| `risk:profiles:grade:KIND:GRADE` | sorted set of `KIND:KEY` by score |
| `risk:profiles:due:N` | sorted set of `KIND:KEY` by when it is looked at again, for keepers alone |
| `risk:profiles:clock` | the latest event time that is known, ms |

Contributions are stored before the profile: who writes a profile names the `stamp` of what it was made of, and is
refused where another worker has stored more meanwhile.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from risk_stream.engine import Alert
from risk_stream.profiles import KINDS, Contribution, Past, Record, past_of
from risk_stream.sinks._profile_scripts import DUE, HEARD, NEVER, READ, RENEW, SAID, TAKE, WRITE
from risk_stream.sinks.client import RedisClient

__all__ = ["HISTORY", "ProfileSink", "ProfileState", "contribution_of"]

#: The type of events that profiles are where rules look at them.
PROFILE = "profile"

#: Changes of each profile that are kept in Redis.
HISTORY = 100

#: Characters of an alert's sentence that are kept.
SUMMARY = 200

#: Alerts taken in by one call of the script: Redis answers nobody else for its few milliseconds.
TAKE_STEP = 200

_contribution = msgspec.json.Decoder(Contribution).decode
_contributions = msgspec.json.Decoder(list[Contribution]).decode
_record = msgspec.json.Decoder(Record).decode
_past = msgspec.json.Decoder(Past).decode


@dataclass(frozen=True, slots=True)
class ProfileState:
    """What Redis has of a customer or group. `next` is the time of its next change, where it is known, ms."""

    subject: str
    stamp: int
    made: int  # the stamp of the contributions that the profile was last made of; -1: it was not
    json: bytes
    unsaid: bool
    next: int | None
    policy: str
    group: str | None
    contributions: list[Contribution]

    @property
    def record(self) -> Record | None:
        """The profile as it was said last, or is about to be; None where there is none that can be read."""
        try:
            return _record(self.json) if self.json else None
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None


def contribution_of(alert: Alert) -> Contribution:
    """What is kept of an alert for its customer's profile."""
    return Contribution(
        alert.id,
        alert.revision,
        alert.status != "withdrawn",
        alert.keys.get("customer", ""),
        alert.rule,
        alert.stage,
        alert.severity,
        alert.score,
        alert.time,
        alert.entity,
        alert.summary[:SUMMARY],
    )


class ProfileSink:
    """Keeps profiles, spread over so many parts that each are one keeper's work.

    Raises what redis-py raises where Redis is away; whatever is asked may be asked again.
    """

    def __init__(self, url: str, *, prefix: str = "risk:", spread: int = 1, timeout: float = 5.0) -> None:
        self.prefix, self.spread = prefix, spread
        self._redis = RedisClient.at(url, timeout=timeout, protocol=2)

    async def close(self) -> None:
        """Close the connection."""
        await self._redis.aclose()

    async def _run(self, script: str, *given: Any) -> Any:
        return await self._redis.eval(script, 0, self.prefix, self.spread, *given)

    async def _run_all(self, script: str, given: Iterable[Sequence[Any]]) -> list[Any]:
        pipe = self._redis.pipeline(transaction=False)
        for one in given:
            pipe.eval(script, 0, self.prefix, self.spread, *one)
        return list(await pipe.execute())

    async def take(self, alerts: Sequence[Alert]) -> int:
        """Store what alerts contribute; how many were news. An alert on a profile adds nothing to the next one."""
        steps = []
        counted = [alert for alert in alerts if alert.type != PROFILE]
        for at in range(0, len(counted), TAKE_STEP):
            part = counted[at : at + TAKE_STEP]
            packed = [
                (
                    alert.keys.get("customer", ""),
                    alert.keys.get("group", ""),
                    alert.id,
                    alert.revision,
                    f"{alert.revision} {msgspec.json.encode(contribution_of(alert)).decode()}",
                )
                for alert in part
            ]
            steps.append((max(alert.time for alert in part), msgspec.msgpack.encode(packed)))
        return sum(map(int, await self._run_all(TAKE, steps)))

    async def pass_time(self, time: int) -> None:
        """The house's time has come to here, ms."""
        await self._run(TAKE, time, msgspec.msgpack.encode([]))

    async def due(self, part: int, most: int) -> tuple[int, list[str]]:
        """The time that it is, ms, and subjects of a part that are to be looked at by then."""
        now, subjects = await self._run(DUE, part, most)
        return int(now), [subject.decode() for subject in subjects]

    async def renew(self, part: int, policy: str) -> int:
        """Have a part's subjects looked at again where this policy is new to it; how many they are."""
        return int(await self._run(RENEW, part, policy))

    async def read(self, subjects: Sequence[str]) -> list[ProfileState]:
        """What there is of each."""
        answers = await self._run_all(READ, [(subject,) for subject in subjects])
        return [_state(subject, *answer) for subject, answer in zip(subjects, answers, strict=True)]

    async def write(
        self, written: Sequence[tuple[ProfileState, int | None, str, Record | None, Sequence[str]]]
    ) -> list[bool]:
        """Store what follows from states: (state, next change, policy, new profile, contributions to forget).

        -> which were stored: not those of which other contributions have come meanwhile.
        """
        given = []
        for state, later, policy, record, forgotten in written:
            content: list[Any] = ["", "", "", "", HISTORY]
            if record is not None:
                content = [msgspec.json.encode(record), record.grade, record.score, *_entry(record)]
            given.append([state.subject, state.stamp, NEVER if later is None else later, policy, *content, *forgotten])
        return [bool(answer) for answer in await self._run_all(WRITE, given)]

    async def said(self, published: Sequence[tuple[str, bytes, int]]) -> None:
        """Profiles are published: (subject, json, stamp of what it was made of)."""
        await self._run_all(SAID, published)

    async def heard(self, records: Sequence[Record]) -> int:
        """Take in records that were published, in their order; how many were news."""
        given = []
        for one in records:
            group = one.group or "" if one.kind == "customer" else ""
            what = one.revision, msgspec.json.encode(one), one.grade, one.score
            given.append((f"{one.kind}:{one.key}", *what, *_entry(one), group))
        return sum(map(int, await self._run_all(HEARD, given)))

    async def history(self, subject: str) -> list[Past]:
        """The last changes, the newest first."""
        found = await self._redis.lrange(f"{self.prefix}profile:past:{subject}", 0, -1)
        return [_past(entry) for entry in found]

    async def members(self, group: str) -> list[str]:
        """The customers of a group."""
        found = await self._redis.smembers(f"{self.prefix}profile:members:{group}")
        return sorted(member if isinstance(member, str) else member.decode() for member in found)

    async def worst(self, kind: str, grade: str, first: int, last: int) -> list[str]:
        """The keys of those who have a grade, from one place to another (both with), the most points first."""
        found: Any = await self._redis.zrevrange(f"{self.prefix}profiles:grade:{kind}:{grade}", first, last)
        return [member.decode().removeprefix(f"{kind}:") for member in found]

    async def clock(self) -> int:
        """The latest event time that is known, ms; 0 where none is."""
        return int(await self._redis.get(f"{self.prefix}profiles:clock") or 0)

    async def count(self, grades: Sequence[str]) -> dict[tuple[str, str], int]:
        """How many customers and groups have each of these grades."""
        asked = [(kind, grade) for kind in KINDS for grade in grades]
        pipe = self._redis.pipeline(transaction=False)
        for kind, grade in asked:
            pipe.zcard(f"{self.prefix}profiles:grade:{kind}:{grade}")
        return dict(zip(asked, map(int, await pipe.execute()), strict=True))


def _entry(record: Record) -> tuple[bytes, int]:
    return msgspec.json.encode(past_of(record)), HISTORY


def _state(subject: str, said: Sequence[bytes | None], found: bytes) -> ProfileState:
    stamp, made, json, unsaid, later, policy, group = said
    after = None if later is None else int(later)
    return ProfileState(
        subject,
        int(stamp or 0),
        -1 if made is None else int(made),
        json or b"",
        unsaid is not None,
        None if after == NEVER else after,
        (policy or b"").decode(),
        None if group is None else group.decode(),
        _read_lines(found),
    )


def _read_lines(lines: bytes) -> list[Contribution]:
    """Contributions, one in a line; a line that is none, as after a damage, is passed over."""
    try:
        return _contributions(b"[" + lines.replace(b"\n", b",") + b"]")
    except (msgspec.MsgspecError, UnicodeDecodeError):
        found = []
        for line in lines.split(b"\n"):
            with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
                found.append(_contribution(line))
        return found
