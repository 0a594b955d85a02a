"""The plain job on Bytewax: decoded in batches, a ring buffer per customer.

Usage: bytewax_ring.py BROKER TOPIC ALERTS THRESHOLD FOLDER [durable]

Its own windows slide in steps and say nothing as of an event, so the state is by hand, in plain Python objects. Without
recovery that is the fastest that is exact; `durable` saves what changed once a second, as risk-stream does.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import bytewax.operators as op  # type: ignore[import-not-found]
import orjson
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource  # type: ignore[import-not-found]
from bytewax.dataflow import Dataflow  # type: ignore[import-not-found]
from bytewax.recovery import RecoveryConfig, init_db_dir  # type: ignore[import-not-found]
from bytewax.testing import cluster_main  # type: ignore[import-not-found]
from ring import Ring, judge  # type: ignore[import-not-found]

broker, topic, alerts, limit, folder = sys.argv[1:6]
durable = sys.argv[6:] == ["durable"]
threshold = float(limit)


def decode(messages: list[Any]) -> list[tuple[str, dict[str, Any]]]:
    """Records of a fetch as (customer, payment)."""
    payments = [orjson.loads(message.value) for message in messages]
    return [(payment["customer"], payment) for payment in payments]


class Judge(op.StatefulBatchLogic):  # type: ignore[misc, type-arg, unused-ignore]
    """One customer."""

    def __init__(self, ring: Ring | None) -> None:
        self.ring = ring or Ring()

    def on_batch(self, values: list[dict[str, Any]]) -> tuple[Iterable[bytes], bool]:
        """Judge payments that came together."""
        found = []
        for payment in values:
            count, total = self.ring.add(payment["time"], payment["amount"])
            said = judge(payment, count, total, threshold)
            if said is not None:
                found.append(said)
        return found, False

    def snapshot(self) -> Any:
        """What recovery keeps; called only where it is on."""
        return copy.copy(self.ring)


flow = Dataflow("plain")
records = op.input("read", flow, KafkaSource([broker], [topic], tail=False, batch_size=2000))
payments = op.flat_map_batch("decode", records, decode)
said = op.stateful_batch("judge", payments, Judge)
messages = op.map("pack", said, lambda pair: KafkaSinkMessage(None, pair[1]))
op.output("write", messages, KafkaSink([broker], alerts, {"linger.ms": "20"}))

if durable:
    Path(folder).mkdir()
    init_db_dir(Path(folder), 1)
    cluster_main(flow, [], 0, epoch_interval=timedelta(seconds=1), recovery_config=RecoveryConfig(folder))
else:
    cluster_main(flow, [], 0)
