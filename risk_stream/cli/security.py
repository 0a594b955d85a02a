"""`risk-stream doctor --security`: what of this house's settings lets in, or shows, more than is meant."""

from __future__ import annotations

import base64
import os
import stat
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from risk_stream.cli.checkup import Finding, State
from risk_stream.cli.house import rule_paths

if TYPE_CHECKING:
    from risk_stream.access import Access
    from risk_stream.settings import Settings

__all__ = ["look_at_security"]

#: Where a Grafana of the compose file answers, and what its administrator is called where nobody changed it.
GRAFANA, GRAFANA_DEFAULT = "http://127.0.0.1:3000/api/org", b"admin:admin"


def look_at_security(settings: Settings, *, now: int | None = None, grafana: str = GRAFANA) -> Iterator[Finding]:
    """Everything there is to find. `now` in ms."""
    from risk_stream.access import AccessError, read_access

    try:
        access = read_access(settings.people_folder)
    except AccessError as error:
        yield Finding(
            "access", State.FAIL, str(error.problems[0]), "mend the file: until then the console does not start"
        )
    else:
        yield from _people(settings, access, int(time.time() * 1000) if now is None else now)
    yield from _console(settings)
    yield from _kafka(settings)
    yield from _redis(settings)
    yield from _open_ports(settings)
    yield from _files(settings)
    yield from _keys(settings)
    yield from _grafana(grafana)


def _people(settings: Settings, access: Access, now: int) -> Iterator[Finding]:
    from risk_stream.access import only_here

    if access.local is not None:
        seen = f"whoever is on this machine is {', '.join(access.local.roles)}, without signing in"
        if only_here(settings):
            do = "take local out of access.yaml where others have accounts on this machine"
            yield Finding("local", State.WARN, seen, do)
        else:
            do = "take local out of access.yaml, and give people tokens: risk-stream access token NAME"
            yield Finding("local", State.FAIL, f"{seen}, and the console listens to others", do)
    if not access.four_eyes:
        do = "set four_eyes: true in access.yaml: then somebody else approves each change"
        yield Finding("four eyes", State.WARN, "whoever writes the folder of rules changes what is judged", do)
    else:
        yield Finding("four eyes", State.OK, "a change of rules is approved by somebody else than its proposer")
    tokens = access.tokens.values()
    end = {
        "never end": (
            [t for t in tokens if t.expires is None],
            "make new ones: risk-stream access token NAME --expires 90d",
        ),
        "have ended": (
            [t for t in tokens if t.expires is not None and t.expires <= now],
            "take them out of tokens.yaml",
        ),
        "are nobody's": ([t for t in tokens if t.person not in access.people], "take them out of tokens.yaml"),
    }
    for words, (found, do) in end.items():
        if found:
            named = ", ".join(sorted({f"{token.id} of {token.person}" for token in found}))
            yield Finding("tokens", State.WARN, f"{len(found)} {words}: {named}", do)
    revealing = sorted(p.name for p in access.people.values() if "reveal" in p.may and p.scope.entities is None)
    if revealing:
        do = "give them the entities they work for, or personal_data: false"
        seen = f"of every legal entity they are shown to {', '.join(revealing)} who asks for them"
        yield Finding("personal data", State.WARN, seen, do)


def _console(settings: Settings) -> Iterator[Finding]:
    from risk_stream.access import is_loopback, only_here

    url, at = settings.console_url, f"{settings.console_host}:{settings.console_port}"
    behind = url.startswith("https://")
    if not is_loopback(settings.console_host) and not behind and not only_here(settings):
        do = "listen on 127.0.0.1 behind a proxy with TLS, and set RISK_STREAM_CONSOLE_URL=https://..."
        yield Finding("console", State.FAIL, f"it listens on {at} without TLS: sessions can be read on the way", do)
    elif url.startswith("http://") and not only_here(settings):
        do = "have the proxy speak TLS, and set RISK_STREAM_CONSOLE_URL=https://..."
        yield Finding("console", State.FAIL, f"people reach it at {url} without TLS", do)
    else:
        yield Finding("console", State.OK, f"{at}, reached at {url or 'that address, on this machine alone'}")
    if behind and not settings.console_key.get_secret_value():
        do = "set RISK_STREAM_CONSOLE_KEY_FILE to a file of 32 random bytes or more"
        yield Finding("sessions", State.WARN, "everybody is signed out when the console is started again", do)


def _kafka(settings: Settings) -> Iterator[Finding]:
    from risk_stream.access import is_loopback

    far = [part.strip() for part in settings.broker.split(",") if not is_loopback(part.strip().rpartition(":")[0])]
    security = settings.kafka_security
    if far and security in {"plaintext", "sasl_plaintext"}:
        what = "events and alerts" if security == "plaintext" else "events, alerts and how we prove who we are"
        do = "set RISK_STREAM_KAFKA_SECURITY=sasl_ssl, RISK_STREAM_KAFKA_CA, _USER and _PASSWORD_FILE"
        yield Finding("Kafka", State.FAIL, f"{what} go to {', '.join(far)} unencrypted ({security})", do)
    elif far and security == "ssl" and settings.kafka_certificate is None:
        do = "use sasl_ssl or a certificate, and give only risk-stream the right to write its topics (ACLs)"
        yield Finding("Kafka", State.WARN, f"{', '.join(far)} does not learn who we are: anybody may be anybody", do)
    else:
        where = "on this machine alone" if not far else f"by {security}"
        yield Finding("Kafka", State.OK, f"{settings.broker} {where}")


