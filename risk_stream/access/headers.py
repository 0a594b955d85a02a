"""What every answer of the console says to a browser, so that a mistake in a page stays a small one.

The policy is the strictest the pages can live with: scripts and styles from this address alone, none inside a page.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["POLICY", "headers_of"]

POLICY: Final = "; ".join((
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
))  # fmt: skip

_ALWAYS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_YEAR: Final = 31_536_000


def headers_of(path: str, *, tls: bool) -> dict[str, str]:
    """The headers of an answer; what the API says is kept by no cache."""
    made = dict(_ALWAYS)
    if path.startswith("/v1/"):
        made["Cache-Control"] = "no-store"
    if tls:
        made["Strict-Transport-Security"] = f"max-age={_YEAR}"
    return made
