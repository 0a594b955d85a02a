"""Settings come from the environment, and a wrong one is said in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from risk_stream.settings import Settings, SettingsError, load_settings, settings, shipped


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain values as they are, lists and maps as JSON."""
    monkeypatch.setenv("RISK_STREAM_BROKER", "k1:9092,k2:9092")
    monkeypatch.setenv("RISK_STREAM_RULES", '["a", "b"]')
    settings = load_settings()
    assert settings.broker == "k1:9092,k2:9092"
    assert settings.rules == [Path("a"), Path("b")]


def test_what_is_given_stands_above_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """An option of the command line."""
    monkeypatch.setenv("RISK_STREAM_GROUP", "night")
    assert load_settings(group="day").group == "day"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("BROKER", "kafka", "RISK_STREAM_BROKER: 'kafka' is no host:port"),
        ("REDIS", "localhost", "RISK_STREAM_REDIS: 'localhost' must begin with redis://"),
        ("PARTITIONS", "0", "RISK_STREAM_PARTITIONS: "),
        ("CLOCK", "wall", "RISK_STREAM_CLOCK: "),
        ("RULES", "rules", "JSON"),
    ],
)
def test_a_wrong_setting_is_said(name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name, with what is wrong."""
    monkeypatch.setenv(f"RISK_STREAM_{name}", value)
    with pytest.raises(SettingsError) as error:
        load_settings()
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_every_setting_has_a_meaning() -> None:
    """It is in the documentation by that."""
    assert all(field.description for field in Settings.model_fields.values())


def test_the_key_of_models_reaches_the_worker_and_is_never_printed():
    settings = Settings(models_key="a secret")
    assert Settings.model_validate_json(settings.model_dump_json()).models_key.get_secret_value() == "a secret"
    assert "a secret" not in repr(settings)


def test_what_is_shipped_is_found_wherever_pip_puts_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Beside the package in a clone; of a wheel for all of a machine or an environment, else for one user."""
    assert (shipped("rules") / "profile.yaml").is_file()
    everybody, user = tmp_path / "all", tmp_path / "user"
    monkeypatch.setattr(settings, "__file__", str(tmp_path / "site-packages/risk_stream/settings/settings.py"))
    monkeypatch.setattr(settings.sysconfig, "get_path", lambda _: str(everybody))
    monkeypatch.setattr(settings.site, "getuserbase", lambda: str(user))
    assert shipped("rules") == everybody / "share/risk-stream/rules", "where it is said to be missing"
    (user / "share/risk-stream/rules").mkdir(parents=True)
    assert shipped("rules") == user / "share/risk-stream/rules"
    (everybody / "share/risk-stream/rules").mkdir(parents=True)
    assert shipped("rules") == everybody / "share/risk-stream/rules"
