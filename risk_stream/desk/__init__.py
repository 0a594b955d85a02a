"""The desk: the one process of a house that decides what becomes of alerts among people, and writes it down."""

from __future__ import annotations

from risk_stream.desk.clerk import DeskClerk
from risk_stream.desk.gauges import DESK_METRICS
from risk_stream.desk.heads import HeadsError, HeadsFile, is_signed, make_key, private_key, public_key, signed
from risk_stream.desk.log import LifeLog
from risk_stream.desk.policy import PolicyError, read_policy

__all__ = [
    "DESK_METRICS",
    "DeskClerk",
    "HeadsError",
    "HeadsFile",
    "LifeLog",
    "PolicyError",
    "is_signed",
    "make_key",
    "private_key",
    "public_key",
    "read_policy",
    "signed",
]
