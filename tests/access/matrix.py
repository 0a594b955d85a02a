"""Asks every route of a table as every role, and says where the answer is not what the table and the roles say."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from risk_stream.access import PUBLIC, ROLES, SIGNED_IN
from tests.access.served import Browser

__all__ = ["PEOPLE", "wrong_answers"]

#: access.yaml with somebody of each role, who sees one entity.
PEOPLE = "people:\n" + "".join(f"  {role}: {{roles: [{role}], entities: [SEC-SH]}}\n" for role in ROLES)


def wrong_answers(
    browsers: Mapping[str, Browser],
    permissions: Mapping[tuple[str, str], str],
    fill: Callable[[str], str] = lambda path: path,
    body: Callable[[str, str], object] = lambda _method, _path: {},
) -> list[str]:
    """What was answered and should not have been, or the other way round, as sentences.

    `browsers` are of each role by its name, and of nobody as "". `fill` makes a path of a declared one (its variables
    filled in), `body` what is sent. Allowed is whatever is neither 401 nor 403 nor a fault: a write may well be wrong.
    """
    wrong = []
    for (method, declared), needed in permissions.items():
        for role, browser in browsers.items():
            may = ROLES.get(role, frozenset())
            allowed = needed == PUBLIC or (bool(role) and (needed == SIGNED_IN or needed in may))
            sent = body(method, declared) if method in {"POST", "PUT", "PATCH"} else None
            status = browser.ask(method, fill(declared), sent).status
            good = status < 500 and status not in {401, 403} if allowed else status == (403 if role else 401)
            if not good:
                wrong.append(f"{method} {declared} ({needed}) as {role or 'nobody'} is answered with {status}")
    return wrong
