"""How a house works its alerts: what makes a case, how long things are remembered, how long they may be put off."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DAY_MS", "SEVERITIES", "Policy"]

#: From the least to the most severe.
SEVERITIES = ("info", "low", "medium", "high", "critical")

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Policy:
    """Periods in ms. The kinds of key that a case may be of stand in the order in which they are asked for."""

    case_by: tuple[str, ...] = (
        "group",
        "customer",
        "account",
        "loan",
        "instrument",
        "device",
        "counterparty",
    )
    quiet_ms: int = DAY_MS  # after the last of a case's alerts is closed, and nothing came for so long, it is over
    remember_ms: int = 90 * DAY_MS  # closed lives, ended silences and acts are forgotten after this
    longest_snooze_ms: int = 7 * DAY_MS
    longest_silence_ms: int = 30 * DAY_MS
