"""How Kafka's group gives a topic of one partition to one of its members: whoever holds it keeps it.

aiokafka's own assignors go by the members' names, so that one that joins to stand by takes the partition from whoever
is at work in every second case; its sticky one keeps what is held in attributes of its class, one for all groups of a
process, and never hears of generations (https://github.com/aio-libs/aiokafka/issues/1176).

A consumer may offer one assignor only. With two aiokafka asks to join twice, and says something else the second time
(https://github.com/aio-libs/aiokafka/pull/1168): whoever is at the first has the others begin again, so several that
came together were seen to go on so for minutes, and nobody had the turn.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata

if TYPE_CHECKING:
    from aiokafka.cluster import ClusterMetadata

__all__ = ["HolderAssignor"]

#: Whether the member holds the topic, and how often its holder has changed as far as the member knows.
_KNOWN = struct.Struct(">?Q")


class HolderAssignor:
    """Assigns one topic, whole, to one member; one of these for each consumer, for it knows whether that holds it.

    All members hear how often the holder has changed, so one that was silent for long, and lost its place, does not
    take it back from whoever came after it.
    """

    #: All members of a group call it the same, and those of earlier releases do so; they say nothing of what they know.
    name = "roundrobin"
    _version = 0

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._holds, self._changes = False, 0

    def metadata(self, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
        """What this member tells whoever assigns."""
        return ConsumerProtocolMemberMetadata(self._version, list(topics), _KNOWN.pack(self._holds, self._changes))

    def assign(
        self, cluster: ClusterMetadata, members: Mapping[str, ConsumerProtocolMemberMetadata]
    ) -> dict[str, ConsumerProtocolMemberAssignment]:
        """All partitions of the topic to its last holder; to the first by name where that is gone."""
        known = {member: _known(metadata.user_data) or (False, 0) for member, metadata in members.items()}
        changes = max(count for _, count in known.values())
        held = sorted(member for member, last in known.items() if last == (True, changes))
        if not held:
            changes += 1
        chosen = held[0] if held else min(members)
        whole = [(self._topic, sorted(cluster.partitions_for_topic(self._topic) or ()))]
        return {
            member: ConsumerProtocolMemberAssignment(
                self._version, whole if member == chosen else [], _KNOWN.pack(member == chosen, changes)
            )
            for member in members
        }

    def on_assignment(self, assignment: ConsumerProtocolMemberAssignment) -> None:
        """Learn what was assigned to this member; one of an earlier release may have done it."""
        holds = any(partitions for _, partitions in assignment.assignment)
        self._holds, self._changes = _known(assignment.user_data) or (holds, self._changes)


def _known(said: bytes | None) -> tuple[bool, int] | None:
    if said is None or len(said) != _KNOWN.size:
        return None
    holds, changes = _KNOWN.unpack(said)
    return holds, changes
