"""A customer's standing risk: what alerts of all stages add up to, as a grade, a score and labels that fade with time.

Pure functions of contributions (what each alert adds, by its highest revision), a policy (`profile:` in a rule file)
and a time. Neither the order of the alerts nor how often each is said makes a difference.
"""

from __future__ import annotations

from risk_stream.profiles.fading import at, next_change
from risk_stream.profiles.policy import (
    DEFAULT_MOST,
    Exceptional,
    Held,
    Mark,
    Policy,
    Resolved,
    Selector,
    Weight,
    resolve,
)
from risk_stream.profiles.profile import (
    KINDS,
    Contribution,
    Floor,
    Kind,
    Label,
    Profile,
    Reason,
    Rest,
    left,
    profile_of,
    worth,
)
from risk_stream.profiles.record import Past, Record, changes, in_words, past_of, record_of

__all__ = [
    "DEFAULT_MOST",
    "KINDS",
    "Contribution",
    "Exceptional",
    "Floor",
    "Held",
    "Kind",
    "Label",
    "Mark",
    "Past",
    "Policy",
    "Profile",
    "Reason",
    "Record",
    "Resolved",
    "Rest",
    "Selector",
    "Weight",
    "at",
    "changes",
    "in_words",
    "left",
    "next_change",
    "past_of",
    "profile_of",
    "record_of",
    "resolve",
    "worth",
]
