"""The batch transport's book-keeping: credits, acknowledgements, and commits that do not lose or invent any."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import IllegalStateError, KafkaConnectionError, NodeNotReadyError
from faust.types.tuples import TP

from risk_stream.stream import transport as module
from risk_stream.stream.commits import Answer, NoBook, send_commit
from risk_stream.stream.transport import CREDITS, Consumer

A, B = TP("t", 0), TP("t", 1)


class Thread:
    """The Kafka side: answers commits as it is told to."""

    def __init__(self) -> None:
        self.committed: list[dict[TP, int]] = []
        self.texts: list[str] = []
        self.generations: list[int] = []
        self.answer = Answer.ACCEPTED
        self.meanwhile: Callable[[], None] = lambda: None
        self.woken = 0

    async def commit_under(self, generation: int, wanted: dict[TP, tuple[int, str]]) -> dict[TP, Answer]:
        self.generations.append(generation)
        self.texts += [text for _, text in wanted.values()]
        self.meanwhile()
        if self.answer is Answer.ACCEPTED:
            self.committed.append({tp: offset for tp, (offset, _) in wanted.items()})
        return dict.fromkeys(wanted, self.answer)

    def credit_returned(self) -> None:
        self.woken += 1


class Book:
    """Of partition A each commit has a text."""

    def __init__(self) -> None:
        self.accepted: list[tuple[TP, int]] = []

    def committing(self, tp: TP, offset: int) -> str | None:
        return f"as of {offset}" if tp == A else None

    def committed(self, tp: TP, offset: int) -> None:
        self.accepted.append((tp, offset))

    def unanswered(self) -> None:
        raise EndedError


class EndedError(Exception):
    """The process would have ended."""


def consumer() -> tuple[Consumer, Thread]:
    """A consumer without a Faust app around it, in generation 1."""
    made = Consumer.__new__(Consumer)
    thread = Thread()
    values: dict[str, Any] = {
        "app": SimpleNamespace(consumer_generation_id=1),
        "log": logging.getLogger("test"),
        "book": NoBook(),
        "_thread": thread,
        "_committed_offset": {A: None, B: None},
        "_committing": asyncio.Lock(),
        "_generation": 1,
        "_out": Counter(),
        "_starts": {},
        "_acked_to": {},
    }
    for name, value in values.items():
        setattr(made, name, value)
    return made, thread


def message(tp: TP, offset: int, generation: int = 1) -> Any:
    return SimpleNamespace(tp=tp, offset=offset, generation_id=generation)


def test_a_partition_is_read_until_its_credits_are_out() -> None:
    """So one that is not acknowledged stands in nobody's way but its own."""
    made, _ = consumer()
    made._out[A] = CREDITS
    made._out[B] = CREDITS - 1
    assert made.with_credit([A, B]) == [B]


def test_a_finished_run_gives_its_credit_back_and_wakes_the_reader() -> None:
    """Only where the partition was held: nothing waits otherwise."""
    made, thread = consumer()
    made._out[A] = CREDITS
    made.done(message(A, 9))
    made.done(message(A, 19))
    assert made.with_credit([A]) == [A]
    assert thread.woken == 1


def test_a_commit_is_the_highest_acknowledged_offset_plus_one() -> None:
    """Runs with gaps between them are one position."""
    made, thread = consumer()
    for offset in (9, 40, 77):
        made.done(message(A, offset))
    made.done(message(B, 3))
    assert asyncio.run(made.force_commit())
    assert thread.committed == [{A: 78, B: 4}]
    assert not asyncio.run(made.force_commit())


def test_a_commit_that_was_not_taken_is_made_again() -> None:
    """The broker was away; nothing new came meanwhile."""
    made, thread = consumer()
    made.done(message(A, 9))
    thread.answer = Answer.NOT_TAKEN
    assert not asyncio.run(made.force_commit())
    thread.answer = Answer.ACCEPTED
    assert asyncio.run(made.force_commit())
    assert thread.committed == [{A: 10}]


def test_what_is_given_back_unread_is_not_committed() -> None:
    """A run that is asked for again returns its credit only."""
    made, _ = consumer()
    made._out[A] = 1
    made.done(message(A, 9), durable=False)
    assert made._out[A] == 0
    assert not asyncio.run(made.force_commit())


def test_a_run_of_an_older_assignment_is_ignored() -> None:
    """Another worker may have the partition, and be further."""
    made, _ = consumer()
    made.done(message(A, 9, generation=0))
    assert not asyncio.run(made.force_commit())


def test_a_commit_says_what_the_book_has_for_its_offset() -> None:
    """And the book hears when it was accepted."""
    made, thread = consumer()
    made.book = book = Book()
    made.done(message(A, 9))
    made.done(message(B, 3))
    asyncio.run(made.force_commit())
    assert (thread.texts, thread.generations) == (["as of 10", ""], [1])
    assert book.accepted == [(A, 10), (B, 4)]


def test_a_refused_commit_drops_what_is_pending() -> None:
    """The partition is another's by now."""
    made, thread = consumer()
    made.done(message(A, 9))
    thread.answer = Answer.REFUSED
    assert not asyncio.run(made.force_commit())
    thread.answer = Answer.ACCEPTED
    assert not asyncio.run(made.force_commit())
    assert thread.committed == []


