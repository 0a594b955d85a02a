"""What models are told of how people closed alerts: of all that they confirm or refute, or of nothing."""

from __future__ import annotations

import pytest

from risk_stream.alerts import Policy, outcomes_of, read_entry
from risk_stream.catalogue import Decoder, load_catalogue
from tests.alerts.test_desk import NOON, Office

POLICY = Policy(outcome_of_rule={"pump": "manipulation"}, outcome_of_stage={"trading": "fraud"})


def said(office: Office) -> list[dict[str, object]]:
    return list(outcomes_of(read_entry(office.log[-1]), office.desk.policy))


@pytest.mark.parametrize(
    ("rule", "disposition", "label"),
    [
        ("pump", "confirmed", "manipulation"),
        ("other", "confirmed", "fraud"),
        ("pump", "false_alarm", "false_alarm"),
        ("pump", "known", None),
        ("pump", "other", None),
    ],
)
def test_a_closed_alert_says_what_was_true_of_its_event(rule: str, disposition: str, label: str | None) -> None:
    """With the alert's keys, so that it reaches the hops that judged it; it is an event that can be admitted."""
    office = Office(POLICY)
    life = office.hear(rule, "e7")
    assert life is not None
    assert said(office) == []
    office.act("close", life.id, disposition=disposition)
    outcomes = said(office)
    assert [one["label"] for one in outcomes] == ([] if label is None else [label])
    for one in outcomes:
        assert (one["of_event"], one["customer"], one["time"]) == ("e7", "Ce7", NOON)
        assert one["id"] == f"outcome-{life.id}-2"
    import orjson

    batch, _, refused = Decoder(load_catalogue()).decode([orjson.dumps(one) for one in outcomes], str)
    assert (len(batch), refused) == (len(outcomes), [])


def test_where_no_label_is_declared_nothing_is_said() -> None:
    """Not of false alarms either: models would learn that nothing is ever bad."""
    office = Office(Policy(outcome_of_rule={"pump": "manipulation"}))
    life = office.hear("other", "e7")
    assert life is not None
    office.act("close", life.id, disposition="false_alarm")
    assert said(office) == []


def test_a_refused_close_says_nothing() -> None:
    """The second of two."""
    office = Office(POLICY)
    life = office.hear("pump", "e7")
    assert life is not None
    office.act("close", life.id, disposition="confirmed")
    office.act("close", life.id, disposition="false_alarm")
    assert said(office) == []
