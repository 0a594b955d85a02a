"""How one proves to Kafka and Redis who one is, in one place: every client of either is made with these options.

Settings hand out the addresses as texts that carry it (`Broker`, `RedisUrl`): whatever is given an address can connect,
what it prints is the address alone, and where nothing is carried (an embedded broker, a test) nothing is asked for.
"""

from __future__ import annotations

import os
import socket
import ssl
import struct
import time
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

__all__ = [
    "Broker",
    "RedisUrl",
    "Security",
    "doubt",
    "kafka_options",
    "reason",
    "redis_options",
    "tls_context",
    "unreachable",
]

#: Kafka's request that any client may make first, and the number by which its answer is known.
_API_VERSIONS, _CORRELATION = 18, 0x7269736B

_TLS = " (where it wants TLS: RISK_STREAM_KAFKA_SECURITY)"


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


def reason(error: OSError) -> str:
    """Why the network or a file would not, in the system's own words: those of libraries name the address again."""
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno).lower()
    return (error.strerror or str(error)).lower()


def unreachable(broker: str, seconds: float) -> list[str]:
    """Why Kafka answers at none of its addresses, one text for each; empty where it does at one.

    It is asked for the versions it speaks, which every broker says before it wants a password: what only takes the
    connection (a web server, a port that hangs, a listener with TLS) is no broker to us, and is found within `seconds`.
    """
    security = broker.security if isinstance(broker, Broker) else Security()
    reasons = []
    for part in broker.split(","):
        at = part.strip()
        host, _, port = at.rpartition(":")
        connected = False
        try:
            with socket.create_connection((host, int(port)), timeout=seconds) as connection:
                connected = True
                if security.tls:
                    context = tls_context(security.ca, security.certificate, security.key)
                    with context.wrap_socket(connection, server_hostname=host) as secured:
                        answered = _answers(secured, seconds)
                else:
                    answered = _answers(connection, seconds)
        except ssl.SSLCertVerificationError as error:
            reasons.append(f"{at}: its certificate is not trusted, {error.verify_message}: RISK_STREAM_KAFKA_CA")
        except ssl.SSLError as error:
            reasons.append(f"{at}: no TLS is spoken there ({error.reason or error}): RISK_STREAM_KAFKA_SECURITY")
        except TimeoutError:
            late = ": no TLS is spoken there, RISK_STREAM_KAFKA_SECURITY" if connected and security.tls else ""
            reasons.append(f"{at}: nothing is said within {seconds:g} s{late}")
        except OSError as error:
            reasons.append(f"{at}: {reason(error)}")
        else:
            if answered:
                return []
            reasons.append(f"{at}: takes the connection and speaks no Kafka{'' if security.tls else _TLS}")
    return reasons


def _answers(connection: socket.socket, seconds: float) -> bool:
    """Whether who is at the other end answers Kafka's ApiVersions, version 0, within `seconds`."""
    end = time.monotonic() + seconds
    try:
        connection.sendall(struct.pack(">ihhih", 10, _API_VERSIONS, 0, _CORRELATION, -1))
        said = b""
        while len(said) < 8 and (left := end - time.monotonic()) > 0:
            connection.settimeout(left)
            if not (more := connection.recv(8 - len(said))):
                break
            said += more
    except (TimeoutError, ConnectionError):
        return False
    return said[4:] == struct.pack(">i", _CORRELATION)


def doubt(broker: str) -> str:
    """What to look at where Kafka takes a connection and then says nothing."""
    security = broker.security if isinstance(broker, Broker) else Security()
    if security.mechanism:
        return f"is Kafka there, and does it know {security.user} by {security.mechanism} and this password?"
    if security.protocol == "PLAINTEXT":
        return "is RISK_STREAM_BROKER Kafka's port? Where it wants TLS or a password, set RISK_STREAM_KAFKA_SECURITY"
    return "is RISK_STREAM_BROKER Kafka's port?"


@lru_cache(maxsize=8)
def tls_context(ca: Path | None, certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    """TLS 1.2 or newer, the other side's certificate and name checked. Raises OSError for files that are none."""
    context = ssl.create_default_context(cafile=None if ca is None else str(ca))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    return context
