"""A house's past, read back from its topics: events of some keys or all, what was refused, and what came too late.

`past_of` and `spool` read events; `read_rejects` and `replay` work what was refused; `recover` judges what came too
late, `rebuild` fills Redis anew from the logs.
"""

from __future__ import annotations

from risk_stream.stream.past.history import History, in_order, past_of
from risk_stream.stream.past.mending import Mend, mended, read_mends
from risk_stream.stream.past.rebuild import RebuildError, Rebuilt, rebuild
from risk_stream.stream.past.recover import Recovered, recover
from risk_stream.stream.past.rejects import (
    Choice,
    Mended,
    Rejected,
    Replayed,
    names_in,
    read_rejects,
    rejected_of,
    replay,
    send_all,
)
from risk_stream.stream.past.spool import Spooled, TooMuchError, merged, spool

__all__ = [
    "Choice",
    "History",
    "Mend",
    "Mended",
    "RebuildError",
    "Rebuilt",
    "Recovered",
    "Rejected",
    "Replayed",
    "Spooled",
    "TooMuchError",
    "in_order",
    "mended",
    "merged",
    "names_in",
    "past_of",
    "read_mends",
    "read_rejects",
    "rebuild",
    "recover",
    "rejected_of",
    "replay",
    "send_all",
    "spool",
]
