"""Topics: which there must be, creating them, and describing what is there. For the worker and the command line."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType, NewTopic
from kafka.errors import KafkaError, TopicAlreadyExistsError

from risk_stream.catalogue import Catalogue
from risk_stream.settings import Settings, doubt, kafka_options, unreachable

__all__ = [
    "CANARY",
    "FOR_EVER",
    "BrokerError",
    "Topic",
    "TopicState",
    "create_topics",
    "describe_topics",
    "disagreements",
    "minimum_session",
    "partition_counts",
    "wanted_topics",
]

#: A broker that does not answer within this time is away, ms.
PATIENCE_MS = 10_000

#: A broker that has created a topic shows it a moment later, s.
SETTLE = 0.05

#: A log of which nothing is removed for its age, h.
FOR_EVER = float("inf")

#: The type of the events that are sent through every hop to see whether they come through.
CANARY = "canary"

#: How long canaries are kept, h.
CANARY_HOURS = 1.0

#: Compaction leaves the newest segment as it is, and a lane that begins reads it whole, bytes.
STATE_SEGMENT = 64 << 20

_HOUR_MS = 3_600_000


class BrokerError(Exception):
    """Raised when the broker does not answer or refuses; the text is one sentence."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic there must be."""

    name: str
    partitions: int
    replication: int
    config: dict[str, str] = field(default_factory=dict)
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic as it is: no partitions where it is not there; `retention_hours` None where the broker does not say."""

    name: str
    meaning: str
    partitions: int
    retention_hours: float | None = None
    cleanup: str = ""
    replication: int = 0
    retention_bytes: int = -1  # of a partition; below zero where it is not limited, or the broker does not say

    @property
    def exists(self) -> bool:
        """Whether it is there."""
        return self.partitions > 0

    @property
    def is_limited(self) -> bool:
        """Whether its records go after a time, or when it is so large, as far as the broker says."""
        return self.retention_hours not in (None, FOR_EVER) or self.retention_bytes >= 0


def wanted_topics(settings: Settings, catalogue: Catalogue) -> list[Topic]:
    """The house's topics, one hop topic for each kind of key, and what risk-stream says and keeps."""

    def topic(name: str, meaning: str, hours: float | None = None, **more: str | int) -> Topic:
        partitions = int(more.pop("partitions", settings.partitions))
        config = {"cleanup.policy": "delete"}
        if hours is not None:
            config["retention.ms"] = "-1" if hours == FOR_EVER else str(int(hours * _HOUR_MS))
            config["retention.bytes"] = "-1"  # a broker's own limit would end what is kept before its time
        config |= {key.replace("_", "."): str(value) for key, value in more.items()}
        return Topic(name, partitions, settings.replication, config, meaning)

    kept = settings.alert_retention_days * 24
    return [
        *(topic(name, f"the house's {family} events") for family, name in settings.house_topics.items()),
        *(
            topic(
                settings.hop_topic(kind.name), f"events on their way to their {kind.name}", settings.hop_retention_hours
            )
            for kind in catalogue.kinds
        ),
        topic(
            settings.state_topic,
            "the windows, as each lane saves them",
            FOR_EVER,
            cleanup_policy="compact,delete",
            segment_bytes=STATE_SEGMENT,
        ),
        topic(settings.alerts_topic, "alerts and their revisions, by id", kept),
        topic(
            settings.profiles_topic,
            "profiles of customers and groups, each change; compaction leaves the last",
            FOR_EVER,
            cleanup_policy="compact",
            min_compaction_lag_ms=int(kept * _HOUR_MS),
        ),
        topic(settings.rejects_topic, "records that were refused, and why", kept),
        topic(settings.mended_topic, "refused records that were mended, judged again", kept),
        topic(settings.requests_topic, "applications that somebody waits for the decision of", kept),
        topic(settings.canary_topic, "canaries on their way through every hop", CANARY_HOURS, partitions=1),
        topic(settings.canary_back_topic, "canaries that came through", CANARY_HOURS, partitions=1),
        topic(settings.decisions_topic, "decisions; the first of an application answers", settings.decisions_days * 24),
        topic(
            settings.audit_topic, "decisions beside the events: lifted clocks, changes of plan", FOR_EVER, partitions=1
        ),
        topic(settings.actions_topic, "what people ask for: acts on alerts", kept, partitions=1),
        topic(settings.life_topic, "what became of alerts among people, chained", FOR_EVER, partitions=1),
        topic(settings.notices_topic, "what people were told, and what became of it", kept, partitions=1),
        topic(
            settings.formats_topic,
            "the releases that worked here, and their formats",
            FOR_EVER,
            cleanup_policy="compact",
            partitions=1,
        ),
        topic(settings.plans_topic, "every plan that was in force", FOR_EVER, cleanup_policy="compact", partitions=1),
    ]


