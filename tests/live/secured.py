"""A Kafka and a Redis that only those with a password may use, over TLS; the certificates are made here."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from risk_stream.embedded import EmbeddedError, free_port
from tests.live.servers import Kafka, MissingServerError, RedisServer, _answers

__all__ = ["PASSWORD", "USER", "Certificates", "SecuredKafka", "SecuredRedis"]

USER, PASSWORD = "worker", "a pass#word: $1 100%"

LISTENERS = """
listeners=SASL_SSL://127.0.0.1:{port},PLAINTEXT://127.0.0.1:{inside},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=SASL_SSL://127.0.0.1:{port},PLAINTEXT://127.0.0.1:{inside}
listener.security.protocol.map=SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
"""


@dataclass(frozen=True)
class Certificates:
    """Files (PEM): who signs, and a server's certificate for 127.0.0.1 with its key."""

    ca: Path
    certificate: Path
    key: Path
    both: Path  # key and chain, as Kafka wants them

    @classmethod
    def make(cls, folder: Path) -> Certificates:
        """New ones, good for a day."""
        ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a house's authority")])
        ca = _signed(ca_name, ca_name, ca_key.public_key(), ca_key, ca=True)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])
        certificate = _signed(name, ca_name, key.public_key(), ca_key, ca=False)
        pem = serialization.Encoding.PEM
        plain = serialization.NoEncryption()
        private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
        made = cls(*(folder / f"{part}.pem" for part in ("ca", "certificate", "key", "both")))
        made.ca.write_bytes(ca.public_bytes(pem))
        made.certificate.write_bytes(certificate.public_bytes(pem))
        made.key.write_bytes(private)
        made.both.write_bytes(private + certificate.public_bytes(pem) + ca.public_bytes(pem))
        return made


def _signed(
    name: x509.Name, by: x509.Name, key: ec.EllipticCurvePublicKey, signer: ec.EllipticCurvePrivateKey, *, ca: bool
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(by)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(address, critical=False)
        .sign(signer, hashes.SHA256())
    )


class SecuredKafka(Kafka):
    """One broker that takes a user and password (SCRAM-SHA-512) over TLS."""

    def __init__(self, certificates: Certificates) -> None:
        super().__init__(heap="384m")
        text = self.properties(LISTENERS, internal=1, inside=free_port(), keystore=certificates.both)
        (self.folder / "server.properties").write_text(text)

    def format_arguments(self) -> list[str]:
        return ["--add-scram", f'SCRAM-SHA-512=[name="{USER}",password="{PASSWORD}"]']


class SecuredRedis(RedisServer):
    """One that takes a password over TLS, and nothing else."""

    def __init__(self, certificates: Certificates) -> None:
        super().__init__()
        self.certificates = certificates

    @property
    def url(self) -> str:
        return f"rediss://127.0.0.1:{self.port}/0"

    def ready(self) -> bool:
        return _answers(self.port)

    def argv(self) -> list[str]:
        argv = super().argv()
        argv[argv.index("--port") : argv.index("--port") + 2] = ["--port", "0", "--tls-port", str(self.port)]
        files = self.certificates
        given = {
            "tls-cert-file": files.certificate,
            "tls-key-file": files.key,
            "tls-ca-cert-file": files.ca,
            "tls-auth-clients": "no",
            "requirepass": PASSWORD,
        }
        return [*argv, *(part for name, value in given.items() for part in (f"--{name}", str(value)))]

    def start(self) -> Self:
        """Raises `MissingServerError` where the one that is here was made without TLS, as that of a wheel is."""
        try:
            return super().start()
        except EmbeddedError as exc:
            if "Bad directive" in str(exc):
                raise MissingServerError("redis-server here knows no TLS: make servers says how to get one") from exc
            raise
