"""The topics there must be, and what is said of a broker that is not there."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from risk_stream.catalogue import Catalogue
from risk_stream.embedded import free_port
from risk_stream.kafka import BrokerError, TopicState, create_topics, describe_topics, disagreements, wanted_topics
from risk_stream.settings import Settings
from tests.live.servers import Kafka


def test_each_kind_of_key_has_a_hop_topic(catalogue: Catalogue) -> None:
    """Beside the house's, the alerts' and the rejects'."""
    topics = {t.name: t for t in wanted_topics(Settings(partitions=6, hop_retention_hours=2), catalogue)}
    assert {f"risk.hop.{k.name}" for k in catalogue.kinds} < set(topics)
    assert {"risk.trades", "risk.loans", "risk.reference", "risk.alerts", "risk.rejects"} < set(topics)
    one_log = ("audit", "plans", "actions", "life", "notices", "formats", "canary", "canary.back")  # each in one order
    alone = {f"risk.{name}" for name in one_log}
    assert {t.partitions for t in topics.values() if t.name not in alone} == {6}
    assert {topics[name].partitions for name in alone} == {1}
    assert topics["risk.hop.account"].config["retention.ms"] == "7200000"
    assert all(t.meaning for t in topics.values())


def test_names_are_the_houses_to_choose(catalogue: Catalogue) -> None:
    """A topic that is there already keeps its name."""
    settings = Settings(prefix="rs-", house_topics={"trades": "oms.fills"})
    assert {t.name for t in wanted_topics(settings, catalogue)} >= {"oms.fills", "rs-hop.loan", "rs-alerts"}


def test_a_broker_that_is_not_there_is_one_sentence(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    """No traceback of a client library."""
    monkeypatch.setattr("risk_stream.kafka.topics.PATIENCE_MS", 300)
    with pytest.raises(BrokerError, match=r"does not answer at .*: start it, or set RISK_STREAM_BROKER"):
        create_topics(f"127.0.0.1:{free_port()}", wanted_topics(Settings(), catalogue))


def test_what_must_outlive_everything_is_kept_for_ever(catalogue: Catalogue) -> None:
    """The windows and the plans by key, the decisions whole; what was mended as long as what was refused."""
    config = {t.name: t.config for t in wanted_topics(Settings(alert_retention_days=2), catalogue)}
    for_ever = {"retention.ms": "-1", "retention.bytes": "-1"}
    assert config["risk.state"] | {"segment.bytes": ""} == {
        "cleanup.policy": "compact,delete",
        **for_ever,
        "segment.bytes": "",
    }
    assert config["risk.plans"] == {"cleanup.policy": "compact", **for_ever}
    assert config["risk.audit"] == {"cleanup.policy": "delete", **for_ever}
    assert config["risk.mended"] == config["risk.rejects"]
    assert config["risk.mended"] == {"cleanup.policy": "delete", **for_ever, "retention.ms": "172800000"}


def test_topics_that_cannot_work_are_told(catalogue: Catalogue) -> None:
    """Lanes of unequal length, and a state that is not compacted."""
    settings = Settings(partitions=6)
    wanted = wanted_topics(settings, catalogue)
    fine = [TopicState(t.name, "", t.partitions, None, t.config["cleanup.policy"], 1) for t in wanted]
    assert disagreements(settings, catalogue, fine) == []
    assert disagreements(settings, catalogue, [replace(s, partitions=0) for s in fine]) == []
    assert disagreements(settings, catalogue, [replace(s, cleanup="") for s in fine]) == []  # a broker that says little
    short = [replace(s, partitions=4) if s.name == "risk.hop.loan" else s for s in fine]
    assert "risk.hop.loan 4" in disagreements(settings, catalogue, short)[0]
    lossy = [replace(s, cleanup="delete") if s.name == "risk.state" else s for s in fine]
    assert disagreements(settings, catalogue, lossy)[0].startswith(
        "risk.state is not compacted (cleanup.policy=delete)"
    )
    assert "risk.profiles is not compacted" in " ".join(
        disagreements(settings, catalogue, [replace(s, cleanup="delete") for s in fine])
    )
    for limit in ({"retention_hours": 168.0}, {"retention_bytes": 1 << 30}, {"retention_bytes": 0}):
        brief = [replace(s, **limit) for s in fine]
        assert [said.split(" does not keep")[0] for said in disagreements(settings, catalogue, brief)] == [
            "risk.state",
            "risk.audit",
            "risk.life",
        ]
    kept = [replace(s, retention_hours=math.inf, retention_bytes=-1) for s in fine]
    assert disagreements(settings, catalogue, kept) == []


@pytest.mark.live
def test_topics_are_created_once_and_described(kafka: Kafka, catalogue: Catalogue) -> None:
    """What is there is left alone."""
    topics = wanted_topics(Settings(prefix="described.", house_topics={}, alert_retention_days=2), catalogue)
    before = describe_topics(kafka.address, topics)
    assert not any(t.exists for t in before)
    assert set(create_topics(kafka.address, topics)) == {t.name for t in topics}
    assert create_topics(kafka.address, topics) == []
    alerts = next(t for t in describe_topics(kafka.address, topics) if t.name == "described.alerts")
    assert (alerts.partitions, alerts.retention_hours, alerts.cleanup, alerts.replication) == (4, 48, "delete", 1)
    state = next(t for t in describe_topics(kafka.address, topics) if t.name == "described.state")
    assert (state.partitions, state.retention_hours, state.retention_bytes) == (4, math.inf, -1)
    assert not state.is_limited
    assert alerts.is_limited
    assert set(state.cleanup.split(",")) == {"compact", "delete"}
