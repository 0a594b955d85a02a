"""What models are told of how people closed alerts: an `outcome` event for each event that an alert was of.

Where the policy names a label for an alert's rule or stage, one that was confirmed teaches it, and one that was a false
alarm teaches that. Both or neither: who told models of false alarms alone would teach them that nothing is ever bad.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from risk_stream.alerts.entry import Entry
from risk_stream.alerts.life import Life
from risk_stream.alerts.policy import Policy

__all__ = ["FALSE_ALARM", "OUTCOME_KEYS", "outcomes_of"]

FALSE_ALARM = "false_alarm"

#: Kinds of key that an `outcome` event may have: it goes to the hops that judged the event.
OUTCOME_KEYS = ("customer", "account", "loan", "instrument", "device", "counterparty")


def outcomes_of(entry: Entry, policy: Policy) -> Iterator[dict[str, Any]]:
    """The events that an entry says; said again from the same entry they have the same ids."""
    if entry.act is None or entry.act.act != "close":
        return
    for life in entry.lives:
        label = _label(life, policy)
        keys = {kind: key for kind in OUTCOME_KEYS if (key := life.keys.get(kind))}
        if label is not None and life.event and keys:
            yield {
                "id": f"outcome-{life.id}-{life.version}",
                "type": "outcome",
                "time": max(entry.time, life.time),  # what turned out is known after the event
                "of_event": life.event,
                "label": label,
                "entity": life.entity,
                **keys,
            }


def _label(life: Life, policy: Policy) -> str | None:
    confirmed = policy.outcome(life.rule, life.stage)
    if confirmed is None:
        return None
    return {"confirmed": confirmed, FALSE_ALARM: FALSE_ALARM}.get(life.disposition or "")
