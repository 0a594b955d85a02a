"""What others' tools are told of a house: its open alerts and silences, and whether events come through every hop.

Alerts about customers are notified by us alone (the desk's log says of what, `risk-stream notices` to whom); an
Alertmanager gets them to be looked at beside what it says of the platform, and sends them to nobody.
"""

from __future__ import annotations

from risk_stream.watch.alertmanager import Alertmanager, AlertmanagerError
from risk_stream.watch.board import Board, alert_of, labels_of, silence_of
from risk_stream.watch.canary import Canary
from risk_stream.watch.metrics import CANARY_METRICS, MIRROR_METRICS
from risk_stream.watch.mirror import Mirror

__all__ = [
    "CANARY_METRICS",
    "MIRROR_METRICS",
    "Alertmanager",
    "AlertmanagerError",
    "Board",
    "Canary",
    "Mirror",
    "alert_of",
    "labels_of",
    "silence_of",
]
