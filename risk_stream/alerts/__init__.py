"""An alert's life among people: what they may do with it, what became of it, and the log that cannot be changed.

Pure functions of what engine and people said, in the order in which one owner took it. What the engine says of an
alert (raised, changed, withdrawn) stands in `risk.alerts`, what people ask for in `risk.actions`; the owner decides
each and writes one `Entry` of `risk.life`, chained to the one before. Everything else (Redis, the console, notices,
precision) is a fold of these entries.
"""

from __future__ import annotations

from risk_stream.alerts.act import ACTS, DISPOSITIONS, MOST_ACT_BYTES, Act, Kind, Ruling
from risk_stream.alerts.approvals import Approvals
from risk_stream.alerts.chain import broken
from risk_stream.alerts.desk import Desk
from risk_stream.alerts.entry import Cause, Entry, digest, read_entry
from risk_stream.alerts.heads import Head, amiss, read_heads, signed_text
from risk_stream.alerts.life import Case, Disposition, Life, Silence, Standing
from risk_stream.alerts.memory import Memory
from risk_stream.alerts.outcomes import outcomes_of
from risk_stream.alerts.policy import KINDS, SEVERITIES, Inhibit, Policy, circle
from risk_stream.alerts.room import MOST_AT_ONCE, MOST_BYTES
from risk_stream.alerts.silences import matches, why_not

__all__ = [
    "ACTS",
    "DISPOSITIONS",
    "KINDS",
    "MOST_ACT_BYTES",
    "MOST_AT_ONCE",
    "MOST_BYTES",
    "SEVERITIES",
    "Act",
    "Approvals",
    "Case",
    "Cause",
    "Desk",
    "Disposition",
    "Entry",
    "Head",
    "Inhibit",
    "Kind",
    "Life",
    "Memory",
    "Policy",
    "Ruling",
    "Silence",
    "Standing",
    "amiss",
    "broken",
    "circle",
    "digest",
    "matches",
    "outcomes_of",
    "read_entry",
    "read_heads",
    "signed_text",
    "why_not",
]
