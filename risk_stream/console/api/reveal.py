"""Personal data as they are, of one alert or customer at a time: shown once the log says who sees them."""

from __future__ import annotations

import re
import secrets
from typing import Any

from aiohttp import web
from aiokafka.errors import KafkaError

from risk_stream.access import reveal_act
from risk_stream.console.acts import UndecidedError, act_id
from risk_stream.console.answers import answer, bad, missing, person_of, scope_of
from risk_stream.console.api.timeline import found_or_why
from risk_stream.console.house import House
from risk_stream.console.routes import Route
from risk_stream.console.subjects.logs import Bounds

__all__ = ["routes"]

#: A customer's personal data are looked for in so many records of the topics that may have them.
BOUNDS = Bounds(records=2_000_000, seconds=12.0)

_KEY = re.compile(r"[A-Za-z0-9_-]{8,64}")


def routes(house: House) -> list[Route]:
    """Two."""
    topics = _personal_topics(house)

    async def of_customer(request: web.Request) -> web.Response:
        scope, key = scope_of(request), request.match_info["key"]
        found = await found_or_why(house, {"customer": (key,)}, None, bounds=BOUNDS, topics=topics)
        if isinstance(found, web.Response):
            return found
        fields: dict[str, dict[str, Any]] = {}
        for event in found.rows():
            if scope.sees(str(event.get("entity") or "")):
                for name, value in event.items():
                    field = house.catalogue.fields.get(name)
                    if field is not None and field.personal:
                        fields[name] = {"value": value, "event": event["id"], "time": event["time"]}
        if not fields:
            return missing(f"personal data of {key[:64]!r} in the logs that are yours to see")
        why = await _written_down(house, request, f"customer/{key}")
        return why or answer({"key": key, "fields": fields, "gaps": found.gaps})

    async def of_alert(request: web.Request) -> web.Response:
        scope, id = scope_of(request), request.match_info["id"]
        place = None if house.index.one(id, scope) is None else house.index.place(id)
        try:
            said = None if place is None else await house.alert_at(*place)
        except KafkaError:
            return bad("Kafka does not answer: the alert cannot be read now, ask again", 503)
        if said is None:
            return missing("such alert in the log: it never was, is forgotten, or is not yours to see")
        shown = {name: said.get(name) for name in ("summary", "why", "keys", "features", "was")}
        return await _written_down(house, request, f"alert/{id}") or answer({"id": id, **shown})

    return [
        Route(
            "POST",
            "/v1/customers/{key}/reveal",
            "reveal",
            of_customer,
            "A customer's personal data as they are, from the newest events that have them; it is written down first.",
            body="nothing.",
            answer="{fields: {name: {value, event, time}}, gaps}.",
        ),
        Route(
            "POST",
            "/v1/alerts/{id}/reveal",
            "reveal",
            of_alert,
            "An alert as it was said, with its personal data; it is written down first.",
            body="nothing.",
            answer="{summary, why, keys, features, was}.",
        ),
    ]


def _personal_topics(house: House) -> set[str]:
    """The topics of events that have personal data and name a customer."""
    families = {
        type.topic
        for type in house.catalogue.types
        if "customer" in type.keys and any(field.personal for field in type.fields)
    }
    own = {house.settings.house_topics[name] for name in families & set(house.settings.house_topics)}
    return {*own, house.settings.mended_topic, house.settings.requests_topic}


async def _written_down(house: House, request: web.Request, subject: str) -> web.Response | None:
    """Has the log say who sees what; the answer that says why it does not, if so."""
    person, key = person_of(request).name, request.headers.get("Idempotency-Key", "")
    if key and not _KEY.fullmatch(key):
        return bad("Idempotency-Key is 8 to 64 of A-Z a-z 0-9 _ -")
    act = reveal_act(act_id(person, f"reveal {subject} {key or secrets.token_hex(16)}"), person, subject, house.now())
    try:
        rulings = await house.acts.decide(act)
    except UndecidedError as exc:
        return bad(f"nothing is shown before it is written down: {exc}", 504)
    except KafkaError:
        return bad("nothing is shown before it is written down, and Kafka does not answer", 503)
    refused = [ruling.why for ruling in rulings if not ruling.done]
    return bad(refused[0], 409) if refused else None
