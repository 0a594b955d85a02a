"""How fast a desk decides: alerts that are raised, acknowledged and closed, each answered by an entry of the log."""

from __future__ import annotations

import gc
import time

import msgspec

from bench.report import table
from risk_stream.alerts import SEVERITIES, Act, Cause, Desk
from risk_stream.engine import Alert, alert_id
from risk_stream.garbage import collect_rarely
from tests.alerts.made import alert

__all__ = ["run"]

FULL, QUICK = 100_000, 20_000
CUSTOMERS = 5_000


def _alert(number: int) -> Alert:
    severity, keys = SEVERITIES[number % 4], {"customer": f"C{number % CUSTOMERS}", "account": f"A{number}"}
    return alert("r", str(number), severity=severity, keys=keys)


def run(quick: bool) -> dict[str, float]:
    """Inputs a second, bytes of an entry, and how fast a desk that takes over reads what was decided."""
    alerts = [msgspec.json.encode(_alert(number)) for number in range(QUICK if quick else FULL)]
    ids = [alert_id("r", str(number)) for number in range(len(alerts))]
    read, desk, log = msgspec.json.Decoder(Alert), Desk(), list[bytes | None]()
    began = time.process_time()
    for number, value in enumerate(alerts):
        log.append(desk.hear(read.decode(value), Cause("a", 0, number), number))
    for place, (kind, more) in enumerate((("acknowledge", {}), ("close", {"disposition": "known"}))):
        for number, id in enumerate(ids):
            act = Act(id=f"{kind}{number}", act=kind, by="wang", at=0, alerts=[id], **more)  # type: ignore[arg-type]
            log.append(desk.act(act, Cause("b", 0, place * len(ids) + number), number))
    took = time.process_time() - began
    before = gc.get_threshold()
    collect_rarely()  # as a desk has it
    heir, began = Desk(), time.process_time()
    for record in log:
        assert record is not None
        heir.memory.take(record)
    again = time.process_time() - began
    gc.set_threshold(*before)
    assert heir.memory.before == desk.memory.before
    per_second, per_entry = len(log) / took, sum(len(record or b"") for record in log) / len(log)
    table(
        ("a desk", "inputs/s", "bytes an entry", "entries/s read again"),
        [("raised, acknowledged, closed", per_second, per_entry, len(log) / again)],
    )
    return {
        "inputs_per_second": round(per_second),
        "bytes_per_entry": round(per_entry),
        "entries_per_second_read": round(len(log) / again),
    }
