"""What people do: `POST /v1/acts`, the one way to change anything about an alert, a case, a silence or a plan."""

from __future__ import annotations

import re
import secrets

import msgspec
from aiohttp import web
from aiokafka.errors import KafkaError

from risk_stream.access import ACT_NEEDS, PERMISSIONS, SIGNED_IN
from risk_stream.alerts import ACTS, Act, Silence
from risk_stream.console.acts import OtherWishError, UndecidedError, act_id
from risk_stream.console.answers import answer, bad, body_of, person_of
from risk_stream.console.house import House
from risk_stream.console.routes import Route

__all__ = ["routes"]

#: Alerts of one act, and characters of a comment.
MOST_ALERTS, LONGEST_COMMENT = 500, 4_000

_KEY = re.compile(r"[A-Za-z0-9_-]{8,64}")


class _Body(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    act: str
    alerts: list[str] = []
    case: str | None = None
    expected: dict[str, int] = {}
    to: str | None = None
    until: int | None = None
    disposition: str | None = None
    comment: str = ""
    silence: Silence | None = None
    subject: str = ""


def routes(house: House) -> list[Route]:
    """One."""

    async def act(request: web.Request) -> web.Response:
        person, body = person_of(request), await body_of(request, _Body)
        needed = ACT_NEEDS.get(body.act)
        if needed is None or body.act not in ACTS or body.act == "reveal":
            return bad(f"{body.act[:40]!r} is no act: say one of {', '.join(a for a in ACTS if a != 'reveal')}")
        if needed not in person.may:
            return bad(f"{person.name} may not {PERMISSIONS[needed].split(',')[0]}: that takes {needed}", 403)
        if (wrong := _wrong(body, house.access.current().names)) is not None:
            return bad(wrong)
        if body.silence is not None and (said := _beyond(body.silence, person.scope.entities)) is not None:
            return bad(said, 403)
        key = request.headers.get("Idempotency-Key", "")
        if key and not _KEY.fullmatch(key):
            return bad("Idempotency-Key is 8 to 64 of A-Z a-z 0-9 _ -")
        given = msgspec.structs.asdict(body)
        scope = person.scope.entities
        made = Act(
            **given,
            id=act_id(person.name, key or secrets.token_hex(16)),
            by=person.name,
            at=house.now(),
            entities=None if scope is None else sorted(scope),
        )
        try:
            rulings = await house.acts.decide(made)
        except OtherWishError as exc:
            return bad(str(exc), 422)
        except UndecidedError as exc:
            return bad(str(exc), 504)
        except KafkaError:
            return bad("Kafka does not answer: nothing was done, send it again", 503)
        done = all(ruling.done for ruling in rulings)
        return answer({"id": made.id, "rulings": rulings}, 200 if done or len(rulings) > 1 else 409)

    return [
        Route(
            "POST",
            "/v1/acts",
            SIGNED_IN,
            act,
            "Do something with alerts, a case, a silence or a plan: the desk decides it, or says why not.",
            body="act (acknowledge, assign, escalate, snooze, wake, close, reopen, comment, silence, unsilence,"
            " propose, approve), alerts or case, expected {alert: version}, to, until, disposition, comment, silence,"
            " subject.",
            answer="{id, rulings: [{alert, done, why}]}; 409 where the one thing asked for was refused.",
        )
    ]


def _wrong(body: _Body, names: frozenset[str]) -> str | None:
    """What the desk would not notice."""
    if len(body.alerts) > MOST_ALERTS:
        return f"one act is of {MOST_ALERTS} alerts at most: ask for the others after it"
    if len(body.comment) > LONGEST_COMMENT:
        return f"a comment has {LONGEST_COMMENT:,} characters at most"
    if body.to is not None and body.to not in names:
        return f"there is nobody called {body.to[:64]!r} in access.yaml"
    return None


def _beyond(silence: Silence, entities: frozenset[str] | None) -> str | None:
    """Whether a silence reaches data that its author may not see."""
    if entities is None:
        return None
    if not silence.entities:
        return f"a silence of yours names the entities it is for: {', '.join(sorted(entities))}"
    foreign = sorted(set(silence.entities) - entities)
    return f"you have no right to {', '.join(foreign)}" if foreign else None
