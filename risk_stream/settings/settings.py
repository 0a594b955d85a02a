"""Every setting of risk-stream, its default and its meaning; from the environment as RISK_STREAM_NAME.

Lists and maps are JSON there: `RISK_STREAM_RULES='["rules", "/etc/house/rules"]'`.
"""

from __future__ import annotations

import os
import re
import site
import sysconfig
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import Field, SecretStr, ValidationError, field_serializer, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as SourceError

from risk_stream.settings.connect import Broker, RedisUrl, Security

__all__ = ["SHIPPED_PEOPLE", "Settings", "SettingsError", "load_settings", "secret_names", "shipped"]


def shipped(name: str) -> Path:
    """A folder that comes along: beside the package in a clone, else where pip puts it, for all or for one user."""
    clone = Path(__file__).parents[2]
    wheels = [Path(base) / "share" / "risk-stream" for base in (sysconfig.get_path("data"), site.getuserbase())]
    places = [clone] if (clone / "pyproject.toml").is_file() else wheels
    return next((place / name for place in places if (place / name).is_dir()), places[0] / name)


#: What people agreed on, as it is shipped.
SHIPPED_PEOPLE = shipped("people")


class SettingsError(Exception):
    """Raised when a setting has a value it cannot have; the text is one sentence per setting."""


class SecretFiles(PydanticBaseSettingsSource):
    """Secrets in files: RISK_STREAM_NAME_FILE names the file of any setting that is a secret."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The file's text without the line's end."""
        variable = f"RISK_STREAM_{field_name.upper()}_FILE"
        file = os.environ.get(variable)
        if field.annotation is not SecretStr or not file:
            return None, field_name, False
        if os.environ.get(variable.removesuffix("_FILE")):
            raise SettingsError(f"{variable} and {variable.removesuffix('_FILE')} are both set: take one away")
        try:
            return Path(file).read_text(encoding="utf-8").rstrip("\r\n"), field_name, False
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise SettingsError(
                f"{variable}: {file} cannot be read: {why}; name a file that this user may read"
            ) from error

    def __call__(self) -> dict[str, Any]:
        """All of them that are set."""
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


def secret_names() -> tuple[str, ...]:
    """The settings that are secrets: each may lie in a file instead."""
    return tuple(name for name, field in Settings.model_fields.items() if field.annotation is SecretStr)


