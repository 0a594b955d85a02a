"""A session is who signed in, until idle, too old, signed out, or without its token."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk_stream.access import Access, Person, Scope, Seal, Sessions, make_token
from risk_stream.access.permissions import ROLES
from risk_stream.access.sessions import SessionError

NOW = 1_790_000_000_000
MINUTE = 60_000
WANG = Person("wang", "Wang Fang", ("officer",), ROLES["officer"], Scope(frozenset({"SEC-SH"})), "zh")


def access(**more: object) -> Access:
    return dataclasses.replace(Access(dict(ROLES), {"wang": WANG}), **more)  # type: ignore[arg-type]


def test_who_the_provider_vouched_for_is_that_person_again() -> None:
    """With the scope and roles of the sign-in."""
    sessions = Sessions(Seal(b"key"))
    began = sessions.begin(WANG, token="", now=NOW)
    session, person = sessions.read(sessions.cookie(began), access(people={}), NOW + MINUTE)
    assert (session, person) == (began, WANG)


def test_a_session_ends_idle_old_or_signed_out() -> None:
    """Each with its sentence."""
    sessions = Sessions(Seal(b"key"))
    began = sessions.begin(WANG, token="", now=NOW)
    with pytest.raises(SessionError, match="nothing was done for 30 minutes"):
        sessions.read(sessions.cookie(began), access(), NOW + 31 * MINUTE)
    session = began
    for at in range(NOW, NOW + 12 * 60 * MINUTE + 1, 20 * MINUTE):
        session, _ = sessions.read(sessions.cookie(session), access(), at)
        session = sessions.renewed(session, at) or session
    with pytest.raises(SessionError, match="lasts 12 hours at most"):
        sessions.read(sessions.cookie(session), access(), at + MINUTE)
    sessions.end(began, NOW)
    with pytest.raises(SessionError, match="signed out"):
        sessions.read(sessions.cookie(began), access(), NOW)


def test_a_session_ends_with_its_token() -> None:
    """One that is taken out of the file, has expired, or whose person is gone."""
    _, token = make_token("wang", now=NOW, expires=NOW + 5 * MINUTE)
    sessions = Sessions(Seal(b"key"))
    cookie = sessions.cookie(sessions.begin(WANG, token=token.id, now=NOW))
    known = access(tokens={token.id: token})
    assert sessions.read(cookie, known, NOW + MINUTE)[1] == WANG
    for gone, now in ((access(), NOW), (dataclasses.replace(known, people={}), NOW), (known, NOW + 6 * MINUTE)):
        with pytest.raises(SessionError, match="no longer good"):
            sessions.read(cookie, gone, now)


def test_signing_in_begins_a_new_session() -> None:
    """A cookie that somebody was given before is nothing after it, and csrf is of the session."""
    sessions = Sessions(Seal(b"key"))
    first, second = (sessions.begin(WANG, token="", now=NOW) for _ in range(2))
    assert first.id != second.id
    assert sessions.csrf(first) != sessions.csrf(second) != sessions.csrf(None)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_cookie_is_nothing(place: int, change: int) -> None:
    """Whichever of its bytes."""
    sessions = Sessions(Seal(b"key"))
    cookie = bytearray(sessions.cookie(sessions.begin(WANG, token="", now=NOW)).encode())
    cookie[place % len(cookie)] = (cookie[place % len(cookie)] + change) % 128
    text = cookie.decode()
    try:
        session, _ = sessions.read(text, access(), NOW)
    except SessionError:
        return
    assert session.name == "wang", "base64 has spare bits at its end: the same bytes"


@given(st.text(max_size=300))
def test_any_text_is_no_cookie(text: str) -> None:
    """Nor an error."""
    with pytest.raises(SessionError):
        Sessions(Seal(b"key")).read(text, access(), NOW)


def test_another_key_or_purpose_signs_nothing() -> None:
    """What a sign-in under way carries is no session."""
    seal = Seal(b"key")
    assert Seal(b"other").open("session", seal.sign("session", b"x")) is None
    assert seal.open("session", seal.sign("signin", b"x")) is None
    assert seal.open("session", seal.sign("session", b"x")) == b"x"
