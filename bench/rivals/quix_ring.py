"""The plain job on Quix Streams: a packed ring buffer per customer.

Usage: quix_ring.py BROKER TOPIC ALERTS THRESHOLD FOLDER [durable]

Its sliding window updates a window for every event in it, 120 times as much here; so the state is by hand, as
bytes. Without a changelog that is the fastest that is exact; `durable` keeps one. Runs until it is terminated.
"""

from __future__ import annotations

import struct
import sys
from typing import Any

import orjson
from quixstreams import Application, State  # type: ignore[import-not-found]
from ring import WINDOW_MS, judge  # type: ignore[import-not-found]

broker, topic, alerts, limit, folder = sys.argv[1:6]
threshold = float(limit)
ROW = struct.Struct("<qd")  # time, amount
TIME = struct.Struct("<q")
HEAD = struct.Struct("<d")  # sum


def step(payment: dict[str, Any], state: State) -> bytes | None:
    """Put the payment into its customer's rows; the alert, if a rule fires."""
    time, amount = payment["time"], payment["amount"]
    kept = state.get_bytes("ring")
    total, rows = (HEAD.unpack_from(kept)[0], kept[HEAD.size :]) if kept else (0.0, b"")
    total += amount
    gone, horizon = 0, time - WINDOW_MS
    while gone < len(rows) and TIME.unpack_from(rows, gone)[0] <= horizon:
        total -= ROW.unpack_from(rows, gone)[1]
        gone += ROW.size
    rows = rows[gone:] + ROW.pack(time, amount)
    state.set_bytes("ring", HEAD.pack(total) + rows)
    said: bytes | None = judge(payment, len(rows) // ROW.size, total, threshold)
    return said


app = Application(
    broker_address=broker,
    consumer_group=alerts,
    auto_offset_reset="earliest",
    auto_create_topics=True,
    use_changelog_topics=sys.argv[6:] == ["durable"],
    state_dir=folder,
    loglevel="WARNING",
)
frame = app.dataframe(app.topic(topic, value_deserializer="bytes", key_deserializer="str"))
frame = frame.apply(orjson.loads).apply(step, stateful=True).filter(lambda said: said is not None)
frame.to_topic(app.topic(alerts, value_serializer="bytes", key_serializer="str"))
app.run()
