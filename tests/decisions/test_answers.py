"""The first record of an application is its answer, whatever comes later and however often the log is read."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk_stream.decisions.answers import (
    NO_ANSWER,
    Answer,
    Answers,
    Verdicts,
    at_deadline,
    partition_of,
    read_decision,
)
from risk_stream.decisions.record import Decision

VERDICTS = ("approve", "refer", "decline")
LOGS = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(VERDICTS)), max_size=40)


def decision(application: str, verdict: str, **more: object) -> Decision:
    given = {"loan": "L", "customer": "C", "reasons": [], "table": "t", "version": "v", "plan": "p", "time": 1}
    given |= {"limit": None, "rate_from": None, "rate_to": None, "score": None, "request": None}
    return Decision(id=application, verdict=verdict, **(given | {"by": "engine", "revision": 0} | more))  # type: ignore[arg-type]


@given(LOGS)
def test_the_first_record_of_an_application_is_its_answer(log: list[tuple[str, str]]) -> None:
    """Later records of the same application are never the answer, whatever they say."""
    answers = Answers()
    for at, (application, verdict) in enumerate(log):
        first = application not in [a for a, _ in log[:at]]
        assert answers.take(application, Answer(verdict.encode(), None, at)) is first
    for application, _ in reversed(log):
        found = answers.get(application)
        assert found is not None
        assert found.value.decode() == next(v for a, v in log if a == application)


@given(LOGS, st.integers(0, 40))
def test_answers_are_forgotten_by_age_alone(log: list[tuple[str, str]], before: int) -> None:
    """What the broker got before a time goes; all else stays."""
    answers = Answers()
    for at, (application, verdict) in enumerate(log):
        answers.take(application, Answer(verdict.encode(), None, at))
    firsts = {a: at for at, (a, _) in reversed(list(enumerate(log)))}
    assert answers.forget(before) == sum(at < before for at in firsts.values())
    assert {a for a in "abcd" if answers.get(a)} == {a for a, at in firsts.items() if at >= before}


@given(st.lists(st.integers(0, 9), max_size=12), st.lists(st.integers(0, 12), max_size=3))
def test_no_answer_outlives_its_age_in_whatever_order_partitions_are_read(ages: list[int], befores: list[int]) -> None:
    """One partition is read to its end before another begins: what is new comes before what is old."""
    answers = Answers()
    for number, at in enumerate(ages):
        answers.take(str(number), Answer(b"", None, at))
    latest = 0
    for before in befores:
        answers.forget(before)
        latest = max(latest, before)
        assert [n for n in range(len(ages)) if answers.get(str(n))] == [n for n, at in enumerate(ages) if at >= latest]
        assert len(answers) == sum(at >= latest for at in ages)


@given(LOGS)
def test_an_officer_hears_of_each_record_with_another_verdict_and_of_the_end_of_it(log: list[tuple[str, str]]) -> None:
    """What stands of an application's differences is whether its last record has the answer's verdict."""
    verdicts, stands = Verdicts(), dict[str, bool]()
    for at, (application, verdict) in enumerate(log):
        found = verdicts.take(decision(application, verdict), at)
        answered = next(v for a, v in log if a == application)
        if found is not None:
            assert found.answered == answered
            stands[application] = not found.agrees
        assert stands.get(application, False) == (verdict != answered)


def test_a_decision_at_the_deadline_refers_and_says_why() -> None:
    """It carries what the request said of itself, and no figure that nobody reckoned."""
    event = {"loan": "L1", "customer": "C1", "request": "hash", "amount": 5}
    said = at_deadline("A1", event, 7)
    assert (said.verdict, said.reasons, said.by) == ("refer", [NO_ANSWER], "deadline")
    assert (said.id, said.loan, said.customer, said.request, said.time) == ("A1", "L1", "C1", "hash", 7)
    assert (said.limit, said.score) == (None, None)
    assert read_decision(msgspec.json.encode(said)) == said


def test_what_judges_nothing_anew_is_no_difference() -> None:
    """A deadline that lost the race, and a judgement that a restart says again after its revision."""
    verdicts = Verdicts()
    assert verdicts.take(decision("a", "approve"), 0) is None
    assert verdicts.take(decision("a", "refer", by="deadline"), 1) is None
    revised = verdicts.take(decision("a", "decline", revision=7), 2)
    assert revised is not None
    assert (revised.answered, revised.by, revised.agrees) == ("approve", "engine", False)
    assert verdicts.take(decision("a", "approve"), 3) is None
    assert verdicts.take(decision("a", "approve", revision=9), 4) == revised._replace(
        later=decision("a", "approve", revision=9), agrees=True
    )


def test_what_is_recovered_stands_behind_the_engine_and_before_a_deadline() -> None:
    """An application that came too late: a deadline had judged nothing of it, the engine knows better."""
    recovered = decision("a", "decline", by="recovered", revision=-1)
    verdicts = Verdicts()
    assert verdicts.take(decision("a", "refer", by="deadline"), 0) is None
    found = verdicts.take(recovered, 1)
    assert found is not None
    assert (found.answered, found.by, found.later) == ("refer", "deadline", recovered)
    of_engine = Verdicts()
    assert of_engine.take(decision("a", "approve"), 0) is None
    assert of_engine.take(recovered, 1) is None


def test_what_is_no_decision_is_refused_with_a_sentence() -> None:
    """Somebody else wrote into the topic."""
    for value in (None, b"", b"{", b"{}", b"\xff", b'{"id": 1}'):
        with pytest.raises(ValueError, match=r"\w"):
            read_decision(value)


def test_the_partition_of_an_application_is_the_same_everywhere() -> None:
    """It must never change: the first record of an application would be sought elsewhere."""
    assert [partition_of(a, 4) for a in ("A1", "A2", "A3", "申请一")] == [1, 3, 0, 3]
    assert {partition_of(f"A{i}", 4) for i in range(50)} == {0, 1, 2, 3}
