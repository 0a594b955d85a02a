"""A request for a decision: a JSON object that becomes an `application` event, and the hash of what it asks.

The hash is of the body alone, without its name, its time and how long the sender waits: so the same question, asked
again a minute later or by another way, is the same request, and another question under the same name is not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import orjson

from risk_stream.catalogue import Catalogue
from risk_stream.catalogue.explain import Limits, Refusal, read_record

__all__ = ["APPLICATION", "BadRequestError", "Deadlines", "Request", "Requests", "body_hash"]

#: The event type that is decided.
APPLICATION = "application"

#: What a body says beside the event's fields, and what of the event is no part of the question.
_BESIDE = frozenset(("application", "deadline_ms"))
_NO_QUESTION = _BESIDE | {"id", "type", "time", "request"}

_DEEP = "the body is nested too deeply; send the fields of an application side by side"


class BadRequestError(Exception):
    """Raised for a request that cannot be asked; the text is one sentence that names the field."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long an answer may take, ms: where a request does not say, and the least and most that one may say."""

    usual: int = 1_000
    least: int = 10
    most: int = 30_000

    def read(self, said: object) -> int:
        """The time that a request allows. Raises `BadRequestError`."""
        if said is None:
            return self.usual
        try:
            ms = math.nan if isinstance(said, bool) else float(said)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            ms = math.nan
        if not self.least <= ms <= self.most:
            raise BadRequestError(f'"deadline_ms" must be a number from {self.least:,} to {self.most:,}')
        return int(ms)


@dataclass(frozen=True, slots=True)
class Request:
    """One question: `id` is the application's, `body` the hash of what is asked, `event` the event's fields."""

    id: str
    body: str
    event: Mapping[str, Any]
    deadline_ms: int

    def record(self) -> bytes:
        """As it stands in the topic of requests."""
        return orjson.dumps(self.event)


class Requests:
    """Reads requests. `early_ms` and `late_ms` bound a time that a body gives against now; None for no bounds."""

    def __init__(
        self,
        catalogue: Catalogue,
        deadlines: Deadlines,
        *,
        early_ms: int | None = None,
        late_ms: int | None = None,
    ) -> None:
        self.catalogue, self.deadlines = catalogue, deadlines
        self.early_ms, self.late_ms = early_ms, late_ms
        self._limits = Limits()

    def read(self, body: bytes, *, now_ms: int, key: str | None = None, deadline: str | None = None) -> Request:
        """The request in a body. `key` and `deadline` come beside it (in headers). Raises `BadRequestError`."""
        said = _object(body)
        application = _name(said, key)
        deadline_ms = self.deadlines.read(said.get("deadline_ms") if deadline is None else deadline)
        if said.get("type") not in (None, APPLICATION):
            raise BadRequestError(f'"type" may be left out; what is decided here is an {APPLICATION}')
        digest = body_hash(said)
        event = {name: value for name, value in said.items() if name not in _BESIDE}
        event |= {"id": application, "type": APPLICATION, "request": digest}
        event.setdefault("time", now_ms)
        try:
            stored = read_record(self.catalogue, self._limits, _written(event))
        except Refusal as refusal:
            raise BadRequestError(refusal.message) from None
        self._check_time(int(stored["time"]) - now_ms)
        return Request(application, digest, event, deadline_ms)

    def _check_time(self, ahead_ms: int) -> None:
        if self.late_ms is not None and ahead_ms > self.late_ms:
            raise BadRequestError(f'"time" is {ahead_ms / 1000:,.1f} s ahead of now; leave it out, or mend the clock')
        if self.early_ms is not None and -ahead_ms > self.early_ms:
            raise BadRequestError(f'"time" is {-ahead_ms / 1000:,.1f} s ago, too late to be judged; leave it out')


def _object(body: bytes) -> dict[str, Any]:
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise BadRequestError(f"the body is not JSON ({exc}); send one JSON object") from None
    if not isinstance(said, dict):
        raise BadRequestError("the body must be a JSON object: the fields of an application")
    return said


def _name(said: Mapping[str, Any], key: str | None) -> str:
    """The application's id, from the body or the header, which must agree."""
    given = [name for name in (said.get("application"), said.get("id"), key) if name not in (None, "")]
    if not given:
        raise BadRequestError('"application" is missing: the id of the application, by which it is asked only once')
    name = given[0]
    if not isinstance(name, str) or not name.isprintable():
        raise BadRequestError('"application" must be text: the id of the application')
    if any(other != name for other in given):
        raise BadRequestError('"application" and the header Idempotency-Key name two applications')
    return name


def body_hash(event: Mapping[str, Any]) -> str:
    """The hash of what an event asks; 2 and 2.0 are the same, and so are members in another order.

    Raises `BadRequestError` for one that is nested too deeply.
    """
    try:
        asked = {name: _plain(value) for name, value in event.items() if name not in _NO_QUESTION}
    except RecursionError:
        raise BadRequestError(_DEEP) from None
    return blake2b(_written(asked, orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


def _written(said: Mapping[str, Any], option: int | None = None) -> bytes:
    """What was read as JSON, as JSON; more can be read than can be written."""
    try:
        return orjson.dumps(said, option=option)
    except orjson.JSONEncodeError:
        raise BadRequestError(_DEEP) from None


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value) if abs(value) < 2**53 else value
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value
