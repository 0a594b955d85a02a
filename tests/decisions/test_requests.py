"""What a request must say, and when two requests are the same."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from risk_stream.catalogue import load_catalogue
from risk_stream.decisions.requests import BadRequestError, Deadlines, Requests, body_hash

NOW = 1_774_000_000_000
BODY = {"application": "A1", "loan": "L1", "customer": "C1", "amount": 5000, "product": "consumer"}


@pytest.fixture(scope="module")
def requests() -> Requests:
    return Requests(load_catalogue(), Deadlines(500, 10, 2_000), early_ms=10_000, late_ms=300_000)


def read(requests: Requests, body: dict[str, Any], **beside: Any) -> Any:
    return requests.read(orjson.dumps(body), now_ms=NOW, **beside)


def test_a_request_becomes_an_application_event(requests: Requests) -> None:
    """With the application's id, the time at which it came, and the hash of what it asks."""
    request = read(requests, BODY)
    event = orjson.loads(request.record())
    assert event == {
        **{name: value for name, value in BODY.items() if name != "application"},
        "id": "A1",
        "type": "application",
        "time": NOW,
        "request": request.body,
    }
    assert (request.id, request.deadline_ms) == ("A1", 500)


def test_the_same_question_has_the_same_hash(requests: Requests) -> None:
    """In another order, with another time, deadline or way of saying the id, and as an event of its own."""
    body = read(requests, BODY).body
    again = {"deadline_ms": 90, "time": NOW - 5, **dict(reversed(BODY.items())), "amount": 5000.0}
    assert read(requests, again).body == body
    bare = {name: value for name, value in BODY.items() if name != "application"}
    assert read(requests, bare, key="A1").body == body
    assert body_hash({**bare, "id": "A1", "type": "application", "time": NOW}) == body


def test_another_question_has_another_hash(requests: Requests) -> None:
    """Any member that differs, also one that is no field of the event."""
    hashes = {read(requests, {**BODY, **more}).body for more in ({}, {"amount": 5001}, {"note": "x"}, {"note": "y"})}
    assert len(hashes) == 4


def test_the_header_may_say_id_and_deadline(requests: Requests) -> None:
    """The deadline beside the body stands above the one in it."""
    request = read(requests, {**BODY, "deadline_ms": 1500}, key="A1", deadline="20")
    assert (request.id, request.deadline_ms) == ("A1", 20)
    assert read(requests, {**BODY, "deadline_ms": 1500}).deadline_ms == 1500


def nested(name: str, depth: int) -> bytes:
    """A body with a member that has so many lists inside each other."""
    return orjson.dumps(BODY)[:-1] + b',"%b":%b%b}' % (name.encode(), b"[" * depth, b"]" * depth)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not JSON"),
        (b"[1]", "must be a JSON object"),
        (b"{", "not JSON"),
        (orjson.dumps({**BODY, "application": ""}), '"application" is missing'),
        (orjson.dumps({**BODY, "application": 7}), '"application" must be text'),
        (orjson.dumps({**BODY, "application": ["A"]}), '"application" must be text'),
        (orjson.dumps({**BODY, "application": "a\nb"}), '"application" must be text'),
        (orjson.dumps({**BODY, "application": "a" * 300}), '"id" has 300 bytes'),
        (orjson.dumps({**BODY, "id": "A2"}), "name two applications"),
        (orjson.dumps({**BODY, "type": "trade"}), '"type" may be left out'),
        (orjson.dumps({**BODY, "amount": "much"}), '"amount" is'),
        (orjson.dumps({"application": "A1", "loan": "L1", "amount": 1}), '"customer"'),
        (orjson.dumps({**BODY, "product": "pawn"}), '"product" is'),
        (orjson.dumps({**BODY, "time": NOW - 60_000}), '"time" is 60.0 s ago'),
        (orjson.dumps({**BODY, "time": NOW + 600_000}), '"time" is 600.0 s ahead'),
        (orjson.dumps({**BODY, "deadline_ms": 5}), '"deadline_ms" must be a number from 10 to 2,000'),
        (orjson.dumps({**BODY, "deadline_ms": "soon"}), '"deadline_ms" must be'),
        (orjson.dumps({**BODY, "deadline_ms": True}), '"deadline_ms" must be'),
        (nested("note", 300), "nested too deeply"),
        (nested("note", 1000), "nested too deeply"),
        (nested("note", 5000), "not JSON"),
        (nested("time", 300), "nested too deeply"),
    ],
)
def test_a_bad_request_is_refused_with_a_sentence_that_names_the_field(
    requests: Requests, body: bytes, said: str
) -> None:
    """What is wrong, and what to send."""
    with pytest.raises(BadRequestError) as refused:
        requests.read(body, now_ms=NOW)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
