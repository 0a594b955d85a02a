"""A small OpenID Connect provider for tests: it signs in whoever it is told to, and lies where it is told to."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

__all__ = ["CLIENT", "SECRET", "Issuer", "issuer"]

CLIENT, SECRET = "risk-stream", "the client's secret"

_KEYS = [RSAKey.generate_key(2048, {"kid": f"k{n}", "use": "sig"}) for n in range(2)]


@dataclass
class Issuer:
    """What it says; tests change that."""

    url: str = ""
    claims: dict[str, Any] = field(default_factory=dict)  # of who signs in
    key: int = 0  # which it signs with; only this one is published
    signing: RSAKey | None = None  # instead of a published one
    change: Callable[[dict[str, Any]], None] = lambda _: None  # of the id_token's claims
    about: dict[str, Any] = field(default_factory=dict)  # instead of what its discovery says
    algorithm: str = "RS256"
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            **self.about,
        }

    def authorize(self, asked: dict[str, str]) -> str:
        """Where it sends the browser back to."""
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        code = f"code{len(self.codes)}"
        self.codes[code] = asked
        answer = urllib.parse.urlencode({"code": code, "state": asked["state"], "iss": self.url})
        return f"{asked['redirect_uri']}?{answer}"

    def token(self, form: dict[str, str], basic: str) -> dict[str, Any] | None:
        """The id_token for a code, once, for who can prove they began; None where not."""
        asked = self.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        pair = f"{urllib.parse.quote_plus(CLIENT)}:{urllib.parse.quote_plus(SECRET)}"  # RFC 6749 §2.3.1
        expected = "Basic " + base64.b64encode(pair.encode()).decode()
        if asked is None or challenge != asked["code_challenge"] or basic != expected:
            return None
        if form["redirect_uri"] != asked["redirect_uri"]:
            return None
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 60, "nonce": asked["nonce"], **self.claims}
        self.change(claims)
        key = self.signing or _KEYS[self.key]
        header = {"alg": self.algorithm, "kid": _KEYS[self.key].kid}
        return {"id_token": jwt.encode(header, claims, key, algorithms=[self.algorithm]), "token_type": "Bearer"}


@contextlib.contextmanager
def issuer() -> Iterator[Issuer]:
    """One that runs on this machine."""
    it = Issuer()

    class Handler(BaseHTTPRequestHandler):
        def _say(self, status: int, said: Any, **headers: str) -> None:
            body = json.dumps(said).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            parts = urllib.parse.urlsplit(self.path)
            it.asked.append(parts.path)
            if parts.path == "/.well-known/openid-configuration":
                self._say(200, it.discovery())
            elif parts.path == "/jwks":
                self._say(200, {"keys": [_KEYS[it.key].as_dict(private=False)]})
            elif parts.path == "/authorize":
                self._say(302, {}, Location=it.authorize(dict(urllib.parse.parse_qsl(parts.query))))
            else:
                self._say(404, {})

        def do_POST(self) -> None:
            form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
            said = it.token(form, self.headers.get("Authorization", ""))
            self._say(200 if said else 400, said or {"error": "invalid_grant"})

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    it.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield it
    finally:
        server.shutdown()
        server.server_close()
