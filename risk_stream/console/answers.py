"""What handlers begin and end with: who asks and for what, and the answer as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from risk_stream.access import PERSON, Person, Scope, refusal

__all__ = [
    "LONGEST_PAGE",
    "BadQueryError",
    "answer",
    "bad",
    "body_of",
    "integer",
    "listed",
    "missing",
    "page_of",
    "person_of",
    "scope_of",
    "texts",
]

#: Items of a page: where nothing is said, and at most.
PAGE, LONGEST_PAGE = 50, 200
#: How far into a list a page may begin, and how long one value of a query may be.
FARTHEST, LONGEST_VALUE = 10_000_000, 400
#: Values of one parameter.
MOST_VALUES = 50

T = TypeVar("T")


class BadQueryError(ValueError):
    """Raised where a request says what it cannot mean; the text is one sentence. The console answers it with 400."""


def answer(said: object, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """Anything that msgspec can encode, as JSON."""
    return web.Response(body=msgspec.json.encode(said), status=status, headers=headers, content_type="application/json")


def listed(items: Sequence[Any] | Iterable[Any], total: int, page: tuple[int, int]) -> web.Response:
    """A page of a list; `page` is (limit, offset)."""
    limit, offset = page
    return answer({"items": list(items), "total": total, "offset": offset, "limit": limit})


def bad(sentence: str, status: int = 400) -> web.Response:
    """An answer that says why not."""
    return refusal(status, sentence)


def missing(what: str) -> web.Response:
    """The answer for what is not there, or is another entity's: who has no right to it is not told which."""
    return refusal(404, f"there is no {what}")


def person_of(request: web.Request) -> Person:
    """Who asks."""
    person: Person = request[PERSON]
    return person


def scope_of(request: web.Request) -> Scope:
    """Whose data they may see."""
    return person_of(request).scope


def integer(request: web.Request, name: str, low: int, high: int, otherwise: int | None = None) -> int | None:
    """A whole number of the query. Raises `BadQueryError` where it is none, or outside its bounds."""
    text = request.query.get(name, "")
    if not text:
        return otherwise
    if len(text) > 16 or not text.removeprefix("-").isascii() or not text.removeprefix("-").isdigit():
        raise BadQueryError(f"{name} is a whole number, not {text[:40]!r}")
    value = int(text)
    if not low <= value <= high:
        raise BadQueryError(f"{name} is from {low:,} to {high:,}, not {value:,}")
    return value


def page_of(request: web.Request) -> tuple[int, int]:
    """(limit, offset) of the query. Raises `BadQueryError`."""
    limit = integer(request, "limit", 1, LONGEST_PAGE, PAGE)
    offset = integer(request, "offset", 0, FARTHEST, 0)
    return limit or PAGE, offset or 0


def texts(request: web.Request, name: str) -> tuple[str, ...]:
    """The values of a parameter: several are separated by commas. Raises `BadQueryError`."""
    said = request.query.get(name, "")
    if len(said) > LONGEST_VALUE * 10:
        raise BadQueryError(f"{name} is longer than {LONGEST_VALUE * 10:,} characters: ask for less")
    values = tuple(dict.fromkeys(value.strip() for value in said.split(",") if value.strip()))
    if len(values) > MOST_VALUES or any(len(value) > LONGEST_VALUE for value in values):
        raise BadQueryError(f"{name} has at most {MOST_VALUES} values of {LONGEST_VALUE} characters")
    return values


async def body_of(request: web.Request, type: type[T]) -> T:
    """The body, read as JSON of a type. Raises `BadQueryError` where it is another."""
    try:
        return msgspec.json.decode(await request.read(), type=type)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise BadQueryError(f"the body is not what this route takes ({exc})"[:300]) from exc
