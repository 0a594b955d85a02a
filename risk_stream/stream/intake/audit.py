"""What is decided beside the events, said in `risk.audit` after it holds: lifted clocks and changes of plan.

With these and the house's topics everything can be judged again elsewhere and must come out the same. A new owner says
again what it found committed, since its predecessor may have died before it could; a record that is said twice says
the same of the same offset. Records are JSON, keyed by origin:
`{"kind": "lift", "origin": "risk.trades/0", "offset": 17, "clock": 1700000000000, "generation": 3}` and
`{"kind": "plan", "origin": "risk.trades/0", "offset": 17, "plan": "f00d…", "generation": 3}`: from that offset on.
Where copies of one event came under two plans, the first hop says which of them holds, whoever reads its log:
`{"kind": "copy", "event": "e1", "plan": "f00d…", "hop": "risk.hop.account/2"}`.
Where events teach different owners of a key, the one whom its hop reads first is held. The hop says each other owner of
a key once, with the first event that named him and its time in ms:
`{"kind": "owner", "key": "A1", "held": "C1", "said": "C2", "event": "e2", "time": 1700000000000, "hop": "…/2"}`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import orjson

from risk_stream.catalogue import MISSING
from risk_stream.engine import Contradiction
from risk_stream.kafka import Outgoing
from risk_stream.stream.intake.origins import Committed

__all__ = ["audit_records", "copy_records", "owner_records"]


def audit_records(
    topic: str, origin: str, generation: int, now: Committed, before: Committed | None = None
) -> Iterator[Outgoing]:
    """What is to be said of an accepted commit: what it changed against the state `before`, or all of it."""
    place: dict[str, str | int] = {"origin": origin, "offset": now.offset}
    if now.clock != MISSING and (before is None or now.clock != before.clock):
        yield _record(topic, {"kind": "lift", **place, "clock": now.clock, "generation": generation})
    if now.plan is not None and (before is None or now.plan != before.plan):
        yield _record(topic, {"kind": "plan", **place, "plan": now.plan, "generation": generation})


def copy_records(topic: str, hop: str, copies: Iterable[tuple[str, str]]) -> Iterator[Outgoing]:
    """What is to be said of events of which a hop has dropped a copy under another plan: (event, plan that holds)."""
    for event, plan in copies:
        value = orjson.dumps({"kind": "copy", "event": event, "plan": plan, "hop": hop})
        yield Outgoing(topic, value, key=event.encode())


def owner_records(topic: str, hop: str, contradictions: Iterable[Contradiction]) -> Iterator[Outgoing]:
    """What is to be said of events that taught another owner of a key than the one that its hop holds."""
    for one in contradictions:
        yield Outgoing(topic, orjson.dumps({"kind": "owner", **one._asdict(), "hop": hop}), key=one.key.encode())


def _record(topic: str, said: dict[str, str | int]) -> Outgoing:
    return Outgoing(topic, orjson.dumps(said), key=str(said["origin"]).encode())