class Settings(BaseSettings):
    """What a worker and the command line need to know about the house."""

    model_config = SettingsConfigDict(env_prefix="RISK_STREAM_", frozen=True, extra="ignore")

    broker: str = Field("127.0.0.1:9092", description="Kafka's address, host:port, several separated by commas")
    redis: str = Field("redis://127.0.0.1:6379/0", description="where alerts are kept for the console and dashboards")
    rules: list[Path] = Field([Path("rules")], description="rule files, or folders of them; watched for changes")
    models: list[Path] = Field(
        [],
        description="files of online models, or folders of them; where none is named the folder models beside rules;"
        " watched for changes",
    )
    events: list[Path] = Field([], description="the house's own event types: YAML files, or folders of them")
    calendars: list[Path] = Field(
        [], description="the house's own calendars: YAML files, or folders of them; watched for changes"
    )
    kafka_security: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = Field(
        "plaintext", description="how Kafka is spoken to: `ssl` is encrypted, `sasl_` with a user and password"
    )
    kafka_ca: Path | None = Field(
        None, description="file (PEM) of who signed Kafka's certificates; without it, who this machine trusts"
    )
    kafka_certificate: Path | None = Field(None, description="file (PEM) of our certificate, where Kafka asks for one")
    kafka_certificate_key: Path | None = Field(None, description="file (PEM) of its private key")
    kafka_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="how Kafka is shown the password"
    )
    kafka_user: str = Field("", description="who we are to Kafka")
    kafka_password: SecretStr = Field(SecretStr(""), description="the password of that user")
    redis_ca: Path | None = Field(
        None, description="file (PEM) of who signed Redis's certificate, where its address begins with rediss://"
    )
    redis_user: str = Field("", description="who we are to Redis, where its address does not say it")
    redis_password: SecretStr = Field(SecretStr(""), description="Redis's password, where its address does not say it")
    group: str = Field(
        "risk-stream", description="name of the workers' consumer group: all workers of a house share it"
    )

    house_topics: dict[str, str] = Field(
        {"trades": "risk.trades", "loans": "risk.loans", "reference": "risk.reference"},
        description="the topic each family of events comes in, by the family's name in the catalogue",
    )
    prefix: str = Field("risk.", description="first part of the names of risk-stream's own topics")
    partitions: Annotated[int, Field(ge=1, le=1024)] = Field(4, description="partitions of a topic that is created")
    replication: Annotated[int, Field(ge=1)] = Field(1, description="replicas of a topic that is created")
    hop_retention_hours: Annotated[float, Field(gt=0)] = Field(24, description="how long hop topics keep their records")
    alert_retention_days: Annotated[float, Field(gt=0)] = Field(
        90, description="how long risk.alerts keeps its records"
    )

    session_seconds: Annotated[float, Field(gt=0)] = Field(
        2, description="a worker silent for so long has lost its partitions; the broker's minimum if that is higher"
    )
    lateness_seconds: Annotated[float, Field(ge=0)] = Field(
        10, description="an event this far behind its origin's newest is put in its place; a later one is refused"
    )
    spare: bool = Field(
        True, description="a second process of the worker waits, to go on within a second where the first dies; 200 MiB"
    )
    durable: bool = Field(
        True, description="keep the windows through restarts, in a checkpoint on Kafka; false: they begin anew"
    )
    checkpoint_seconds: Annotated[float, Field(gt=0)] = Field(
        1, description="how often what changed in the windows is saved; a restart judges again what came since"
    )
    ring_events: Annotated[int, Field(ge=1000)] = Field(
        2_000_000, description="events a hop partition keeps to be judged again when a late one changes them"
    )
    models_key: SecretStr = Field(
        SecretStr(""), description="seals what River's own models have learnt; without it they begin anew at a restart"
    )
    batch_records: Annotated[int, Field(ge=1)] = Field(4000, description="most records of a house topic in one batch")
    fetch_bytes: Annotated[int, Field(ge=1 << 16)] = Field(
        1 << 20, description="most bytes read of a partition at once"
    )
    state_mib: Annotated[int, Field(ge=1)] = Field(
        1024, description="bound of the windows' memory, per kind and partition, MiB"
    )
    clock: Literal["live", "simulated"] = Field(
        "live",
        description="`simulated`: event times run ahead of the wall clock and are not refused for it (demo and tests)",
    )
    future_seconds: Annotated[float, Field(ge=0)] = Field(
        300, description="an event whose time is further ahead of the broker's than this is refused"
    )
    reload_seconds: Annotated[float, Field(gt=0)] = Field(
        1, description="how often the rules are looked at for changes"
    )

    metrics_host: str = Field(
        "127.0.0.1", description="address /metrics listens on; 0.0.0.0 to be scraped from elsewhere"
    )
    metrics_port: Annotated[int, Field(ge=0, le=65535)] = Field(9464, description="port of /metrics; 0 for none")
    metrics_rules: Annotated[int, Field(ge=0)] = Field(
        1000, description="rules with their own label where each has a series; those later in the plan are `other`"
    )
    metrics_entities: Annotated[int, Field(ge=0)] = Field(
        50, description="legal entities with their own label; later ones are `other`"
    )

    margin_port: Annotated[int, Field(ge=0, le=65535)] = Field(
        9465, description="port of the margin clerk's /metrics, at the same address; 0 for none"
    )

    decisions_host: str = Field(
        "127.0.0.1", description="address decisions are asked for at; others can reach it only behind a proxy with TLS"
    )
    decisions_port: Annotated[int, Field(ge=0, le=65535)] = Field(
        0, description="port decisions are asked for at, served beside the worker; 0 for none"
    )
    decisions_deadline_ms: Annotated[int, Field(ge=10)] = Field(
        1000, description="an answer takes no longer where a request does not say how long it may, ms"
    )
    decisions_longest_ms: Annotated[int, Field(ge=10)] = Field(
        30_000, description="the longest deadline that a request may say, ms"
    )
    decisions_in_flight: Annotated[int, Field(ge=1)] = Field(
        1000, description="requests that wait for an answer at once; more are refused, to be asked again a second later"
    )
    decisions_days: Annotated[float, Field(gt=0)] = Field(
        30, description="how long an answer is kept, and given to who asks again; 0.9 KiB of memory each"
    )
    decisions_reply_topics: list[str] = Field([], description="topics that a request on Kafka may name for its answer")

    people: Path | None = Field(
        None,
        description="folder of what people agreed on: desk, receivers, on-call, access; where none is named the folder"
        " people beside rules",
    )
    desk_days: Annotated[float, Field(gt=0)] = Field(
        90, description="how long the desk remembers a closed alert; acts on older ones are refused"
    )
    desk_port: Annotated[int, Field(ge=0, le=65535)] = Field(
        9466, description="port of the desk's /metrics, at the address of the workers'; 0 for none"
    )
    notices_port: Annotated[int, Field(ge=0, le=65535)] = Field(
        9467, description="port of /metrics of who sends notices, at the same address as the worker's; 0 for none"
    )
    audit_key: SecretStr = Field(
        SecretStr(""),
        description="the private key (PEM, Ed25519) by which the desk signs the log of what people did, every hour;"
        " `risk-stream audit key` makes one",
    )
    audit_folder: Path | None = Field(
        None, description="folder of the signed heads, heads.jsonl: best where who may write Kafka cannot write"
    )
    console_host: str = Field(
        "127.0.0.1", description="address the console listens on; others can reach it only behind a proxy with TLS"
    )
    console_port: Annotated[int, Field(ge=0, le=65535)] = Field(8088, description="port of the console and its API")
    console_metrics_port: Annotated[int, Field(ge=0, le=65535)] = Field(
        9469, description="port of the console's /metrics, at the address of the workers'; 0 for none"
    )
    console_workers: list[str] = Field(
        [],
        description="host:port of each worker's /metrics, which the pages of rules, models and data quality ask; where"
        " none is named, the one that the settings speak of",
    )
    console_url: str = Field(
        "",
        description="the console's address as browsers see it, where that is another: https://risk.example.com of a"
        " proxy with TLS; links in notices begin with it",
    )
    console_zone: str = Field(
        "", description="time zone in which pages show times, as Asia/Shanghai; that of who looks where it is empty"
    )
    console_key: SecretStr = Field(
        SecretStr(""),
        description="signs the sessions of the console; without it they end when it does, and two consoles do not know"
        " each other's",
    )
    console_openid_secret: SecretStr = Field(
        SecretStr(""), description="the console's secret at the provider that access.yaml names, where it has one"
    )

    alertmanager: str = Field(
        "",
        description="addresses of the Alertmanagers that are shown open alerts, http://host:9093, several separated by"
        " commas; the mirror tells each",
    )
    mirror_port: Annotated[int, Field(ge=0, le=65535)] = Field(
        9468, description="port of the mirror's /metrics, at the same address as the worker's; 0 for none"
    )

    canary_seconds: Annotated[float, Field(ge=1, le=30)] = Field(
        10, description="a canary goes through each partition of the hops so often; through all of them in turn"
    )
    canary_port: Annotated[int, Field(ge=0, le=65535)] = Field(
        9470, description="port of the canary's /metrics, at the same address as the worker's; 0 for none"
    )

    redis_prefix: str = Field("risk:", description="first part of every key in Redis")
    redis_alerts: Annotated[int, Field(ge=1)] = Field(
        200_000, description="most alerts kept in Redis; the oldest go first"
    )
    redis_days: Annotated[float, Field(gt=0)] = Field(
        30, description="alerts older than this, by event time, leave Redis"
    )
    redis_stream: Annotated[int, Field(ge=1)] = Field(
        20_000, description="entries kept in the stream that followers read"
    )

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="least severe log line that is written; tracebacks are in it at `debug` alone"
    )
    log_file: Path | None = Field(None, description="write the log here too")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given, the environment, and files of secrets that the environment names."""
        return init_settings, env_settings, SecretFiles(settings_cls)

    @model_validator(mode="after")
    def _connections(self) -> Settings:
        """Have the addresses carry how one proves there who one is."""
        sasl = self.kafka_security.startswith("sasl")
        if sasl and not (self.kafka_user and self.kafka_password.get_secret_value()):
            raise ValueError(
                f"RISK_STREAM_KAFKA_SECURITY is {self.kafka_security}: set RISK_STREAM_KAFKA_USER and"
                " RISK_STREAM_KAFKA_PASSWORD_FILE (or RISK_STREAM_KAFKA_PASSWORD)"
            )
        tls = self.kafka_security.endswith("ssl")
        files = {"kafka_ca": tls, "kafka_certificate": tls, "kafka_certificate_key": tls, "redis_ca": True}
        for name, used in files.items():
            file: Path | None = getattr(self, name)
            if used and file is not None and not file.is_file():
                raise ValueError(f"RISK_STREAM_{name.upper()}: there is no file {file}: name one that is there")
        security = Security(
            self.kafka_security.upper(),
            self.kafka_ca,
            self.kafka_certificate,
            self.kafka_certificate_key,
            self.kafka_mechanism if sasl else "",
            self.kafka_user if sasl else "",
            self.kafka_password.get_secret_value() if sasl else "",
        )
        password = self.redis_password.get_secret_value()
        self.__dict__["broker"] = Broker(self.broker, security)
        self.__dict__["redis"] = RedisUrl(self.redis, ca=self.redis_ca, user=self.redis_user, password=password)
        return self

    @field_serializer(
        *("models_key", "audit_key", "console_key", "console_openid_secret", "kafka_password", "redis_password"),
        when_used="json",
    )
    def _told_to_the_worker(self, value: SecretStr) -> str:
        """As it is: a supervisor hands settings as JSON to its worker. What is printed hides it."""
        return value.get_secret_value()

    @field_validator("broker")
    @classmethod
    def _addresses(cls, value: str) -> str:
        for part in value.split(","):
            host, colon, port = part.strip().rpartition(":")
            if not (host and colon and port.isdigit()):
                raise ValueError(f"{part.strip()!r} is no host:port: write one as kafka-1:9092")
        return value

    @field_validator("console_url")
    @classmethod
    def _web_address(cls, value: str) -> str:
        if value and not value.startswith(("https://", "http://")):
            raise ValueError(f"{value!r} must begin with https:// or http://")
        return value.rstrip("/")

    @field_validator("console_zone")
    @classmethod
    def _time_zone(cls, value: str) -> str:
        if value and value not in available_timezones():
            raise ValueError(f"{value!r} is no time zone: say one as Asia/Shanghai")
        return value

    @field_validator("alertmanager")
    @classmethod
    def _alertmanagers(cls, value: str) -> str:
        for part in value.split(",") if value else ():
            if not part.strip().startswith(("https://", "http://")):
                raise ValueError(f"{part.strip()!r} must begin with https:// or http://")
        return value

    @field_validator("redis")
    @classmethod
    def _redis_url(cls, value: str) -> str:
        if not value.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError(f"{value!r} must begin with redis://, rediss:// or unix://")
        return value

    def hop_topic(self, kind: str) -> str:
        """The topic of one kind of key."""
        return f"{self.prefix}hop.{kind}"

    @property
    def people_folder(self) -> Path:
        """What people agreed on: the folder that is set, else people beside the rules, else the shipped one."""
        if self.people is not None:
            return self.people
        beside = self.rules[0].parent / "people" if self.rules else Path("people")
        return beside if beside.is_dir() or not SHIPPED_PEOPLE.is_dir() else SHIPPED_PEOPLE

    @property
    def alertmanager_urls(self) -> tuple[str, ...]:
        """The Alertmanagers' addresses, one by one."""
        return tuple(part.strip().rstrip("/") for part in self.alertmanager.split(",") if part.strip())

    @property
    def console_address(self) -> str:
        """The console's address as browsers see it."""
        return self.console_url or f"http://{self.console_host}:{self.console_port}"

    @property
    def origin_topics(self) -> tuple[str, ...]:
        """The topics whose records are admitted: each of their partitions is an origin, with a clock of its own."""
        return (*self.house_topics.values(), self.mended_topic, self.requests_topic, self.canary_topic)

    @property
    def alerts_topic(self) -> str:
        """Where hops say their alerts."""
        return f"{self.prefix}alerts"

    @property
    def rejects_topic(self) -> str:
        """Where records go that cannot be events."""
        return f"{self.prefix}rejects"

    @property
    def state_topic(self) -> str:
        """Where each lane saves its windows."""
        return f"{self.prefix}state"

    @property
    def audit_topic(self) -> str:
        """Decisions that are no function of the events alone: lifted clocks, changes of plan, owners not believed."""
        return f"{self.prefix}audit"

    @property
    def plans_topic(self) -> str:
        """Every plan that was in force, by its hash."""
        return f"{self.prefix}plans"

    @property
    def profiles_topic(self) -> str:
        """Each change of a customer's or group's profile; the last one stays."""
        return f"{self.prefix}profiles"

    @property
    def actions_topic(self) -> str:
        """What people ask for: acts on alerts, silences, approvals."""
        return f"{self.prefix}actions"

    @property
    def life_topic(self) -> str:
        """What became of alerts among people: one chained entry for each thing decided."""
        return f"{self.prefix}life"

    @property
    def notices_topic(self) -> str:
        """What people were told, and what became of it: every notice as it was planned, and its outcome."""
        return f"{self.prefix}notices"

    @property
    def formats_topic(self) -> str:
        """Which releases have worked here, and in which formats they write: what a downgrade is refused by."""
        return f"{self.prefix}formats"

    @property
    def mended_topic(self) -> str:
        """Refused records that were mended and are judged again: an origin of our own."""
        return f"{self.prefix}mended"

    @property
    def requests_topic(self) -> str:
        """Applications that somebody waits for the decision of: an origin of our own."""
        return f"{self.prefix}requests"

    @property
    def canary_topic(self) -> str:
        """Canaries on their way through every hop: an origin of our own, whose clock makes no event of others late."""
        return f"{self.prefix}canary"

    @property
    def canary_back_topic(self) -> str:
        """Canaries that came through, as the worker at their last hop says."""
        return f"{self.prefix}canary.back"

    @property
    def decisions_topic(self) -> str:
        """Decisions on applications: the first of each is the answer."""
        return f"{self.prefix}decisions"


