"""Signing in at a provider, the whole way of a browser; and every lie of a provider or attacker seen through."""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import OctKey, RSAKey

from risk_stream.access import oidc
from tests.access.issuer import CLIENT, SECRET, Issuer, issuer
from tests.access.served import Answer, Browser, Served, served

HOUSE = """
people:
  wang: {{name: Wang Fang, roles: [viewer], entities: [SEC-SZ]}}
openid:
  issuer: {issuer}
  client: risk-stream
  claims:
    - {{claim: realm_access.roles, value: officers, roles: [officer], entities: [SEC-SH]}}
"""
OFFICER = {"sub": "u1", "preferred_username": "zhao", "name": "Zhao <b>", "realm_access": {"roles": ["officers"]}}


@pytest.fixture
def provider() -> Iterator[Issuer]:
    with issuer() as it:
        it.claims = dict(OFFICER)
        yield it


@pytest.fixture
def server(provider: Issuer, tmp_path: Path) -> Iterator[Served]:
    (tmp_path / "access.yaml").write_text(HOUSE.format(issuer=provider.url))
    with served(tmp_path, secret=SECRET) as running:
        yield running


def path_of(url: str) -> str:
    parts = urllib.parse.urlsplit(url)
    return f"{parts.path}?{parts.query}"


def way(server: Served, provider: Issuer, browser: Browser) -> str:
    """To the provider and back: the address that it sends the browser to."""
    there = browser.get("/v1/session/provider")
    assert there.status == 302, there.body
    back = Browser(provider.url).get(path_of(there.headers["Location"]))
    return path_of(back.headers["Location"])


def sign_in(server: Served, provider: Issuer, browser: Browser) -> Answer:
    return browser.get(way(server, provider, browser))


def test_who_the_provider_vouches_for_is_signed_in(server: Served, provider: Issuer) -> None:
    """With the roles and entities of their claims; a page of our own leads on, so that the strict cookie is sent."""
    browser = server.browser()
    assert browser.get("/v1/session").json == {"token": True, "provider": True, "local": False}
    answer = sign_in(server, provider, browser)
    assert answer.status == 200, answer.body
    assert b'http-equiv="refresh"' in answer.body
    assert set(browser.cookies) == {"risk"}, "what the sign-in carried is gone"
    me = browser.get("/v1/me").json
    assert me["name"] == "zhao"
    assert "work" in me["may"]
    assert [row["id"] for row in browser.get("/v1/alerts").json["rows"]] == ["own"]


def test_claims_come_on_top_of_what_the_house_says(server: Served, provider: Issuer) -> None:
    """Of somebody whom access.yaml knows."""
    provider.claims["preferred_username"] = "wang"
    browser = server.browser()
    assert sign_in(server, provider, browser).status == 200
    assert [row["id"] for row in browser.get("/v1/alerts").json["rows"]] == ["own", "foreign"]


def test_who_has_no_role_here_is_told_so(server: Served, provider: Issuer) -> None:
    """And script in their name stays text."""
    provider.claims = {"sub": "u2", "preferred_username": "<script>x"}
    browser = server.browser()
    answer = sign_in(server, provider, browser)
    assert answer.status == 403
    assert b"&lt;script&gt;x is known to the provider, and has no role here" in answer.body
    assert browser.cookies == {}


