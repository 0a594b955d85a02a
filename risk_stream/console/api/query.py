"""Filters of a request for alerts: what each parameter means, and the query that they make."""

from __future__ import annotations

from aiohttp import web

from risk_stream.alerts import SEVERITIES
from risk_stream.console.answers import BadQueryError, integer, texts
from risk_stream.console.index import SORTS, Query
from risk_stream.console.routes import Param

__all__ = ["QUERY_PARAMS", "query_of", "sort_of"]

#: The last moment that a time may name, ms: the end of the year 9999.
_LAST = 253_402_300_799_999

_CHOICES = {
    "standing": ("open", "acknowledged", "closed"),
    "severity": SEVERITIES,
    "state": ("raised", "changed", "withdrawn", "recovered"),
    "disposition": ("confirmed", "false_alarm", "known", "other", "withdrawn"),
}

QUERY_PARAMS: tuple[Param, ...] = (
    *(Param(name, f"any of {', '.join(values)}; several separated by commas") for name, values in _CHOICES.items()),
    Param("stage", "any of these business stages"),
    Param("rule", "any of these rules"),
    Param("entity", "any of these legal entities"),
    Param("assignee", "any of these people; `nobody` for alerts that are nobody's"),
    Param("case", "of these cases"),
    Param("owner", "of rules of these owners"),
    Param("kind", "with key: the kind of key, as customer or account"),
    Param("key", "alerts that name this key"),
    Param("q", "words that the sentence, the rule or a key holds"),
    Param("from", "of events from this time on, ms since 1970 UTC", "integer"),
    Param("to", "of events before this time, ms since 1970 UTC", "integer"),
    Param("sort", f"one of {', '.join(SORTS)}; with - before it the other way round; -since where it is not said"),
)

_ONE_OF = (*_CHOICES, "stage", "rule", "entity", "assignee", "case", "owner")


def _values(request: web.Request, name: str) -> tuple[str, ...]:
    values = texts(request, name)
    return tuple("" if value == "nobody" else value for value in values) if name == "assignee" else values


def query_of(request: web.Request) -> Query:
    """The query of a request. Raises `BadQueryError`."""
    for name, values in _CHOICES.items():
        for value in texts(request, name):
            if value not in values:
                raise BadQueryError(f"{name} is any of {', '.join(values)}, not {value[:40]!r}")
    kind, key = request.query.get("kind", ""), request.query.get("key", "")
    if bool(kind) != bool(key):
        raise BadQueryError("kind and key go together: kind=customer&key=C000123")
    return Query(
        one_of={name: values for name in _ONE_OF if (values := _values(request, name))},
        keys={kind: key} if kind else {},
        words=request.query.get("q", ""),
        begins=integer(request, "from", 0, _LAST),
        ends=integer(request, "to", 0, _LAST),
    )


def sort_of(request: web.Request) -> str:
    """How the answer is ordered. Raises `BadQueryError`."""
    said = request.query.get("sort") or "-since"
    if said.removeprefix("-") not in SORTS:
        raise BadQueryError(f"sort is one of {', '.join(SORTS)}, with - before it the other way round")
    return said
