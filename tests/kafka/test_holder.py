"""Who holds a topic keeps it, whatever members come, go, or wake up."""

from __future__ import annotations

from typing import cast

from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata
from hypothesis import given
from hypothesis import strategies as st

from risk_stream.kafka.holder import HolderAssignor

TOPIC = "audit"


class Cluster:
    """One topic of one partition."""

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return {0} if topic == TOPIC else None


#: What a member of this release, or of an earlier one, assigns by.
Member = HolderAssignor | type[RoundRobinPartitionAssignor]


def rebalance(members: dict[str, Member], leader: str) -> str:
    """As a group does it, over the bytes that the broker passes on; -> who has the partition."""
    told = {
        name: ConsumerProtocolMemberMetadata.decode(one.metadata([TOPIC]).encode()) for name, one in members.items()
    }
    given = members[leader].assign(cast(ClusterMetadata, Cluster()), told)
    assert given.keys() == members.keys()
    for name, assignment in given.items():
        members[name].on_assignment(ConsumerProtocolMemberAssignment.decode(assignment.encode()))
    (holder,) = [name for name, assignment in given.items() if assignment.assignment == [(TOPIC, [0])]]
    assert all(given[name].assignment == [] for name in given if name != holder)
    return holder


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 4)), min_size=1, max_size=40))
def test_a_turn_passes_only_when_its_holder_is_gone(steps: list[tuple[str, int]]) -> None:
    """A member comes, or falls silent, keeping what it knew, or comes back so; any member may lead."""
    silent: dict[str, Member] = {name: HolderAssignor(TOPIC) for name in "abcde"}
    members: dict[str, Member] = {}
    holder = None
    for name, leads in steps:
        there, gone = (members, silent) if name in members else (silent, members)
        gone[name] = there.pop(name)
        if not members:
            holder = None
            silent = {name: HolderAssignor(TOPIC) for name in "abcde"}
            continue
        now = rebalance(members, sorted(members)[leads % len(members)])
        if holder in members:
            assert now == holder
        holder = now


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 4)), min_size=1, max_size=40))
def test_members_of_an_earlier_release_take_turns_with_those_of_this_one(steps: list[tuple[str, int]]) -> None:
    """While a house is upgraded one of them has the turn, whoever leads and whatever they know of each other."""
    absent: dict[str, Member] = {name: HolderAssignor(TOPIC) for name in "abc"}
    absent |= dict.fromkeys("de", RoundRobinPartitionAssignor)
    members: dict[str, Member] = {}
    for name, leads in steps:
        there, gone = (members, absent) if name in members else (absent, members)
        gone[name] = there.pop(name)
        if members:
            assert rebalance(members, sorted(members)[leads % len(members)]) in members
