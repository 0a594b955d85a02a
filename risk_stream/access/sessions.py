"""Sessions: a signed cookie that says who somebody is, until they are idle or the day is over.

The cookie is all there is of a session, so that any console process answers it; it is signed, not encrypted, and holds
nothing that its owner may not know. Who signed in with a token is looked up at each request: a token that is taken
away ends the session. A session that was signed out stays ended in this process.
"""

from __future__ import annotations

import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict
from hashlib import sha256

import msgspec

from risk_stream.access.people import Access, Person
from risk_stream.access.scope import Scope

__all__ = ["Seal", "Session", "SessionError", "Sessions"]

#: Ended sessions that are remembered; each is so until it would have ended by itself.
MOST_ENDED = 10_000
#: A cookie is written anew after so long, that one who works is not idle, ms.
RENEW_MS = 60_000
#: A longer text is no cookie of ours.
MOST_CHARACTERS = 4096


class SessionError(Exception):
    """Raised for a session that is over, or a cookie that is none of ours; the text is one sentence."""


class Session(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a cookie holds. Times in ms."""

    id: str
    name: str
    began: int
    active: int
    token: str = ""  # the id of the token it began with; "" of one that the provider vouched for
    shown: str = ""
    roles: list[str] = []
    reveal: bool = False
    entities: list[str] | None = []
    language: str = "en"


class Seal:
    """Signs small values with a key, each for one purpose: what was signed for one is nothing for another."""

    def __init__(self, key: bytes) -> None:
        self._key = sha256(b"risk-stream console\0" + key).digest()

    def mac(self, purpose: str, data: bytes) -> bytes:
        """32 bytes."""
        return hmac.digest(self._key, purpose.encode() + b"\0" + data, "sha256")

    def sign(self, purpose: str, data: bytes) -> str:
        """The data and their signature, as a text for a cookie."""
        return f"{_text(data)}.{_text(self.mac(purpose, data))}"

    def open(self, purpose: str, text: str) -> bytes | None:
        """The data that were signed for this purpose; None where they were not."""
        head, _, tail = text.partition(".")
        if len(text) > MOST_CHARACTERS:
            return None
        try:
            data, mac = _bytes(head), _bytes(tail)
        except ValueError:
            return None
        return data if hmac.compare_digest(mac, self.mac(purpose, data)) else None


class Sessions:
    """Begins, reads and ends sessions. Raises `SessionError` for what is none any more."""

    def __init__(self, seal: Seal) -> None:
        self._seal = seal
        self._ended: OrderedDict[str, int] = OrderedDict()

    def begin(self, person: Person, *, token: str, now: int) -> Session:
        """A session of its own: nothing that was there before signing in is taken over."""
        entities = person.scope.entities
        return Session(
            id=secrets.token_urlsafe(16),
            name=person.name,
            began=now,
            active=now,
            token=token,
            shown="" if token else person.shown,
            roles=[] if token else list(person.roles),
            reveal=not token and "reveal" in person.may,
            entities=None if entities is None else [] if token else sorted(entities),
            language=person.language,
        )

    def cookie(self, session: Session) -> str:
        """The cookie's value."""
        return self._seal.sign("session", msgspec.json.encode(session))

    def read(self, cookie: str, access: Access, now: int) -> tuple[Session, Person]:
        """The session of a cookie and who it is."""
        data = self._seal.open("session", cookie)
        if data is None:
            raise SessionError("this session is not known: sign in again")
        try:
            session = msgspec.json.decode(data, type=Session)
        except msgspec.DecodeError:
            raise SessionError("this session is not known: sign in again") from None
        if session.id in self._ended:
            raise SessionError("this session was signed out: sign in again")
        if now - session.active > access.idle_minutes * 60_000:
            raise SessionError(f"nothing was done for {access.idle_minutes:g} minutes: sign in again")
        if now - session.began > access.longest_hours * 3_600_000:
            raise SessionError(f"a session lasts {access.longest_hours:g} hours at most: sign in again")
        return session, self._person(session, access, now)

    def renewed(self, session: Session, now: int) -> Session | None:
        """The session as it goes on; None while its cookie is new enough."""
        return msgspec.structs.replace(session, active=now) if now - session.active > RENEW_MS else None

    def end(self, session: Session, now: int) -> None:
        """Nobody gets in with its cookie again."""
        self._ended[session.id] = now
        while len(self._ended) > MOST_ENDED:
            self._ended.popitem(last=False)

    def csrf(self, session: Session | None) -> str:
        """What a page of this session sends with each write, and no other site can know."""
        return self._seal.mac("csrf", session.id.encode() if session else b"").hex()[:40]

    @staticmethod
    def _person(session: Session, access: Access, now: int) -> Person:
        if session.token:
            token = access.tokens.get(session.token)
            person = access.person(token.person) if token is not None else None
            if token is None or person is None or (token.expires is not None and now >= token.expires):
                raise SessionError("the token of this session is no longer good: sign in with another")
            return person
        may = frozenset().union(*(access.roles.get(role, frozenset()) for role in session.roles))
        may = may | {"reveal"} if session.reveal else may - {"reveal"}
        scope = Scope(None if session.entities is None else frozenset(session.entities))
        return Person(session.name, session.shown, tuple(session.roles), may, scope, session.language)


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text.encode("ascii", "strict") + b"=" * (-len(text) % 4))
