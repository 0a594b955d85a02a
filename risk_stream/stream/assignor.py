"""Who gets which partitions: a lane whole, everything else evenly, and a lane to the worker that has it already.

A *lane* is partition i of every hop topic. It has one checkpoint and one fence, so it must never be torn apart.

While one release takes the place of another, workers ask for different topics, and one that is given what it has not
asked for ends. So each is given of what it asked for: a topic that nobody knows who has its lane waits until it has
gone to one who does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

import orjson
from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata

__all__ = ["Claim", "LaneAssignor", "share"]

#: What a worker says it has: the generation it got its lanes in, and the lanes.
Claim: TypeAlias = tuple[int, Sequence[int]]


def share(lanes: Iterable[int], claims: Mapping[str, Claim]) -> dict[str, list[int]]:
    """Lanes for each worker, as evenly as can be; a worker keeps what it has, where it is not more than its share.

    Of two that have a lane the one with the higher generation keeps it: the other slept through a rebalance.
    """
    left = set(lanes)
    workers = sorted(claims, key=lambda w: (-claims[w][0], w))
    least, more = divmod(len(left), len(workers))
    got: dict[str, list[int]] = {}
    for worker in workers:
        kept = [lane for lane in sorted(claims[worker][1]) if lane in left]
        room = least + (1 if more and len(kept) > least else 0)
        more -= room - least
        got[worker] = kept[:room]
        left -= set(got[worker])
    for lane in sorted(left):
        got[min(sorted(got), key=lambda w: len(got[w]))].append(lane)
    return {worker: sorted(kept) for worker, kept in got.items()}


class LaneAssignor:
    """What aiokafka asks when the group's leader assigns. `holds()` is what this worker has.

    Hop topics are those that begin so: another release may have kinds of key that this one does not know.
    """

    name = "risk-stream-lanes"
    version = 0

    def __init__(self, hop_prefix: str, holds: Callable[[], Claim]) -> None:
        self.hop_prefix, self.holds = hop_prefix, holds

    def metadata(self, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
        """What this worker says when it joins."""
        generation, lanes = self.holds()
        said = orjson.dumps({"generation": generation, "lanes": list(lanes)})
        return ConsumerProtocolMemberMetadata(self.version, list(topics), said)

    def assign(
        self, cluster: ClusterMetadata, members: Mapping[str, ConsumerProtocolMemberMetadata]
    ) -> dict[str, ConsumerProtocolMemberAssignment]:
        """Partitions for every member."""
        claims = {member: _claim(said.user_data) for member, said in members.items()}
        asked = {member: frozenset(said.subscription) for member, said in members.items()}
        topics = sorted(frozenset().union(*asked.values()))
        partitions = {topic: sorted(cluster.partitions_for_topic(topic) or ()) for topic in topics}
        hops = [topic for topic in topics if topic.startswith(self.hop_prefix)]
        lanes = share({p for topic in hops for p in partitions[topic]}, claims)
        got: dict[str, dict[str, list[int]]] = {member: {} for member in members}
        for member, mine in lanes.items():
            for topic in asked[member].intersection(hops):
                if here := [lane for lane in mine if lane in partitions[topic]]:
                    got[member][topic] = here
        load = {member: len(mine) for member, mine in lanes.items()}
        for topic in topics:
            if topic in hops:
                continue
            readers = sorted(member for member in members if topic in asked[member])
            for partition in partitions[topic]:
                member = min(readers, key=load.__getitem__)
                load[member] += 1
                got[member].setdefault(topic, []).append(partition)
        return {
            member: ConsumerProtocolMemberAssignment(self.version, sorted(mine.items()), b"")
            for member, mine in got.items()
        }

    def on_assignment(self, assignment: ConsumerProtocolMemberAssignment) -> None:
        """Nothing to remember: the lanes know what they are."""


def _claim(said: bytes) -> Claim:
    try:
        claim = orjson.loads(said)
        return int(claim["generation"]), [int(lane) for lane in claim["lanes"]]
    except (ValueError, KeyError, TypeError):
        return -1, ()
