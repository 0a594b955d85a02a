"""What the model's house is made of: kinds of key, plans, events and what travels between the steps.

Four kinds of key in hop order: 0 account, 1 customer, 2 instrument, 3 group. An account belongs to a customer, a
customer to a group; an event that lacks the owner gets it filled in where its account (customer) is known.
"""

from __future__ import annotations

import zlib
from collections import Counter
from typing import NamedTuple, TypeAlias

__all__ = [
    "BELONGS",
    "BIG",
    "FLAG",
    "INF",
    "NEG",
    "PLANS",
    "Alert",
    "Channel",
    "Event",
    "Fact",
    "Fronts",
    "Item",
    "Items",
    "L",
    "Owner",
    "Plan",
    "Section",
    "hashed",
    "stats",
]

#: Allowed lateness, in the model's unit of time.
L = 4
HOPS = 4
#: Kind -> the kind it belongs to.
BELONGS = {0: 1, 1: 3}
#: No clock yet; the product's MISSING. INF stands above every offset and time, BIG for the end of time.
NEG, INF, BIG = -(2**63), 2**62, 10**6
#: Stands for a value whose window reaches behind what is kept ("warming").
FLAG = "?"

#: ("src", partition) for an origin, (hop, partition) for a hop partition.
Channel: TypeAlias = tuple[str | int, int]
#: Key of each kind, None where the event has none.
Keys: TypeAlias = tuple[int | None, ...]
#: (count, sum) or FLAG per hop visited, None where not.
Carried: TypeAlias = tuple[object, ...]


class Plan(NamedTuple):
    """Window per hop, limits of the rules, later hops that are not visited."""

    window: tuple[int, ...]
    burst: int
    both: int
    many: int
    skip: tuple[int, ...]


PLANS = (
    Plan((6, 5, 10, 3), 3, 14, 6, ()),
    Plan((3, 12, 4, 9), 2, 10, 4, (1,)),
    Plan((10, 3, 6, 5), 4, 8, 5, (2,)),
)


class Event(NamedTuple):
    """As a source sends it; `kind` "teach" says who owns its account and its customer."""

    t: int
    id: int
    kind: str
    amount: int
    keys: Keys


class Item(NamedTuple):
    """An event on its way: position of its block << 20 | index, keys with owners filled in, features so far."""

    stamp: int
    event: Event
    keys: Keys
    carried: Carried


class Section(NamedTuple):
    """What a record says of one of the channels that share it.

    `more` is a promise that another record of the channel comes to the same partition, and how far the channel has
    come; NEG takes the promise back; None says nothing of it, but what an older generation promised is over.
    """

    channel: Channel
    generation: int
    front: int
    more: int | None = None


class Items(NamedTuple):
    """A record of a hop topic with events of several channels, of one plan; a block, where nothing is held back.

    An item goes with the number of its section. Stamps ascend within a section; a section may be without items. One
    that is to be judged `alone` stands for changes of lists.
    """

    sections: tuple[Section, ...]
    plan: int
    items: tuple[tuple[int, Item], ...]
    alone: bool = False


class Fronts(NamedTuple):
    """A record of a hop topic that only says fronts: (channel, generation, front) of one worker's channels."""

    said: tuple[Section, ...]


class Fact(NamedTuple):
    """What a ring keeps of an event: as it came in, before owners are filled in here; sorted by (t, id)."""

    t: int
    id: int
    event: Event
    keys: Keys
    carried: Carried
    plan: int
    arrival: int


class Owner(NamedTuple):
    """Whose a key is, and from which (t, id) on."""

    key: int
    since: tuple[int, int]


class Alert(NamedTuple):
    """What is said of (rule, event) by a block; value None is a withdrawal, `was` the features said before."""

    rule: str
    event: int
    revision: int
    value: object
    was: object


#: How often each thing happened, over all schedules of a process.
stats: Counter[str] = Counter()


def hashed(*parts: object) -> int:
    """A hash that is the same in every process."""
    return zlib.crc32(repr(parts).encode())
