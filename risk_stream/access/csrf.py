"""Whether a write comes from our own page: by the token that only it knows, and by what browsers say of its origin."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

__all__ = ["CSRF_HEADER", "SAFE_METHODS", "foreign", "forged"]

#: The header a page sends with each write; its value is `csrf` of /v1/me.
CSRF_HEADER = "X-Risk-Csrf"

#: Methods that change nothing.
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def foreign(headers: Mapping[str, str], host: str) -> bool:
    """Whether a browser says that another site's page sent this. Programs, which send neither header, are not."""
    fetched = headers.get("Sec-Fetch-Site")
    if fetched is not None:
        return fetched not in {"same-origin", "none"}
    origin = headers.get("Origin")
    try:
        return origin is not None and urlsplit(origin).netloc != host
    except ValueError:
        return True


def forged(headers: Mapping[str, str], host: str, token: str) -> str | None:
    """Why a write of a session is refused, in a sentence; None: it is the page's own."""
    if foreign(headers, host):
        return "this was sent by a page of another site: nothing was done"
    if not hmac.compare_digest(headers.get(CSRF_HEADER, "").encode("utf-8", "surrogatepass"), token.encode()):
        return f"the header {CSRF_HEADER} is missing or old: load the page again (its value is csrf of /v1/me)"
    return None
