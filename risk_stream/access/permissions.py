"""What there is to be allowed: the one list of permissions, and the roles a house begins with.

A route of the console names one of these words; nothing else decides who may ask for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["ACT_NEEDS", "PERMISSIONS", "PUBLIC", "ROLES", "SIGNED_IN"]

#: A route that answers anybody: whether the process lives, the pages' own files, signing in.
PUBLIC: Final = "public"
#: A route that answers whoever is known, whatever they may: who am I, sign me out.
SIGNED_IN: Final = "signed_in"

#: Each permission and what it lets a person do.
PERMISSIONS: Final[Mapping[str, str]] = {
    "see": "read alerts, cases, customers, loans, rules, models and the quality of data, personal data masked",
    "work": "acknowledge, assign, escalate, snooze, close, reopen and comment alerts",
    "silence": "have nobody told of certain alerts for a while, and end that",
    "reveal": "see personal data as it is; each time is written down",
    "compose": "keep views of one's own",
    "backtest": "run rules on the past from the page",
    "propose": "propose a plan, where rules are changed by four eyes",
    "approve": "approve a plan that somebody else proposed",
    "audit": "read who did what and when",
    "metrics": "read the console's own metrics",
}

#: The permission that each act needs (`risk_stream.alerts.ACTS`).
ACT_NEEDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("acknowledge", "assign", "escalate", "snooze", "wake", "close", "reopen", "comment"), "work"),
    **dict.fromkeys(("silence", "unsilence"), "silence"),
    "propose": "propose",
    "approve": "approve",
    "reveal": "reveal",
}

#: Roles where access.yaml declares none of that name.
ROLES: Final[Mapping[str, frozenset[str]]] = {
    "viewer": frozenset({"see", "compose"}),
    "officer": frozenset({"see", "compose", "work", "silence", "reveal"}),
    "author": frozenset({"see", "compose", "backtest", "propose", "approve"}),
    "admin": frozenset(PERMISSIONS),
}
