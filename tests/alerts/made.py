"""Alerts as the engine says them, with what a desk looks at."""

from __future__ import annotations

from typing import Any

from risk_stream.engine import Alert, alert_id

__all__ = ["alert"]


def alert(rule: str, event: str, *, revision: int = 1, status: str = "raised", **more: Any) -> Alert:
    """What `rule` says of `event`; severity, keys and the like may be given."""
    given: dict[str, Any] = {
        "severity": "high",
        "keys": {"customer": f"C{event}"},
        "mode": "live",
        "summary": f"{rule} {revision}",
        "features": {},
        "why": "",
    } | more
    return Alert(
        id=alert_id(rule, event),
        revision=revision,
        status=status,  # type: ignore[arg-type]
        rule=rule,
        rule_version="v",
        plan="p",
        hop="customer",
        stage="trading",
        score=1.0,
        action="",
        owner="desk",
        entity="SEC-SH",
        channel="",
        time=1_000,
        type="transfer",
        event=event,
        inexact=[],
        **given,
    )
