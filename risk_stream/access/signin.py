"""Signing in and out: with a token, or at the house's provider. Handlers, and what each needs."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from html import escape

import msgspec
from aiohttp import web

from risk_stream.access.oidc import Flow, OpenIdError, Provider
from risk_stream.access.people import OpenId
from risk_stream.access.permissions import PUBLIC, SIGNED_IN
from risk_stream.access.sessions import Seal
from risk_stream.access.tokens import TokenError
from risk_stream.access.web import PERSON, SESSION, Gate, Handler, refusal

__all__ = ["SIGN_IN_ROUTES", "SignIn"]

log = logging.getLogger("risk_stream.access")

#: Where the provider sends people back to.
ANSWER_PATH = "/v1/session/answer"

#: (method, path, permission) of what is answered here; `SignIn.handlers` has the handlers in this order.
SIGN_IN_ROUTES: Sequence[tuple[str, str, str]] = (
    ("GET", "/v1/session", PUBLIC),
    ("POST", "/v1/session", PUBLIC),
    ("DELETE", "/v1/session", SIGNED_IN),
    ("GET", "/v1/session/provider", PUBLIC),
    ("GET", ANSWER_PATH, PUBLIC),
)

_FLOW_COOKIE_SECONDS = 600


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    token: str


class SignIn:
    """The handlers. `url` is the console's address as browsers see it; `secret` the client's at the provider."""

    def __init__(self, gate: Gate, seal: Seal, *, url: str, secret: str = "") -> None:
        self._gate, self._seal, self._url, self._secret = gate, seal, url.rstrip("/"), secret
        self._provider: Provider | None = None
        self._cookie = f"{gate.cookie}-signin"

    @property
    def handlers(self) -> tuple[Handler, ...]:
        """One for each of SIGN_IN_ROUTES."""
        return (self.ways, self.with_token, self.out, self.at_provider, self.answered)

    async def ways(self, _: web.Request) -> web.Response:
        """How one can sign in here: {token, provider, local}."""
        access = self._gate.access.current()
        ways = {"token": True, "provider": access.openid is not None, "local": access.local is not None}
        return web.Response(body=msgspec.json.encode(ways), content_type="application/json")

    async def with_token(self, request: web.Request) -> web.Response:
        """{token} -> a session's cookie."""
        try:
            body = msgspec.json.decode(await request.read(), type=_Body)
        except msgspec.DecodeError:
            return refusal(400, 'the body is {"token": "..."}')
        access = self._gate.access.current()
        try:
            person = self._gate.sign_in(body.token.strip(), request, access)
        except TokenError as error:
            return refusal(401, str(error))
        log.info("%s has signed in with a token, from %s", person.name, self._gate.address(request))
        now = int(time.time() * 1000)
        session = self._gate.sessions.begin(person, token=body.token.strip().split("_", 2)[1], now=now)
        said = {"name": person.name, "csrf": self._gate.sessions.csrf(session)}
        response = web.Response(body=msgspec.json.encode(said), content_type="application/json")
        self._gate.set_cookie(response, session, access)
        return response

    async def out(self, request: web.Request) -> web.Response:
        """End the session; its cookie is nothing any more."""
        session = request.get(SESSION)
        if session is not None:
            self._gate.sessions.end(session, int(time.time() * 1000))
        response = web.Response(
            body=msgspec.json.encode({"name": request[PERSON].name}), content_type="application/json"
        )
        self._gate.drop_cookie(response)
        return response

    async def at_provider(self, _: web.Request) -> web.StreamResponse:
        """Send the browser to the provider."""
        provider = self._provider_of(self._gate.access.current().openid)
        if provider is None:
            return refusal(404, "there is no provider to sign in at: use a token")
        try:
            url, flow = await provider.begin(int(time.time() * 1000))
        except OpenIdError as error:
            return refusal(502, f"{error}: sign in with a token, or try again")
        response = web.Response(status=302, headers={"Location": url})
        response.set_cookie(
            self._cookie,
            self._seal.sign("signin", msgspec.json.encode(flow)),
            path="/",
            max_age=_FLOW_COOKIE_SECONDS,
            httponly=True,
            secure=self._gate.tls,
            samesite="Lax",  # the provider sends the browser back from its own site
        )
        return response

    async def answered(self, request: web.Request) -> web.StreamResponse:
        """The provider sends the browser back: a session for whom it vouches."""
        access, now = self._gate.access.current(), int(time.time() * 1000)
        provider = self._provider_of(access.openid)
        data = self._seal.open("signin", request.cookies.get(self._cookie, ""))
        if provider is None or data is None:
            return self._back(None, "this sign-in was not begun in this browser: begin again")
        try:
            claims = await provider.finish(msgspec.json.decode(data, type=Flow), request.query, now)
        except OpenIdError as error:
            return self._back(None, str(error))
        person = access.claimed(claims)
        if person is None:
            name = str(claims.get(provider.openid.name_claim) or claims["sub"])[:64]
            log.warning("%r of the provider has no role here, from %s", name, self._gate.address(request))
            return self._back(None, f"{name} is known to the provider, and has no role here: ask who keeps access.yaml")
        log.info("%s has signed in at the provider, from %s", person.name, self._gate.address(request))
        response = self._back(self._url or "/", "")
        self._gate.set_cookie(response, self._gate.sessions.begin(person, token="", now=now), access)
        return response

    def _provider_of(self, openid: OpenId | None) -> Provider | None:
        """The provider that access.yaml names now."""
        if openid is None:
            return None
        if self._provider is None or self._provider.openid != openid:
            self._provider = Provider(openid, self._secret, f"{self._url}{ANSWER_PATH}")
        return self._provider

    def _back(self, to: str | None, sentence: str) -> web.Response:
        """A page that leads on: a session's strict cookie is not sent where another site's redirect leads."""
        lead = f'<meta http-equiv="refresh" content="0; url={escape(to, quote=True)}">' if to else ""
        words = f'<p>{escape(sentence)}</p><p><a href="/">risk-stream</a></p>' if sentence else ""
        text = f'<!doctype html><html lang="en"><head><meta charset="utf-8">{lead}<title>risk-stream</title></head>'
        response = web.Response(
            text=f"{text}<body>{words}</body></html>", status=200 if to else 403, content_type="text/html"
        )
        response.del_cookie(self._cookie, path="/", secure=self._gate.tls, httponly=True, samesite="Lax")
        return response
