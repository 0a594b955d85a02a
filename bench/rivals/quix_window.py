"""The plain job on Quix Streams' own sliding window, with its defaults.

Usage: quix_window.py BROKER TOPIC ALERTS THRESHOLD FOLDER. Runs until it is terminated.
"""

from __future__ import annotations

import sys
from typing import Any

from quixstreams import Application  # type: ignore[import-not-found]
from quixstreams.dataframe.windows import Count, Latest, Sum  # type: ignore[import-not-found]
from ring import WINDOW_MS, judge  # type: ignore[import-not-found]

broker, topic, alerts, limit, folder = sys.argv[1:6]
threshold = float(limit)


def alert(window: dict[str, Any]) -> bytes | None:
    """What there is to say of the event that a window ends with."""
    payment = {"id": window["id"], "quantity": window["quantity"]}
    said: bytes | None = judge(payment, window["count"], window["sum"], threshold)
    return said


app = Application(
    broker_address=broker,
    consumer_group=alerts,
    auto_offset_reset="earliest",
    auto_create_topics=True,  # of its changelog
    state_dir=folder,
    loglevel="WARNING",
)
read = app.topic(
    topic,
    value_deserializer="json",
    key_deserializer="str",
    timestamp_extractor=lambda value, *_: value["time"],
)
windows = app.dataframe(read).sliding_window(WINDOW_MS - 1)  # both of its ends belong to it
frame = windows.agg(count=Count(), sum=Sum("amount"), id=Latest("id"), quantity=Latest("quantity")).current()
frame = frame.apply(alert).filter(lambda said: said is not None)
frame.to_topic(app.topic(alerts, value_serializer="bytes", key_serializer="str"))
app.run()
