"""Commits of the group's offsets that can be relied on: what is said beside the offset, and what the answer was.

The Kafka client's own commit is tried again for as long as there is no answer, under whatever generation the member has
by then. Here a commit is sent once, under the generation that its offsets were read in, and the answer is told apart:
a commit without one may lie somewhere and be applied later, after the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Protocol

from aiokafka.client import ConnectionGroup
from aiokafka.errors import KafkaError, NodeNotReadyError
from aiokafka.protocol.commit import OffsetCommitRequest
from faust.types.tuples import TP

__all__ = ["Answer", "CommitBook", "NoBook", "send_commit"]


class Answer(Enum):
    """What became of a commit of one partition."""

    ACCEPTED = "accepted"
    REFUSED = "refused: another generation has begun"
    NOT_TAKEN = "not taken; it has no effect"
    UNCERTAIN = "answered with an error; it has taken effect, or never will"
    NONE = "no answer; it may take effect at any time"


#: Kafka's error codes of an answered commit.
_UNKNOWN_MEMBER, _ILLEGAL_GENERATION, _REBALANCING, _FENCED_INSTANCE = 25, 22, 27, 82
_TIMED_OUT, _NOT_AVAILABLE, _NOT_COORDINATOR = 7, 15, 16
_UNCERTAIN = {_TIMED_OUT, _NOT_AVAILABLE, _NOT_COORDINATOR}
_REFUSED = {_UNKNOWN_MEMBER, _ILLEGAL_GENERATION, _REBALANCING, _FENCED_INSTANCE}


class CommitBook(Protocol):
    """Who knows what is said beside a partition's offset."""

    def committing(self, tp: TP, offset: int) -> str | None:
        """The text of a commit of an offset; None where none is needed and an answer that is lost does no harm."""

    def committed(self, tp: TP, offset: int) -> None:
        """A commit was accepted."""

    def unanswered(self) -> None:
        """There was no answer to a commit that has a text: nothing may follow it."""


class NoBook:
    """Nothing is said beside an offset."""

    def committing(self, tp: TP, offset: int) -> str | None:  # noqa: ARG002
        """None."""
        return None

    def committed(self, tp: TP, offset: int) -> None:
        """Nothing."""

    def unanswered(self) -> None:
        """Nothing: the next commit says more."""


async def send_commit(coordinator: Any, generation: int, wanted: Mapping[TP, tuple[int, str]]) -> dict[TP, Answer]:
    """Commit (offset, text) of partitions once, under `generation`, through a Kafka client's group coordinator."""

    def all_of(answer: Answer) -> dict[TP, Answer]:
        return dict.fromkeys(wanted, answer)

    node = coordinator.coordinator_id
    if node is None:  # it is being looked for
        return all_of(Answer.NOT_TAKEN)
    topics: dict[str, list[tuple[int, int, str]]] = {}
    for tp, (offset, text) in wanted.items():
        topics.setdefault(tp.topic, []).append((tp.partition, offset, text))
    request = OffsetCommitRequest(coordinator.group_id, generation, coordinator.member_id, -1, list(topics.items()))
    try:
        async with coordinator._commit_lock:  # noqa: SLF001  as the client's own commits do
            response = await coordinator._client.send(node, request, group=ConnectionGroup.COORDINATION)  # noqa: SLF001
    except NodeNotReadyError:
        coordinator.coordinator_dead()
        return all_of(Answer.NOT_TAKEN)
    except KafkaError:
        coordinator.coordinator_dead()
        return all_of(Answer.NONE)
    codes = {TP(topic, partition): code for topic, partitions in response.topics for partition, code in partitions}
    _tell(coordinator, generation, set(codes.values()))
    return {tp: _answer(codes.get(tp, _TIMED_OUT)) for tp in wanted}


def _answer(code: int) -> Answer:
    if code == 0:
        return Answer.ACCEPTED
    if code in _REFUSED:
        return Answer.REFUSED
    return Answer.UNCERTAIN if code in _UNCERTAIN else Answer.NOT_TAKEN


def _tell(coordinator: Any, generation: int, codes: set[int]) -> None:
    """Have the client look for the coordinator or join anew, as its own commit would."""
    if codes & _UNCERTAIN:
        coordinator.coordinator_dead()
    if generation != coordinator.generation:
        return  # it has joined anew meanwhile
    if _REBALANCING in codes:
        coordinator.request_rejoin()
    elif codes & _REFUSED:
        coordinator.reset_generation()
