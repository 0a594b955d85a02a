"""Who may do what: people and roles, tokens and sign-ins, whose data one sees, and personal data masked.

One place decides it. `read_access` reads people/access.yaml; `Gate` stands before every route of the console, each of
which names one of PERMISSIONS; `Scope` is asked where data are read; `Masking` makes what is shown of them. A server:

    gate = install_gate(app, settings, {("GET", "/v1/alerts"): "see", ...})
    # a handler has request[PERSON]: name, may, scope; and for its page gate.sessions.csrf(request[SESSION])
    runner = web.AppRunner(app, **SERVER_LIMITS)
    # and beside it: Patience(runner.server).run()
"""

from __future__ import annotations

from risk_stream.access.install import install_gate, only_here
from risk_stream.access.masking import Masking, hide, reveal_act
from risk_stream.access.patience import SERVER_LIMITS, Patience
from risk_stream.access.people import NOBODY, Access, Person
from risk_stream.access.permissions import ACT_NEEDS, PERMISSIONS, PUBLIC, ROLES, SIGNED_IN
from risk_stream.access.read import ACCESS_FILE, TOKENS_FILE, AccessError, is_loopback, read_access
from risk_stream.access.scope import EVERYWHERE, NOWHERE, Scope
from risk_stream.access.sessions import Seal, Session, Sessions
from risk_stream.access.signin import SIGN_IN_ROUTES, SignIn
from risk_stream.access.source import AccessSource, LocalError
from risk_stream.access.tokens import TokenError, check_token, make_token, store_token
from risk_stream.access.web import MAX_BODY, PERSON, SESSION, Gate, refusal

__all__ = [
    "ACCESS_FILE",
    "ACT_NEEDS",
    "EVERYWHERE",
    "MAX_BODY",
    "NOBODY",
    "NOWHERE",
    "PERMISSIONS",
    "PERSON",
    "PUBLIC",
    "ROLES",
    "SERVER_LIMITS",
    "SESSION",
    "SIGNED_IN",
    "SIGN_IN_ROUTES",
    "TOKENS_FILE",
    "Access",
    "AccessError",
    "AccessSource",
    "Gate",
    "LocalError",
    "Masking",
    "Patience",
    "Person",
    "Scope",
    "Seal",
    "Session",
    "Sessions",
    "SignIn",
    "TokenError",
    "check_token",
    "hide",
    "install_gate",
    "is_loopback",
    "make_token",
    "only_here",
    "read_access",
    "refusal",
    "reveal_act",
    "store_token",
]
