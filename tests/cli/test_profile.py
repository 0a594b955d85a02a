"""`profile` as it is typed: how one stands, why, what is left later, and one sentence when it cannot say."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from risk_stream.embedded import EmbeddedRedis, free_port
from risk_stream.sinks import ProfileSink
from tests.cli.conftest import Ask
from tests.profiles.house import DAY
from tests.sinks.test_profiles import of
from tests.stream.test_keeper import Topic, Worker


@pytest.fixture(scope="module")
def redis() -> Iterator[str]:
    """A Redis with the profiles of two customers of a group."""
    with EmbeddedRedis() as server:

        async def fill() -> None:
            sink = ProfileSink(server.url, spread=3)
            worker = Worker(sink, Topic())
            await worker.take(of(1, "C1", "G1", entity="Beta"), of(2, "C2", "G1"))
            await worker.take(of(3, "C1", "G1", rule="fraud", severity="critical"))
            await sink.close()

        asyncio.run(fill())
        yield server.url


def test_it_says_how_a_customer_stands_and_why(ask: Ask, redis: str) -> None:
    answer = ask("profile", "C1", "--redis", redis)
    assert answer.code == 0, answer.err
    lines = [line.rstrip() for line in answer.out.splitlines()]
    assert lines[:7] == [
        "customer C1: grade D, 64.7 points",
        "as of 1970-01-04 00:00 UTC, last changed 1970-01-04 00:00",
        "of group G1",
        "suspect until 1970-04-04 00:00",
        "no better than D until 1970-12-30 00:00: a fraud",
        "  45.0 points for fraud (pre_loan, critical, 1970-01-04): 说明",
        "  19.7 points for other (pre_loan, high, 1970-01-02): 说明",
    ]
    assert lines[7] == "by legal entity: Alpha 45.0, Beta 19.7"
    assert "grade B to D; 20 to 65 points; suspect stands" in answer.out


def test_it_says_what_is_left_by_a_later_day(ask: Ask, redis: str) -> None:
    """The grade that is held has ended, and so have the labels."""
    answer = ask("profile", "C1", "--redis", redis, "--at", "1971-06-01")
    assert answer.out.splitlines()[0] == "customer C1: grade A, 1.2 points"
    assert "suspect until" not in answer.out


def test_a_group_says_whose_each_reason_is(ask: Ask, redis: str) -> None:
    answer = ask("profile", "G1", "--group", "--redis", redis)
    assert answer.out.splitlines()[0] == "group G1: grade D, 84.5 points"
    assert "2 customers: C1, C2" in answer.out
    assert "  C2: 19.8 points for other" in answer.out


def test_json_has_all_of_it(ask: Ask, redis: str) -> None:
    said = ask("profile", "C1", "--redis", redis, "--format", "json").json
    assert (said["grade"], said["revision"], said["group"], said["entity"]) == ("D", 2, "G1", "Alpha")
    assert [one["time"] // DAY for one in said["history"]] == [3, 1]
    assert said["labels"] == [{"name": "suspect", "until": 93 * DAY}]
    assert ask("profile", "G1", "--group", "--redis", redis, "--format", "json").json["members"] == ["C1", "C2"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("G1",), "There is no profile of the customer 'G1': no alert of it counts, or it is a group: --group;"),
        (("C1", "--group"), "There is no profile of the group 'C1': no alert of it counts, or it is a customer"),
        (("C1", "--at", "soon"), "--at 'soon' is no time: write 2026-12-31"),
    ],
)
def test_what_it_cannot_say_is_one_sentence(ask: Ask, redis: str, asked: tuple[str, ...], said: str) -> None:
    answer = ask("profile", *asked, "--redis", redis)
    assert answer.code == 1
    assert said in answer.err
    assert len(answer.err.strip().splitlines()) == 1


def test_a_redis_that_is_away_is_one_sentence(ask: Ask) -> None:
    away = f"127.0.0.1:{free_port()}"
    answer = ask("profile", "C1", "--redis", f"redis://:secret@{away}/0")
    assert answer.code == 1
    assert f"Redis at redis://{away}/0 does not answer" in answer.err
    assert "secret" not in answer.err