def disagreements(settings: Settings, catalogue: Catalogue, states: list[TopicState]) -> list[str]:
    """What is wrong with topics that are there, a sentence each: a worker would refuse them or lose what they hold."""
    there = {state.name: state for state in states if state.exists}
    lanes = [settings.state_topic, *(settings.hop_topic(kind.name) for kind in catalogue.kinds)]
    counts = {name: there[name].partitions for name in lanes if name in there}
    said = []
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name} {count}" for name, count in counts.items())
        said.append(f"hop topics and {settings.state_topic} must have equally many partitions, and have: {listed}")
    for_ever = [topic for topic in wanted_topics(settings, catalogue) if topic.config.get("retention.ms") == "-1"]
    for topic in for_ever:
        state = there.get(topic.name)
        if state is None or not state.cleanup:
            continue
        if "compact" in topic.config["cleanup.policy"] and "compact" not in state.cleanup:
            said.append(
                f"{topic.name} is not compacted (cleanup.policy={state.cleanup}): what it holds is lost after a while; "
                "set it to compact"
            )
        elif "delete" in state.cleanup and state.is_limited:
            said.append(
                f"{topic.name} does not keep its records for ever: what it holds is lost after a while; "
                "set retention.ms and retention.bytes to -1"
            )
    return said


@contextlib.contextmanager
def _admin(broker: str) -> Iterator[KafkaAdminClient]:
    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # its retries are said here, once
    if nobody := unreachable(broker, PATIENCE_MS / 1000):
        raise BrokerError(f"Kafka does not answer at {'; '.join(nobody)}: start it, or set RISK_STREAM_BROKER")
    try:
        client = KafkaAdminClient(
            **kafka_options(broker), request_timeout_ms=PATIENCE_MS, bootstrap_timeout_ms=PATIENCE_MS
        )
    except (KafkaError, OSError, ValueError) as exc:
        raise BrokerError(f"Kafka does not answer at {broker} ({type(exc).__name__}): {doubt(broker)}") from exc
    with contextlib.closing(client):
        try:
            yield client
        except (KafkaError, OSError) as exc:
            raise BrokerError(
                f"Kafka at {broker} refuses ({type(exc).__name__}: {exc}): may this user do that there?"
            ) from exc


def partition_counts(broker: str) -> dict[str, int]:
    """Topics that are there, with their number of partitions. Raises `BrokerError`."""
    with _admin(broker) as client:
        return {t["name"]: len(t["partitions"]) for t in client.describe_topics()}


def create_topics(broker: str, topics: list[Topic]) -> list[str]:
    """Create those that are not there; the names of those that were created. Raises `BrokerError`."""
    with _admin(broker) as client:
        there = {t["name"] for t in client.describe_topics()}
        made = []
        for topic in topics:
            if topic.name in there:
                continue
            new = NewTopic(topic.name, topic.partitions, topic.replication, topic_configs=topic.config)
            with contextlib.suppress(TopicAlreadyExistsError):
                client.create_topics([new])
                made.append(topic.name)
        end = time.monotonic() + PATIENCE_MS / 1000
        while not {t.name for t in topics} <= {t["name"] for t in client.describe_topics()}:
            if time.monotonic() > end:
                raise BrokerError(
                    f"the broker at {broker} has taken new topics, but does not show them: run it again in a moment"
                )
            time.sleep(SETTLE)
        return made


def describe_topics(broker: str, topics: list[Topic]) -> list[TopicState]:
    """Each topic as the broker has it. Raises `BrokerError`."""
    with _admin(broker) as client:
        there = {t["name"]: t["partitions"] for t in client.describe_topics()}
        asked = [ConfigResource(ConfigResourceType.TOPIC, t.name) for t in topics if t.name in there]
        configs: dict[str, Any] = {}
        with contextlib.suppress(KafkaError):  # an embedded broker may not say
            configs = client.describe_configs(asked, config_filter="all").get("topic", {}) if asked else {}
    return [_state(topic, there.get(topic.name, []), configs.get(topic.name, {})) for topic in topics]


def _state(topic: Topic, partitions: list[dict[str, Any]], config: dict[str, Any]) -> TopicState:
    retention = config.get("retention.ms", {}).get("value")
    hours = None if retention is None else FOR_EVER if int(retention) < 0 else int(retention) / _HOUR_MS
    replicas = partitions[0].get("replica_nodes", partitions[0].get("replicas", [])) if partitions else []
    cleanup = str(config.get("cleanup.policy", {}).get("value", ""))
    most = int(config.get("retention.bytes", {}).get("value", -1))
    return TopicState(topic.name, topic.meaning, len(partitions), hours, cleanup, len(replicas), most)


def minimum_session(broker: str) -> float | None:
    """The shortest session the broker allows a worker, s; None where it does not say. Raises `BrokerError`."""
    with _admin(broker) as client:
        try:
            first = str(client.describe_cluster()["brokers"][0]["broker_id"])
            asked = [ConfigResource(ConfigResourceType.BROKER, first)]
            config = client.describe_configs(asked, config_filter="all")["broker"][first]
            return int(config["group.min.session.timeout.ms"]["value"]) / 1000
        except (KafkaError, KeyError, IndexError, TypeError, ValueError):
            return None
