"""The console's gate, as aiohttp middleware: who asks, may they, is it their own page, and how often they tried.

Each route of the console names its permission in one table, which the gate is given: a route without an entry answers
nobody. Handlers find the person in `request[PERSON]`, and ask nothing more but for the scope where they read data.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import urlsplit

import orjson
from aiohttp import hdrs, web

from risk_stream.access.csrf import SAFE_METHODS, foreign, forged
from risk_stream.access.headers import headers_of
from risk_stream.access.people import NOBODY, Access, Person
from risk_stream.access.permissions import PERMISSIONS, PUBLIC, SIGNED_IN
from risk_stream.access.read import is_loopback
from risk_stream.access.sessions import Session, SessionError, Sessions
from risk_stream.access.source import AccessSource
from risk_stream.access.throttle import Throttle
from risk_stream.access.tokens import TokenError, check_token, token_id

__all__ = ["MAX_BODY", "PERSON", "SESSION", "Gate", "Handler", "Known", "refusal"]

log = logging.getLogger("risk_stream.access")

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

#: Where a request has the person who asks, and their session (None of a token or of this machine).
PERSON: web.RequestKey[Person] = web.RequestKey("person", Person)
SESSION: web.RequestKey[Session | None] = web.RequestKey("session", object)  # type: ignore[arg-type]

#: The header by which a page says that it asks by itself, with nobody before it.
BACKGROUND = "X-Risk-Background"

#: A body is no larger, bytes; and it is here within so long, s.
MAX_BODY, BODY_SECONDS = 256 << 10, 10.0


@dataclass(frozen=True, slots=True)
class Known:
    """Who asks, and how that is known."""

    person: Person
    how: str  # "token", "session", "local", or "" of nobody
    session: Session | None = None
    why: str = "sign in first"  # of nobody: a sentence


class Gate:
    """The middleware before all routes; `install` it.

    Args:
        access: what the house says of people.
        sessions: begins and reads cookies.
        permissions: (method, path as declared) -> permission, of each route; a path under `static` is public.
        url: the console's address as browsers see it, "" where it is the one it listens on; with https:// cookies
            are sent by TLS alone, and the last address of X-Forwarded-For is believed, as the proxy wrote it.
        static: the first part of the paths of the pages' own files.
    """

    def __init__(
        self,
        access: AccessSource,
        sessions: Sessions,
        permissions: Mapping[tuple[str, str], str],
        *,
        url: str = "",
        static: str = "/static/",
    ) -> None:
        unknown = {name for name in permissions.values() if name not in {*PERMISSIONS, PUBLIC, SIGNED_IN}}
        if unknown:
            raise ValueError(f"no such permission: {', '.join(sorted(unknown))}")
        self.access, self.sessions, self.throttle = access, sessions, Throttle()
        self.permissions, self._static = dict(permissions), static
        parts = urlsplit(url)
        self.tls, self._behind_proxy = parts.scheme == "https", bool(url) and not is_loopback(parts.hostname or "")
        self._host = (parts.hostname or "").lower()
        self.cookie = "__Host-risk" if self.tls else "risk"

    def install(self, app: web.Application) -> None:
        """Stand before all of an application's routes; it does not start with one that names no permission."""

        async def check(app: web.Application) -> None:
            if unnamed := self.unnamed(app):
                raise ValueError(f"these routes name no permission: {', '.join(unnamed)}")

        app.on_startup.append(check)

        @web.middleware
        async def gate(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._pass(request, handler)

        app.middlewares.insert(0, gate)
        app.on_response_prepare.append(self._prepare)

    def unnamed(self, app: web.Application) -> list[str]:
        """The routes of an application that nobody would be answered at, as `GET /v1/alerts`."""
        return [
            f"{route.method} {resource.canonical}"
            for resource in app.router.resources()
            for route in resource
            if self._needs(resource, route.method) is None
        ]

    def known(self, request: web.Request, access: Access) -> Known:
        """Who asks: by the token of the request, by its session, or because they are on this machine."""
        given = request.headers.get(hdrs.AUTHORIZATION, "")
        now = time.time()
        if given:
            scheme, _, text = given.partition(" ")
            if scheme.lower() != "bearer":
                return Known(NOBODY, "", why="the header Authorization holds no token: write Bearer TOKEN")
            try:
                return Known(_person_of(text.strip(), access), "token")
            except TokenError as error:
                return Known(NOBODY, "", why=str(error))
        cookie = request.cookies.get(self.cookie)
        if cookie:
            try:
                session, person = self.sessions.read(cookie, access, int(now * 1000))
            except SessionError as error:
                if access.local is None:
                    return Known(NOBODY, "", why=str(error))
            else:
                return Known(person, "session", session)
        return Known(NOBODY, "") if access.local is None else Known(access.local, "local")

    def sign_in(self, text: str, request: web.Request, access: Access) -> Person:
        """The person of a token. Raises `TokenError`, after many failures without looking at the token."""
        name, address, now = token_id(text), self.address(request), time.monotonic()
        if (wait := self.throttle.wait(name, address, now)) > 0:
            raise TokenError(f"too many tokens that are not known: try again in {math.ceil(wait)} s")
        try:
            person = _person_of(text, access)
        except TokenError:
            self.throttle.failed(name, address, now)
            log.warning("a token that is not good (%r) was tried, from %s", name, address)
            raise
        self.throttle.succeeded(name)
        return person

    def address(self, request: web.Request) -> str:
        """Where a request comes from; behind a proxy, what that says."""
        if self._behind_proxy and (said := request.headers.get("X-Forwarded-For")):
            return said.rsplit(",", 1)[-1].strip()
        return request.remote or ""

    def set_cookie(self, response: web.StreamResponse, session: Session, access: Access) -> None:
        """Give a browser its session."""
        response.set_cookie(
            self.cookie,
            self.sessions.cookie(session),
            path="/",
            httponly=True,
            secure=self.tls,
            samesite="Strict",
            max_age=int(access.longest_hours * 3600),
        )

    def drop_cookie(self, response: web.StreamResponse) -> None:
        """Take it back."""
        response.del_cookie(self.cookie, path="/", secure=self.tls, httponly=True, samesite="Strict")

    async def _pass(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response: web.StreamResponse
        access = self.access.current()
        request[PERSON], request[SESSION] = NOBODY, None
        try:
            known = self.known(request, access)
            request[PERSON], request[SESSION] = known.person, known.session
            response = self._refused(request, access, known) or await self._handled(request, handler)
        except web.HTTPException as error:
            response = _of_exception(request, error)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception as error:  # what goes wrong here is for the log, not for who asks
            log.error("%s %s failed: %r", request.method, request.path, error, exc_info=log.isEnabledFor(logging.DEBUG))
            response = refusal(500, "this should not have happened; the console's log says more")
        self._renew(request, response, access)
        return response

    async def _prepare(self, request: web.Request, response: web.StreamResponse) -> None:
        """What every answer says, streams included."""
        for name, value in headers_of(request.path, tls=self.tls).items():
            response.headers.setdefault(name, value)
        response.headers["Server"] = "risk-stream"  # and of which version what is, is nobody's business

    def _renew(self, request: web.Request, response: web.StreamResponse, access: Access) -> None:
        """The session's cookie anew, where it has grown old; what a page asks with nobody before it renews nothing.

        A stream, which began before, has sent its cookies.
        """
        session = request[SESSION]
        if session is None or response.prepared or self.cookie in response.cookies or BACKGROUND in request.headers:
            return
        if (fresh := self.sessions.renewed(session, int(time.time() * 1000))) is not None:
            self.set_cookie(response, fresh, access)

    def _refused(self, request: web.Request, access: Access, known: Known) -> web.Response | None:
        """The answer to a request that goes no further; None: it may."""
        if (said := self._wrong_host(request, access)) is not None:
            return refusal(421, said)
        if request.match_info.http_exception is not None:
            return None  # there is no such route, which is said to anybody
        permission = self.permission(request)
        if permission is None:
            log.error("%s %s names no permission: it answers nobody", request.method, request.path)
            return refusal(403, "this route names no permission: it answers nobody")
        if permission != PUBLIC:
            if not known.how:
                return refusal(401, known.why, {hdrs.WWW_AUTHENTICATE: 'Bearer realm="risk-stream"'})
            if permission != SIGNED_IN and permission not in known.person.may:
                return refusal(403, _not_allowed(known.person, permission, access))
        if request.method not in SAFE_METHODS:
            return self._forged(request, known, permission)
        return None

    def permission(self, request: web.Request) -> str | None:
        """What the table says of the route of a request."""
        resource = request.match_info.route.resource
        return None if resource is None else self._needs(resource, request.method)

    def _needs(self, resource: web.AbstractResource, method: str) -> str | None:
        path = resource.canonical
        if isinstance(resource, web.StaticResource) and f"{path}/".startswith(self._static):
            return PUBLIC
        return self.permissions.get(("GET" if method == "HEAD" else method, path))

    def _forged(self, request: web.Request, known: Known, permission: str) -> web.Response | None:
        said = None
        if known.how == "session" and permission != PUBLIC:  # one may sign in anew over an old session
            said = forged(request.headers, request.host, self.sessions.csrf(known.session))
        elif known.how != "token" and foreign(request.headers, request.host):
            said = "this was sent by a page of another site: nothing was done"
        return None if said is None else refusal(403, said)

    def _wrong_host(self, request: web.Request, access: Access) -> str | None:
        """Whether a name was made to point at this console by somebody else (DNS rebinding), in a sentence."""
        try:
            host = (urlsplit(f"//{request.host}").hostname or "").lower()
        except ValueError:
            host = ""  # no host that there can be
        if is_loopback(host) or (self._host and host == self._host):
            return None
        if access.local is None and not self._host:
            return None
        return "this console is asked for by its own name: open it as RISK_STREAM_CONSOLE_URL says, or as 127.0.0.1"

    @staticmethod
    async def _handled(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.can_read_body:
            try:
                await asyncio.wait_for(request.read(), BODY_SECONDS)
            except TimeoutError:
                response = refusal(408, f"the body did not come within {BODY_SECONDS:.0f} s")
                response.force_close()
                return response
        return await handler(request)


def _person_of(text: str, access: Access) -> Person:
    token = check_token(text, access.tokens, int(time.time() * 1000))
    person = access.person(token.person)
    if person is None:
        raise TokenError(f"access.yaml has no person {token.person} any more: ask whoever keeps it")
    return person


def refusal(status: int, sentence: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """An answer that says why not."""
    body = orjson.dumps({"error": sentence})
    return web.Response(body=body, status=status, headers=headers, content_type="application/json")


def _not_allowed(person: Person, permission: str, access: Access) -> str:
    roles = [name for name, may in access.roles.items() if permission in may]
    return (
        f"{person.name} may not {PERMISSIONS[permission].split(';')[0].split(',')[0]}: "
        f"that takes the permission {permission} ({', '.join(roles) or 'no role has it'}): ask for such a role"
    )


def _of_exception(request: web.Request, error: web.HTTPException) -> web.StreamResponse:
    """What aiohttp refuses, in our words."""
    if error.status < 400:
        return error
    said = {
        404: f"there is nothing at {request.path[:200]}",
        405: f"{request.method[:20]} is not answered at {request.path[:200]}",
        413: f"the body has more than {MAX_BODY:,} bytes",
    }.get(error.status, error.reason.lower())
    allow = error.headers.get(hdrs.ALLOW)
    return refusal(error.status, said, {hdrs.ALLOW: allow} if allow else None)
