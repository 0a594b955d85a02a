"""Puts the gate before a console, as its settings say: who is let in, sessions, signing in."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from urllib.parse import urlsplit

from aiohttp import web

from risk_stream.access.oidc import without_joserfc
from risk_stream.access.read import ACCESS_FILE, AccessError, is_loopback
from risk_stream.access.sessions import Seal, Sessions
from risk_stream.access.signin import SIGN_IN_ROUTES, SignIn
from risk_stream.access.source import AccessSource, check_local
from risk_stream.access.web import Gate
from risk_stream.catalogue import Problem
from risk_stream.settings import Settings

__all__ = ["install_gate", "only_here"]

log = logging.getLogger("risk_stream.access")


def only_here(settings: Settings) -> bool:
    """Whether only this machine reaches the console: by the address browsers use, else by the one it listens on."""
    host = urlsplit(settings.console_url).hostname
    return is_loopback(host or settings.console_host)


def install_gate(
    app: web.Application,
    settings: Settings,
    permissions: Mapping[tuple[str, str], str],
    *,
    port: int | None = None,
    source: AccessSource | None = None,
) -> Gate:
    """Have an application answer only who may, and sign people in; `port` is the one it listens on.

    `source` is what the folder says, for who asks it too; else one of its own.

    `permissions` are (method, path as declared) -> permission of the application's own routes; files below /static/ are
    public. Handlers find who asks in `request[PERSON]`.

    Raises:
        AccessError: access.yaml or tokens.yaml are wrong, or name a provider and what that needs is not installed.
        LocalError: everybody would be let in, and others reach the console.
    """
    source = source or AccessSource(settings.people_folder)
    check_local(source.current(), settings.console_host, only_here=only_here(settings))
    if source.current().openid is not None and (missing := without_joserfc()):
        raise AccessError([Problem(str(source.folder / ACCESS_FILE), 0, 0, missing)])
    key = settings.console_key.get_secret_value().encode()
    if not key:
        log.info("sessions end with this process: RISK_STREAM_CONSOLE_KEY_FILE has them outlive it")
    seal = Seal(key or secrets.token_bytes(32))
    own = {(method, path): permission for method, path, permission in SIGN_IN_ROUTES}
    gate = Gate(source, Sessions(seal), {**permissions, **own}, url=settings.console_url)
    url = settings.console_url or f"http://{settings.console_host}:{port or settings.console_port}"
    sign_in = SignIn(gate, seal, url=url, secret=settings.console_openid_secret.get_secret_value())
    for (method, path, _), handler in zip(SIGN_IN_ROUTES, sign_in.handlers, strict=True):
        app.router.add_route(method, path, handler)
    gate.install(app)
    return gate
