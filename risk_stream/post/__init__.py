"""The post: the one process of a house that tells people of alerts, as `risk_stream.notices` plans it."""

from __future__ import annotations

from risk_stream.post.address import AddressError, address_of, target_of
from risk_stream.post.channel import Tried, deliver
from risk_stream.post.metrics import NOTICE_METRICS
from risk_stream.post.office import PostOffice
from risk_stream.post.seal import SealError, make_keys, open_text, seal_text
from risk_stream.post.source import HouseSource
from risk_stream.post.telling import read_tellings

__all__ = [
    "NOTICE_METRICS",
    "AddressError",
    "HouseSource",
    "PostOffice",
    "SealError",
    "Tried",
    "address_of",
    "deliver",
    "make_keys",
    "open_text",
    "read_tellings",
    "seal_text",
    "target_of",
]
