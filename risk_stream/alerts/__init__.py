"""An alert's life among people: what they may do with it, what became of it, and the log that cannot be changed.

Pure functions of what engine and people said, in the order in which one owner took it. What the engine says of an
alert (raised, changed, withdrawn) stands in `risk.alerts`, what people ask for in `risk.actions`; the owner decides
each and writes one `Entry` of `risk.life`, chained to the one before. Everything else (Redis, the console, notices,
precision) is a fold of these entries.
"""

from __future__ import annotations

from risk_stream.alerts.act import ACTS, DISPOSITIONS, Act, Kind, Ruling
from risk_stream.alerts.approvals import Approvals
from risk_stream.alerts.entry import Cause, Entry, digest, read_entry
from risk_stream.alerts.life import Case, Disposition, Life, Notice, Silence, Standing

__all__ = [
    "ACTS",
    "DISPOSITIONS",
    "Act",
    "Approvals",
    "Case",
    "Cause",
    "Disposition",
    "Entry",
    "Kind",
    "Life",
    "Notice",
    "Ruling",
    "Silence",
    "Standing",
    "digest",
    "read_entry",
]