def test_new_keys_of_the_provider_are_read_when_they_are_met(
    server: Served, provider: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not at each sign-in, and not each time that somebody sends an unknown one."""
    assert sign_in(server, provider, server.browser()).status == 200
    assert sign_in(server, provider, server.browser()).status == 200
    assert provider.asked.count("/jwks") == provider.asked.count("/.well-known/openid-configuration") == 1
    provider.key = 1
    assert sign_in(server, provider, server.browser()).status == 403, "so soon they are not read again"
    monkeypatch.setattr(oidc, "AGAIN_SECONDS", 0)
    assert sign_in(server, provider, server.browser()).status == 200
    assert provider.asked.count("/jwks") == 2


CHANGES: dict[str, Callable[[dict[str, Any]], None]] = {
    "another issuer": lambda c: c.update(iss="https://evil.example.com"),
    "another client": lambda c: c.update(aud="other"),
    "made for two, asked by the other": lambda c: c.update(aud=[CLIENT, "other"], azp="other"),
    "no audience": lambda c: c.pop("aud"),
    "another nonce": lambda c: c.update(nonce="x"),
    "no nonce": lambda c: c.pop("nonce"),
    "expired": lambda c: c.update(exp=c["iat"] - 3600),
    "never expires": lambda c: c.pop("exp"),
    "of the future": lambda c: c.update(iat=c["iat"] + 3600, nbf=c["iat"] + 3600),
    "nobody": lambda c: c.pop("sub"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_an_id_token_that_is_not_for_us_signs_nobody_in(server: Served, provider: Issuer, change: str) -> None:
    """Each claim that OpenID Connect asks to be checked."""
    provider.change = CHANGES[change]
    browser = server.browser()
    assert sign_in(server, provider, browser).status == 403
    assert browser.cookies == {}


@pytest.mark.parametrize("how", ["another key", "none", "the public key as a password"])
def test_a_signature_that_is_not_the_providers_signs_nobody_in(server: Served, provider: Issuer, how: str) -> None:
    """Nor one without a key, nor the confusion of RS256 with HS256."""
    if how == "another key":
        provider.signing = RSAKey.generate_key(2048)
    else:
        provider.algorithm = "none" if how == "none" else "HS256"
        provider.signing = OctKey.import_key(b"x" * 64)  # type: ignore[assignment]
    browser = server.browser()
    assert sign_in(server, provider, browser).status == 403
    assert browser.cookies == {}


def test_an_answer_belongs_to_the_browser_that_began(server: Served, provider: Issuer) -> None:
    """Another's answer, a second time, a changed state, or none: not signed in."""
    began, other = server.browser(), server.browser()
    back = way(server, provider, began)
    assert other.get(back).status == 403, "login of a victim into the attacker's account"
    way(server, provider, other)
    assert other.get(back).status == 403, "state of one, cookie of another"
    cookies = dict(began.cookies)
    assert began.get(back).status == 200
    assert Browser(server.address, cookies=cookies).get(back).status == 403, "a code is good once"
    assert Browser(server.address, cookies=cookies).get("/v1/session/answer").status == 403
    assert Browser(server.address, cookies=cookies).get("/v1/session/answer?error=access_denied").status == 403


def test_the_provider_of_another_answer_is_seen(server: Served, provider: Issuer) -> None:
    """Two providers mixed up (RFC 9207)."""
    browser = server.browser()
    back = way(server, provider, browser).replace(urllib.parse.quote_plus(provider.url), "https%3A%2F%2Fevil")
    answer = browser.get(back)
    assert answer.status == 403
    assert b"another provider answered" in answer.body


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ({"issuer": "https://evil.example.com"}, "says that it is https://evil.example.com"),
        ({"token_endpoint": "http://id.example.com/token"}, "token_endpoint does not begin with https://"),
        ({"jwks_uri": None}, "jwks_uri does not begin with https://"),
    ],
)
def test_a_provider_that_describes_itself_wrongly_is_not_gone_to(
    server: Served, provider: Issuer, about: dict[str, Any], said: str
) -> None:
    provider.about = about
    answer = server.browser().get("/v1/session/provider")
    assert answer.status == 502
    assert said in answer.error


def test_a_provider_that_is_away_is_said_so(tmp_path: Path) -> None:
    """Tokens go on working."""
    (tmp_path / "access.yaml").write_text(HOUSE.format(issuer="http://127.0.0.1:9"))
    with served(tmp_path) as running:
        answer = running.browser().get("/v1/session/provider")
    assert answer.status == 502
    assert "the provider at http://127.0.0.1:9 does not answer" in answer.error
    assert "sign in with a token" in answer.error
