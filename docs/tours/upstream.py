"""A system before us, for the tour of who is on call: since its release of today it calls the account `acct`."""

from __future__ import annotations

import asyncio
import os

import orjson
from aiokafka import AIOKafkaProducer

#: What it sends, on a day of the demo's market; one at a time, as it happens.
TRANSFERS = [
    {"id": f"core-{n}", "type": "transfer", "time": f"2026-04-29T10:0{n}:00+08:00", "acct": "A000197",
     "customer": "C000197", "device": "D000197", "counterparty": "P1", "direction": "out", "amount": 500.0 + n}
    for n in range(3)
]  # fmt: skip


async def send() -> None:
    """Send them to the house's topic of trades."""
    producer = AIOKafkaProducer(bootstrap_servers=os.environ["RISK_STREAM_BROKER"])
    await producer.start()
    try:
        for transfer in TRANSFERS:
            await producer.send_and_wait("risk.trades", orjson.dumps(transfer))
            await asyncio.sleep(1)
    finally:
        await producer.stop()


if __name__ == "__main__":
    asyncio.run(send())
