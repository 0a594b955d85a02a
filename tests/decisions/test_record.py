"""A decision says what the judgement of a table says, under the application's name."""

from __future__ import annotations

from typing import Any

import msgspec

from risk_stream.decisions import Decision, decision_of
from risk_stream.engine import Decided


def judgement(**said: Any) -> Decided:
    """A judgement of a table about the application A1."""
    base: dict[str, Any] = {
        "id": "0",
        "revision": 7 << 20,
        "rule": "consumer-loans",
        "rule_version": "abc",
        "plan": "def",
        "hop": "customer",
        "stage": "pre_loan",
        "severity": "info",
        "score": 0.0,
        "action": "decide",
        "owner": "retail-credit",
        "mode": "live",
        "entity": "bank",
        "channel": "app",
        "time": 1_700_000_000_000,
        "type": "application",
        "event": "A1",
        "keys": {"loan": "L1", "customer": "C1"},
        "features": {"points": 612},
        "inexact": [],
        "summary": "approve: a good score",
        "why": "",
        "verdict": "approve",
        "row": 3,
        "limit": 50_000.0,
        "rate_from": 0.048,
        "rate_to": 0.06,
        "points": 612.0,
        "reasons": ["a good score"],
    }
    return Decided(**(base | said))


def test_a_first_judgement_is_revision_zero_under_the_applications_name() -> None:
    found = decision_of(judgement())
    assert (found.id, found.loan, found.customer, found.revision) == ("A1", "L1", "C1", 0)
    assert (found.verdict, found.limit, found.rate_from, found.rate_to) == ("approve", 50_000.0, 0.048, 0.06)
    assert (found.table, found.version, found.plan, found.score) == ("consumer-loans", "abc", "def", 612.0)
    assert found.by == "engine"


def test_what_a_late_event_changed_has_a_higher_revision() -> None:
    later = decision_of(judgement(status="changed", was={"points": 612}, verdict="refer", limit=None, revision=9 << 20))
    assert later.revision == 9 << 20
    assert later.verdict == "refer"


def test_a_decision_is_read_back_from_its_json_as_it_was() -> None:
    found = decision_of(judgement(request="f00d"))
    assert msgspec.json.decode(found.to_json(), type=Decision) == found
