"""Signing in at the house's provider: OpenID Connect, authorization code flow with PKCE.

Sources: OpenID Connect Core 1.0 §3.1 and Discovery 1.0, RFC 7636 (PKCE), RFC 9207 (issuer in the answer), RFC 9700
(security best current practice). Signatures and keys are joserfc's, which is imported when a provider is asked.
"""

from __future__ import annotations

import asyncio
import importlib.util
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, urlencode, urlsplit

import aiohttp
import msgspec

from risk_stream.access.people import OpenId
from risk_stream.access.read import is_loopback

if TYPE_CHECKING:
    from joserfc.jwk import KeySet

__all__ = ["Flow", "OpenIdError", "Provider", "without_joserfc"]

#: How long what the provider says of itself is kept, and its keys; how often at most an unknown key has them read.
ABOUT_SECONDS, KEYS_SECONDS, AGAIN_SECONDS = 3600.0, 600.0, 30.0
#: The provider answers within this, s, and with no more bytes.
TIMEOUT, MOST_BYTES = 10.0, 1 << 20
#: A person has this long to sign in there, ms.
FLOW_MS = 10 * 60_000


class OpenIdError(Exception):
    """Raised when the provider lets nobody in; the text is one sentence."""


def without_joserfc() -> str:
    """What is to be done where the extra that signing in at a provider needs is not installed; "" where it is."""
    if importlib.util.find_spec("joserfc") is not None:
        return ""
    return 'signing in at a provider needs joserfc, which is not installed: pip install "risk-stream[console]"'


class Flow(msgspec.Struct, frozen=True):
    """One sign-in under way; its browser keeps it, signed, until the provider sends it back."""

    state: str
    nonce: str
    verifier: str
    began: int  # ms


