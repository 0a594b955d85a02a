"""Timelines: the events of an alert's or a customer's subject, read back from the house's logs and masked."""

from __future__ import annotations

from functools import partial
from typing import Any

from aiohttp import web
from aiokafka.errors import KafkaError

from risk_stream.access import Scope
from risk_stream.alerts import Policy
from risk_stream.console.answers import answer, bad, integer, missing, scope_of
from risk_stream.console.house import House
from risk_stream.console.index import Query
from risk_stream.console.routes import Param, Route
from risk_stream.console.subjects.logs import Found, Gap, Keys, Window, nearest, read_subject
from risk_stream.console.subjects.reading import BusyError
from risk_stream.kafka import BrokerError

__all__ = ["found_or_why", "own_keys", "routes", "shown_events", "subject_keys"]

#: Events that a timeline shows, the nearest to what it is about.
SHOWN = 200

#: Days before an alert that are read where none are named: of trading one, of lending a month.
DAYS, TRADING_DAYS, MOST_DAYS = 30, 1, 400

_DAY_MS = 86_400_000

#: The kinds of key that are somebody or something of theirs: an event of any of an alert's is its subject's.
OWN = ("customer", "account", "loan")

_NO_ALERT = "such alert: it never was, is forgotten, or is not yours to see"


def subject_keys(keys: dict[str, str], hidden: frozenset[str]) -> dict[str, tuple[str]]:
    """The keys whose events tell of an alert: its customer's, account's and loan's, else the first that it has."""
    known = {kind: key for kind, key in keys.items() if key and kind not in hidden}
    own = {kind: (known[kind],) for kind in OWN if kind in known}
    others = [kind for kind in (*Policy().case_by, *known) if kind in known]
    return own or {kind: (known[kind],) for kind in others[:1]}


async def found_or_why(house: House, keys: Keys, window: Window | None, **how: Any) -> Found | web.Response:
    """The events of some keys, or the answer that says why there are none to be had."""
    try:
        return await house.readings.run(partial(read_subject, house.settings, house.catalogue, keys, window, **how))
    except BusyError as exc:
        return bad(str(exc), 503)
    except (BrokerError, KafkaError) as exc:
        return bad(str(exc) or "Kafka does not answer", 503)


def shown_events(house: House, found: Found, scope: Scope, most: int = SHOWN) -> dict[str, Any]:
    """A timeline as the page has it: of events that a person may see, masked, those nearest to what it is about."""
    seen = [event for event in found.rows() if scope.sees(str(event.get("entity") or ""))]
    kept, total = nearest(seen, found.about, most)
    items = []
    for event in kept:
        fields = house.masking.event({n: v for n, v in event.items() if n not in {"id", "type", "time", "entity"}})
        head = {"id": event["id"], "type": event["type"], "time": event["time"], "entity": event.get("entity") or ""}
        items.append({**head, "fields": fields})
    gaps = [*found.gaps]
    if total > len(kept):
        gaps.append(Gap("shown", f"of {total:,} events the {len(kept):,} nearest are shown", len(kept), total))
    return {"about": found.about, "from": found.start, "to": found.end, "items": items, "total": total, "gaps": gaps}


def routes(house: House) -> list[Route]:
    """Two."""

    async def of_alert(request: web.Request) -> web.Response:
        scope, id = scope_of(request), request.match_info["id"]
        row = house.index.one(id, scope)
        if row is None:
            return missing(_NO_ALERT)
        keys = subject_keys(row["keys"], house.masking.kinds)
        usual = TRADING_DAYS if row["stage"] == "trading" else DAYS
        before = _DAY_MS * (integer(request, "days", 1, MOST_DAYS, usual) or usual)
        found = await found_or_why(house, keys, Window(row["time"], before, max(before // 4, _DAY_MS // 4)))
        if isinstance(found, web.Response):
            return found
        place, said = house.index.place(id), None
        if place is not None:
            try:
                said = await house.alert_at(*place)
            except KafkaError:
                said = None
        event = None if said is None else said.get("event")
        return answer({"event": event, "keys": _plain(keys), **shown_events(house, found, scope)})

    async def of_customer(request: web.Request) -> web.Response:
        scope, key = scope_of(request), request.match_info["key"]
        keys = own_keys(house, key, scope)
        days = integer(request, "days", 1, MOST_DAYS, DAYS) or DAYS
        until = integer(request, "to", 0, 253_402_300_799_999)
        found = await found_or_why(house, keys, Window(until, days * _DAY_MS))
        if isinstance(found, web.Response):
            return found
        return answer({"event": None, "keys": _plain(keys), **shown_events(house, found, scope)})

    days = Param("days", f"how many days before, 1 to {MOST_DAYS}", "integer")
    says = (
        "{event, keys, from, to, items: [{id, type, time, entity, fields}], total, gaps: [{what, says, records, of,"
        " seconds}]}: gaps say what is not here."
    )
    return [
        Route(
            "GET",
            "/v1/alerts/{id}/timeline",
            "see",
            of_alert,
            "The events of an alert's customer, account and loan around it, from the logs, masked.",
            (days,),
            answer=says,
        ),
        Route(
            "GET",
            "/v1/customers/{key}/timeline",
            "see",
            of_customer,
            "The newest events of a customer, and of the accounts and loans that its alerts name.",
            (days, Param("to", "up to this time, ms since 1970 UTC; else up to the newest event", "integer")),
            answer=says,
        ),
    ]


def own_keys(house: House, customer: str, scope: Scope) -> dict[str, tuple[str, ...]]:
    """A customer's key, and those of the accounts and loans that its alerts name."""
    found: dict[str, dict[str, None]] = {"account": {}, "loan": {}}
    for row in house.index.find(Query(keys={"customer": customer}), scope, "-time", 0, 200).rows:
        for kind, known in found.items():
            if key := row["keys"].get(kind):
                known[key] = None
    named = {kind: tuple(known)[:20] for kind, known in found.items() if known}
    return {"customer": (customer,), **named}


def _plain(keys: Keys) -> dict[str, list[str]]:
    return {kind: [*some] for kind, some in keys.items()}
