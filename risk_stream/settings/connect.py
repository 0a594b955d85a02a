"""How one proves to Kafka and Redis who one is, in one place: every client of either is made with these options.

Settings hand out the addresses as texts that carry it (`Broker`, `RedisUrl`): whatever is given an address can connect,
what it prints is the address alone, and where nothing is carried (an embedded broker, a test) nothing is asked for.
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

__all__ = ["Broker", "RedisUrl", "Security", "doubt", "kafka_options", "redis_options", "tls_context", "unreachable"]


@dataclass(frozen=True, slots=True)
class Security:
    """What Kafka is told and shown. Passwords do not stand in its text."""

    protocol: str = "PLAINTEXT"  # PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL
    ca: Path | None = None  # who signed the brokers' certificates; None: who this machine trusts
    certificate: Path | None = None  # our own, with `key`
    key: Path | None = None
    mechanism: str = ""  # PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def tls(self) -> bool:
        """Whether it is encrypted on the way."""
        return self.protocol.endswith("SSL")


class Broker(str):
    """Kafka's addresses, host:port, several separated by commas, and how to prove there who one is."""

    __slots__ = ("security",)
    security: Security

    def __new__(cls, addresses: str, security: Security) -> Self:
        """The text is the addresses alone."""
        made = super().__new__(cls, addresses)
        made.security = security
        return made


class RedisUrl(str):
    """Redis's address, and what does not stand in it."""

    __slots__ = ("ca", "password", "user")
    ca: Path | None
    user: str
    password: str

    def __new__(cls, url: str, *, ca: Path | None = None, user: str = "", password: str = "") -> Self:
        """The text is the address as it was given."""
        made = super().__new__(cls, url)
        made.ca, made.user, made.password = ca, user, password
        return made


def kafka_options(broker: str) -> dict[str, Any]:
    """What a client of aiokafka or kafka-python is made with, `bootstrap_servers` among it.

    Raises OSError (`ssl.SSLError`) for certificate files that cannot be used.
    """
    options: dict[str, Any] = {"bootstrap_servers": [part.strip() for part in broker.split(",")]}
    security = broker.security if isinstance(broker, Broker) else Security()
    if security.protocol == "PLAINTEXT":
        return options
    options["security_protocol"] = security.protocol
    if security.tls:
        options["ssl_context"] = tls_context(security.ca, security.certificate, security.key)
    if security.mechanism:
        options["sasl_mechanism"] = security.mechanism
        options["sasl_plain_username"], options["sasl_plain_password"] = security.user, security.password
    return options


def redis_options(url: str) -> dict[str, Any]:
    """What `Redis.from_url(url, ...)` is given besides."""
    if not isinstance(url, RedisUrl):
        return {}
    options: dict[str, Any] = {}
    if url.user:
        options["username"] = url.user
    if url.password:
        options["password"] = url.password
    if url.ca is not None and url.startswith("rediss://"):
        options["ssl_ca_certs"] = str(url.ca)
    return options


def unreachable(broker: str, seconds: float) -> list[str]:
    """Why none of Kafka's addresses takes a connection, TLS among it, one text for each; empty where one does."""
    security = broker.security if isinstance(broker, Broker) else Security()
    reasons = []
    for part in broker.split(","):
        at = part.strip()
        host, _, port = at.rpartition(":")
        try:
            with socket.create_connection((host, int(port)), timeout=seconds) as connection:
                if security.tls:
                    context = tls_context(security.ca, security.certificate, security.key)
                    context.wrap_socket(connection, server_hostname=host).close()
        except ssl.SSLCertVerificationError as error:
            reasons.append(f"{at}: its certificate is not trusted, {error.verify_message}: RISK_STREAM_KAFKA_CA")
        except ssl.SSLError as error:
            reasons.append(f"{at}: no TLS is spoken there ({error.reason or error}): RISK_STREAM_KAFKA_SECURITY")
        except OSError as error:
            reasons.append(f"{at}: {(error.strerror or str(error)).lower()}")
        else:
            return []
    return reasons


def doubt(broker: str) -> str:
    """What to look at where Kafka takes a connection and then says nothing."""
    security = broker.security if isinstance(broker, Broker) else Security()
    if security.mechanism:
        return f"is Kafka running there, and does it know {security.user} by {security.mechanism} and this password?"
    if security.protocol == "PLAINTEXT":
        return "is Kafka running there? Where it wants TLS or a password, set RISK_STREAM_KAFKA_SECURITY"
    return "is Kafka running there?"


@lru_cache(maxsize=8)
def tls_context(ca: Path | None, certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    """TLS 1.2 or newer, the other side's certificate and name checked. Raises OSError for files that are none."""
    context = ssl.create_default_context(cafile=None if ca is None else str(ca))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    return context