class Provider:
    """One provider. `redirect` is our own address that it sends people back to; `secret` is "" of a public client."""

    def __init__(
        self, openid: OpenId, secret: str, redirect: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.openid, self._secret, self.redirect, self._clock = openid, secret, redirect, clock
        self._about: dict[str, Any] | None = None
        self._keys: KeySet | None = None
        self._about_read = self._keys_read = float("-inf")
        self._reading = asyncio.Lock()

    async def begin(self, now: int) -> tuple[str, Flow]:
        """(where to send a browser, what it must bring back). Raises `OpenIdError` where the provider is away."""
        if missing := without_joserfc():
            raise OpenIdError(missing)
        about = await self._describe()
        flow = Flow(secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(48), now)
        challenge = urlsafe_b64encode(sha256(flow.verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self.openid.client,
            "redirect_uri": self.redirect,
            "scope": " ".join(self.openid.scopes),
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        at = about["authorization_endpoint"]
        return f"{at}{'&' if '?' in at else '?'}{urlencode(asked)}", flow

    async def finish(self, flow: Flow, answer: Mapping[str, str], now: int) -> Mapping[str, Any]:
        """The claims of who signed in, checked. Raises `OpenIdError`."""
        if not secrets.compare_digest(answer.get("state", "").encode(), flow.state.encode()):
            raise OpenIdError("this sign-in was not begun here: begin again")
        if now - flow.began > FLOW_MS:
            raise OpenIdError("this sign-in took too long: begin again")
        if "error" in answer:
            said = answer.get("error_description") or answer["error"]
            raise OpenIdError(f"the provider refused ({said[:200]}): begin again, or ask who runs it")
        if answer.get("iss", self.openid.issuer).rstrip("/") != self.openid.issuer:
            raise OpenIdError("another provider answered than the one that was asked: begin again")
        code = answer.get("code")
        if not code:
            raise OpenIdError("the provider sent no code: begin again")
        token = (await self._redeem(code, flow)).get("id_token")
        if not isinstance(token, str):
            raise OpenIdError("the provider sent no id_token: its client needs the scope openid")
        return await self._checked(token, flow, now)

    async def _redeem(self, code: str, flow: Flow) -> dict[str, Any]:
        about = await self._describe()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect,
            "client_id": self.openid.client,
            "code_verifier": flow.verifier,
        }
        basic = None
        if self._secret:
            basic = aiohttp.encode_basic_auth(quote_plus(self.openid.client), quote_plus(self._secret))
            if "client_secret_basic" not in about.get("token_endpoint_auth_methods_supported", ["client_secret_basic"]):
                form, basic = {**form, "client_secret": self._secret}, None
        return await self._fetch(about["token_endpoint"], form=form, basic=basic)

    async def _checked(self, token: str, flow: Flow, now: int) -> Mapping[str, Any]:
        from risk_stream.access.signed import UnknownKeyError, checked_claims

        checked = partial(checked_claims, token, client=self.openid.client, nonce=flow.nonce, now=now // 1000)
        try:
            try:
                claims = checked(await self._key_set())
            except UnknownKeyError:  # the provider has changed its keys
                claims = checked(await self._key_set(older_than=AGAIN_SECONDS))
        except ValueError as error:
            raise OpenIdError(f"the provider's id_token is not good ({error}): begin again") from error
        if str(claims["iss"]).rstrip("/") != self.openid.issuer:
            raise OpenIdError(f"the id_token is of {str(claims['iss'])[:200]}, not of {self.openid.issuer}")
        audience = claims["aud"]
        if isinstance(audience, list) and len(audience) > 1 and claims.get("azp") != self.openid.client:
            raise OpenIdError("the id_token was made for another client: is client in access.yaml this one?")
        return dict(claims)

    async def _describe(self) -> dict[str, Any]:
        """What the provider says of itself."""
        async with self._reading:
            if self._about is None or self._clock() - self._about_read > ABOUT_SECONDS:
                about = await self._fetch(f"{self.openid.issuer}/.well-known/openid-configuration")
                if str(about.get("issuer", "")).rstrip("/") != self.openid.issuer:
                    said = str(about.get("issuer"))[:200]
                    raise OpenIdError(f"the provider at {self.openid.issuer} says that it is {said}")
                for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                    _must_be_safe(name, about.get(name))
                self._about, self._about_read = about, self._clock()
            return self._about

    async def _key_set(self, *, older_than: float = KEYS_SECONDS) -> KeySet:
        from risk_stream.access.signed import keys_of

        about = await self._describe()
        async with self._reading:
            if self._keys is None or self._clock() - self._keys_read > older_than:
                said = await self._fetch(about["jwks_uri"])
                try:
                    self._keys = keys_of(said)
                except ValueError as error:
                    raise OpenIdError(f"the provider's keys cannot be read ({error}): try again later") from error
                self._keys_read = self._clock()
            return self._keys

    async def _fetch(
        self, url: str, *, form: Mapping[str, str] | None = None, basic: str | None = None
    ) -> dict[str, Any]:
        """One JSON object of the provider's."""
        method = "GET" if form is None else "POST"
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        headers = {"Accept": "application/json", **({"Authorization": basic} if basic else {})}
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as http,
                http.request(method, url, data=form, headers=headers, allow_redirects=False) as answer,
            ):
                body = await answer.content.read(MOST_BYTES)
                while len(body) < MOST_BYTES and (more := await answer.content.read(MOST_BYTES - len(body))):
                    body += more
                status = answer.status
            said = msgspec.json.decode(body)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise OpenIdError(
                f"the provider at {self.openid.issuer} does not answer ({type(error).__name__}): try"
                " again, or sign in with a token"
            ) from error
        except msgspec.DecodeError as error:
            raise OpenIdError(
                f"the provider at {self.openid.issuer} did not answer with JSON: is issuer in access.yaml its address?"
            ) from error
        if status != 200 or not isinstance(said, dict):
            why = str(said.get("error", "")) if isinstance(said, dict) else ""
            raise OpenIdError(f"the provider at {self.openid.issuer} refused with status {status} {why[:100]}".rstrip())
        return said


def _must_be_safe(name: str, url: object) -> None:
    parts = urlsplit(str(url))
    if not (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))):
        raise OpenIdError(f"the provider's {name} does not begin with https://")