def _redis(settings: Settings) -> Iterator[Finding]:
    from risk_stream.access import is_loopback
    from risk_stream.sinks import without_password

    parts = urlsplit(settings.redis)
    where = without_password(settings.redis)
    if parts.scheme == "unix" or is_loopback(parts.hostname or ""):
        yield Finding("Redis", State.OK, f"{where} on this machine alone")
        return
    if parts.scheme != "rediss":
        do = "have it speak TLS: rediss:// in RISK_STREAM_REDIS, and RISK_STREAM_REDIS_CA"
        yield Finding("Redis", State.FAIL, f"alerts and profiles go to {where} unencrypted", do)
    if not (parts.password or settings.redis_password.get_secret_value()):
        do = "set requirepass or an ACL there, and RISK_STREAM_REDIS_PASSWORD_FILE here"
        yield Finding("Redis", State.FAIL, f"{where} asks for no password: who reaches it can change alerts", do)


def _open_ports(settings: Settings) -> Iterator[Finding]:
    from risk_stream.access import is_loopback

    if settings.decisions_port and not is_loopback(settings.decisions_host):
        at = f"{settings.decisions_host}:{settings.decisions_port}"
        do = "listen on 127.0.0.1 behind a proxy that knows who may ask"
        yield Finding("decisions", State.WARN, f"whoever reaches {at} may ask for decisions", do)
    if settings.metrics_port and not is_loopback(settings.metrics_host):
        at = f"{settings.metrics_host}:{settings.metrics_port}"
        yield Finding("metrics", State.WARN, f"whoever reaches {at} may read them", "let Prometheus alone reach it")


def _files(settings: Settings) -> Iterator[Finding]:
    from risk_stream.access import ACCESS_FILE, TOKENS_FILE

    folder = settings.people_folder
    secrets = [Path(value) for name, value in os.environ.items() if _names_a_secret(name)]
    secrets += [path for path in (settings.kafka_certificate_key, folder / TOKENS_FILE) if path is not None]
    readable = _with_mode(secrets, stat.S_IROTH | stat.S_IWOTH)
    if readable:
        do = f"chmod 600 {' '.join(map(str, readable))}"
        yield Finding("secrets", State.FAIL, f"anybody on this machine can read {', '.join(map(str, readable))}", do)
    writable = _with_mode([folder, folder / ACCESS_FILE, *rule_paths(settings)], stat.S_IWOTH)
    if writable:
        do = f"chmod o-w {' '.join(map(str, writable))}"
        seen = f"anybody on this machine can change {', '.join(map(str, writable))}"
        yield Finding("files", State.FAIL, seen, do)
    if not readable and not writable:
        yield Finding("files", State.OK, "secrets, people and rules belong to their owner")


def _names_a_secret(name: str) -> bool:
    from risk_stream.settings import secret_names

    return name.startswith("RISK_STREAM_") and name.removeprefix("RISK_STREAM_").lower() in {
        f"{secret}_file" for secret in secret_names()
    }


def _with_mode(paths: Iterable[Path], mode: int) -> list[Path]:
    found = []
    for path in paths:
        try:
            if path.stat().st_mode & mode:
                found.append(path)
        except OSError:
            continue
    return found


def _keys(settings: Settings) -> Iterator[Finding]:
    if not settings.models_key.get_secret_value():
        do = "set RISK_STREAM_MODELS_KEY_FILE to a secret, the same for all workers"
        seen = "what River's own models have learnt is not sealed, so it is not kept"
        yield Finding("models key", State.WARN, seen, do)
    if not settings.audit_key.get_secret_value():
        do = "risk-stream audit key FILE, and set RISK_STREAM_AUDIT_KEY_FILE and RISK_STREAM_AUDIT_FOLDER for the desk"
        seen = "the log of what people did is not signed: who can write all of it anew is not found out"
        yield Finding("audit key", State.WARN, seen, do)


def _grafana(url: str) -> Iterator[Finding]:
    """Whether a Grafana on this machine has the password that it came with: one try, which locks nobody out."""
    basic = base64.b64encode(GRAFANA_DEFAULT).decode()
    asked = urllib.request.Request(url, headers={"Authorization": f"Basic {basic}"})  # noqa: S310  a constant
    try:
        with urllib.request.urlopen(asked, timeout=2) as answer:  # noqa: S310
            default = answer.status == 200
    except urllib.error.HTTPError:
        default = False
    except OSError:
        return
    where = url.removesuffix("/api/org")
    if default:
        do = "change it: grafana cli admin reset-admin-password, or GF_SECURITY_ADMIN_PASSWORD before the first start"
        yield Finding("Grafana", State.FAIL, f"{where} takes admin and the password it came with", do)
    else:
        yield Finding("Grafana", State.OK, f"{where} does not take the password it came with")
