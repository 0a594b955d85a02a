"""Loans: where one stands in its life cycle, its schedule with what was paid, its class, its events and alerts."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from risk_stream.calendars import load_calendars
from risk_stream.console.answers import answer, bad, missing, scope_of
from risk_stream.console.api.timeline import found_or_why, shown_events
from risk_stream.console.house import House
from risk_stream.console.routes import Route
from risk_stream.console.subjects.loan import loan_of, seen_by
from risk_stream.console.subjects.logs import Bounds
from risk_stream.console.subjects.reading import BusyError

__all__ = ["routes"]

#: A loan's whole life is read: so many records of loan events, in so many seconds; and so many of its events are shown.
BOUNDS, SHOWN = Bounds(records=2_000_000, seconds=12.0), 100


def routes(house: House) -> list[Route]:
    """One."""
    families = {type.topic for type in house.catalogue.types if "loan" in type.keys}
    own = {house.settings.house_topics[name] for name in families & set(house.settings.house_topics)}
    topics = {*own, house.settings.mended_topic, house.settings.requests_topic}

    async def loan(request: web.Request) -> web.Response:
        scope, key = scope_of(request), request.match_info["key"]
        found = await found_or_why(house, {"loan": (key,)}, None, topics=topics, bounds=BOUNDS)
        if isinstance(found, web.Response):
            return found
        if not found.events or not seen_by(found, scope):
            gone = f" ({'; '.join(gap.says for gap in found.gaps)})" if found.gaps and not found.events else ""
            return missing(f"event of such a loan in the logs that is yours to see{gone}")
        plan = await house.plans.in_force()
        at = max(found.front, found.end) if house.settings.clock == "simulated" else house.now()
        late = round(house.settings.lateness_seconds * 1000)

        def made() -> dict[str, object]:
            return loan_of(key, found, plan, load_calendars(house.settings.calendars), at=at, lateness_ms=late)

        try:
            said = await house.readings.run(partial(made))
        except BusyError as exc:
            return bad(str(exc), 503)
        own = {kind: [said[kind]] for kind in ("customer", "product") if kind in said}
        events = shown_events(house, found, scope, SHOWN)
        return answer({**said, "events": {**events, "keys": {"loan": [key], **own}}})

    return [
        Route(
            "GET",
            "/v1/loans/{key}",
            "see",
            loan,
            "A loan as its events in the logs make it, now.",
            answer="{key, customer, product, entity, at, lifecycles: [{id, name, steps, next}], schedule: {day, lines,"
            " paid, status, why}, events: as a timeline}.",
        )
    ]