def test_no_answer_to_a_commit_with_a_text_ends_the_process() -> None:
    """It may lie somewhere and be applied after the next; without a text that does no harm."""
    made, thread = consumer()
    made.book = Book()
    thread.answer = Answer.NONE
    made.done(message(B, 3))
    assert not asyncio.run(made.force_commit())
    made.done(message(A, 3))
    with pytest.raises(EndedError):
        asyncio.run(made.force_commit())


def test_a_partition_that_is_being_given_away_has_not_delivered_its_last_records() -> None:
    """A change of its origin asks while the group is between two assignments: no, and no reason to end the process."""
    made, thread = consumer()

    async def position(tp: TP) -> int:
        raise IllegalStateError(f"Partition {tp} is not assigned")

    thread.position = position  # type: ignore[attr-defined]
    assert asyncio.run(made.has_delivered(A, 5)) is False


def test_a_commit_never_goes_back() -> None:
    """After an exact one only higher offsets are committed."""
    made, thread = consumer()
    made.done(message(A, 9))
    asyncio.run(made.commit_exactly({A: (20, "lifted")}))
    assert not asyncio.run(made.force_commit())
    assert thread.committed == [{A: 20}]


def test_an_answer_of_an_older_assignment_counts_for_nothing() -> None:
    """The partition was begun anew while the commit was under way."""
    made, thread = consumer()
    made.book = book = Book()

    def assigned_anew() -> None:
        made._generation = 2
        made._forget()

    thread.meanwhile = assigned_anew
    assert asyncio.run(made.commit_exactly({A: (20, "lifted")})) == {A: Answer.REFUSED}
    assert book.accepted == []
    assert made.committed(A) is None


class Coordinator:
    """The Kafka client's part that talks to the group's coordinator."""

    def __init__(self, code: int = 0, error: Exception | None = None) -> None:
        self.coordinator_id, self.group_id, self.generation, self.member_id = 1, "g", 7, "m"
        self.code, self.error = code, error
        self.told: list[str] = []
        self.asked: list[Any] = []
        self._commit_lock, self._client = asyncio.Lock(), self

    async def send(self, _node: int, request: Any, *, group: object) -> Any:
        self.asked.append((request._consumer_group_generation_id, request._topics))
        if self.error is not None:
            raise self.error
        return SimpleNamespace(topics=[("t", [(partition, self.code) for partition, *_ in request._topics[0][1]])])

    def coordinator_dead(self) -> None:
        self.told.append("dead")

    def request_rejoin(self) -> None:
        self.told.append("rejoin")

    def reset_generation(self) -> None:
        self.told.append("reset")


@pytest.mark.parametrize(
    ("code", "answer", "told"),
    [
        (0, Answer.ACCEPTED, []),
        (22, Answer.REFUSED, ["reset"]),
        (25, Answer.REFUSED, ["reset"]),
        (27, Answer.REFUSED, ["rejoin"]),
        (14, Answer.NOT_TAKEN, []),
        (7, Answer.UNCERTAIN, ["dead"]),
        (16, Answer.UNCERTAIN, ["dead"]),
    ],
)
def test_answers_are_told_apart(code: int, answer: Answer, told: list[str]) -> None:
    """By Kafka's error codes; the client joins anew or looks for the coordinator as it would have."""
    coordinator = Coordinator(code)
    assert asyncio.run(send_commit(coordinator, 7, {A: (5, "x"), B: (6, "")})) == {A: answer, B: answer}
    assert coordinator.told == told
    assert coordinator.asked == [(7, [("t", [(0, 5, "x"), (1, 6, "")])])]


def test_what_was_never_sent_is_not_unanswered() -> None:
    """The connection could not be made; a lost connection or a time-out may have come after the request arrived."""
    assert asyncio.run(send_commit(Coordinator(error=NodeNotReadyError()), 7, {A: (5, "")})) == {A: Answer.NOT_TAKEN}
    assert asyncio.run(send_commit(Coordinator(error=KafkaConnectionError()), 7, {A: (5, "")})) == {A: Answer.NONE}


def test_a_refusal_of_an_older_generation_leaves_the_new_membership_alone() -> None:
    """The member has joined anew while its last commit was under way."""
    coordinator = Coordinator(22)
    assert asyncio.run(send_commit(coordinator, 6, {A: (5, "")})) == {A: Answer.REFUSED}
    assert coordinator.told == []


def test_fetches_of_a_node_begin_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first at once, each later one when it is time; those of another node do not wait for them."""
    waits: list[int] = []

    async def sleep(seconds: float) -> None:
        waits.append(round(seconds / 1000))

    async def fetch(*request: object) -> bool:
        return request == ("assignment", request[1], "request")

    async def main() -> None:
        later = module._apart(fetch)
        assert all([await later("assignment", node, "request") for node in (1, 1, 2, 1)])

    monkeypatch.setattr(module, "FETCH_APART", 1000.0)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    asyncio.run(main())
    assert waits == [1, 2]
