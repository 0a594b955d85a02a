"""How clients prove who they are comes from the settings alone, and no secret is in what is printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from risk_stream.embedded import free_port
from risk_stream.settings import Settings, SettingsError, kafka_options, load_settings, redis_options, unreachable

SASL = {"kafka_security": "sasl_plaintext", "kafka_user": "worker", "kafka_password": "hush"}


def test_a_broker_without_security_is_asked_for_nothing() -> None:
    """A plain text, as tests and the embedded broker have."""
    assert kafka_options("a:1, b:2") == {"bootstrap_servers": ["a:1", "b:2"]}
    assert kafka_options(Settings().broker).keys() == {"bootstrap_servers"}
    assert redis_options("redis://127.0.0.1") == redis_options(Settings().redis) == {}


def test_security_reaches_every_client_through_a_process_boundary() -> None:
    """Settings go to a worker's process as JSON; what is printed of them hides the passwords."""
    given = Settings(**SASL, redis_password="hush", redis_user="r")
    settings = Settings.model_validate_json(given.model_dump_json())
    options = kafka_options(settings.broker)
    assert (options["security_protocol"], options["sasl_mechanism"]) == ("SASL_PLAINTEXT", "SCRAM-SHA-512")
    assert (options["sasl_plain_username"], options["sasl_plain_password"]) == ("worker", "hush")
    assert redis_options(settings.redis) == {"username": "r", "password": "hush"}
    shown = f"{settings!r} {settings.broker} {settings.broker!r} {settings.redis!r} {settings.broker.security!r}"
    assert "hush" not in shown


def test_every_secret_may_lie_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its last line's end is not part of it; with both ways set nobody knows which is meant."""
    file = tmp_path / "secret"
    file.write_text("hush\n")
    for name, field in Settings.model_fields.items():
        if "SecretStr" not in str(field.annotation):
            continue
        monkeypatch.setenv(f"RISK_STREAM_{name.upper()}_FILE", str(file))
        assert getattr(load_settings(), name).get_secret_value() == "hush"
        monkeypatch.setenv(f"RISK_STREAM_{name.upper()}", "other")
        with pytest.raises(SettingsError, match="are both set: take one away"):
            load_settings()
        monkeypatch.delenv(f"RISK_STREAM_{name.upper()}")
        monkeypatch.setenv(f"RISK_STREAM_{name.upper()}_FILE", str(tmp_path / "none"))
        with pytest.raises(SettingsError, match="cannot be read: No such file"):
            load_settings()
        monkeypatch.delenv(f"RISK_STREAM_{name.upper()}_FILE")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"kafka_security": "sasl_ssl"}, "set RISK_STREAM_KAFKA_USER and RISK_STREAM_KAFKA_PASSWORD_FILE"),
        ({"kafka_security": "ssl", "kafka_ca": "/none/ca.pem"}, "RISK_STREAM_KAFKA_CA: there is no file /none/ca.pem"),
        ({"redis_ca": "/none/ca.pem"}, "RISK_STREAM_REDIS_CA: there is no file /none/ca.pem"),
        ({"kafka_security": "tls"}, "RISK_STREAM_KAFKA_SECURITY: "),
    ],
)
def test_half_a_security_is_refused_in_a_sentence(given: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError) as error:
        load_settings(**given)
    assert said in str(error.value)
    assert "hush" not in str(error.value)


def test_who_does_not_listen_is_named() -> None:
    """Each address with its reason."""
    ports = free_port(), free_port()
    assert unreachable(f"127.0.0.1:{ports[0]},127.0.0.1:{ports[1]}", 1) == [
        f"127.0.0.1:{port}: connection refused" for port in ports
    ]
