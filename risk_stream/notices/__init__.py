"""Notices: who is told what of alerts, and when. Pure functions of `risk.life`, of what was told, and of the time.

The shell that follows the logs and sends is `risk_stream.post`; how it is set up is in docs/notices.md.
"""

from __future__ import annotations

from risk_stream.notices.cases import Cases, Sight, look
from risk_stream.notices.house import House, Storm
from risk_stream.notices.notice import Again, Notice, Outcome, Part, Record, notice_id, read_record
from risk_stream.notices.planner import Planned, Planner
from risk_stream.notices.read import DESK_FILE, ON_CALL_FILE, RECEIVERS_FILE, TEMPLATES, NoticesError, read_house
from risk_stream.notices.receivers import Quiet, Receiver
from risk_stream.notices.rotas import Instead, Rota, Shift
from risk_stream.notices.templates import Template
from risk_stream.notices.told import Tellings, Told
from risk_stream.notices.words import compose

__all__ = [
    "DESK_FILE",
    "ON_CALL_FILE",
    "RECEIVERS_FILE",
    "TEMPLATES",
    "Again",
    "Cases",
    "House",
    "Instead",
    "Notice",
    "NoticesError",
    "Outcome",
    "Part",
    "Planned",
    "Planner",
    "Quiet",
    "Receiver",
    "Record",
    "Rota",
    "Shift",
    "Sight",
    "Storm",
    "Tellings",
    "Template",
    "Told",
    "compose",
    "look",
    "notice_id",
    "read_house",
    "read_record",
]
