"""What others' tools are told of a house: its open alerts and silences, for an Alertmanager to show.

Alerts about customers are notified by us alone (the desk's log says of what, `risk-stream notices` to whom); an
Alertmanager gets them to be looked at beside what it says of the platform, and sends them to nobody.
"""

from __future__ import annotations

from risk_stream.watch.alertmanager import Alertmanager, AlertmanagerError
from risk_stream.watch.board import Board, alert_of, labels_of, silence_of
from risk_stream.watch.metrics import MIRROR_METRICS
from risk_stream.watch.mirror import Mirror

__all__ = [
    "MIRROR_METRICS",
    "Alertmanager",
    "AlertmanagerError",
    "Board",
    "Mirror",
    "alert_of",
    "labels_of",
    "silence_of",
]