def load_settings(**given: object) -> Settings:
    """Settings from the environment, with `given` ones above it. Raises `SettingsError`."""
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as exc:
        raise SettingsError("; ".join(_said(error) for error in exc.errors())) from exc
    except SourceError as exc:
        named = re.search(r'field "(\w+)"', str(exc))
        variable = f"RISK_STREAM_{named[1].upper()}" if named else str(exc)
        raise SettingsError(
            f'{variable}: write lists and maps as JSON in the environment, as ["rules", "more"]'
        ) from exc


#: What is wrong with a value, by pydantic's name for it; the rest is said in the words of a validator of ours.
_WRONG = {
    "int_parsing": "is no whole number",
    "int_from_float": "is no whole number",
    "float_parsing": "is no number",
    "bool_parsing": "is neither true nor false",
    "literal_error": "is none of {expected}",
    "greater_than_equal": "must be {ge} or more",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be {le} or less",
}


def _said(error: Any) -> str:
    """What is wrong with a setting: the variable, what it holds, what it may hold, and what it is when not set."""
    if not error["loc"]:
        return str(error["msg"]).removeprefix("Value error, ")
    name = str(error["loc"][0])
    variable = f"RISK_STREAM_{name.upper()}"
    if error["type"] not in _WRONG:
        return f"{variable}: {str(error['msg']).removeprefix('Value error, ')}"
    wrong = _WRONG[error["type"]].format(**error.get("ctx", {}))
    default = str(Settings.model_fields[name].default).lower()
    return f"{variable}: {str(error['input'])!r} {wrong}; take it away for {default}"
