"""What is kept of a run that failed, for who looks into it: logs as text, and each event's way through the hops."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import orjson

from bench.chaos.compare import Difference
from bench.chaos.house import House
from bench.chaos.judge import Judgement
from risk_stream.catalogue import EventBatch, load_catalogue

__all__ = ["explain", "keep", "ways"]

#: Differences that are explained, and of how many events the ways are looked up.
EXPLAINED, FOLLOWED = 200, 50


def explain(judgement: Judgement, differences: Sequence[Difference]) -> list[str]:
    """Each difference with its event, where that came in, and all that was said of it."""
    lines = []
    for found in differences:
        rule, event = found.key
        lines.append(f"{found.how}: rule {rule}, event {event}")
        lines.append(f"    wanted {found.wanted}")
        lines.append(f"    got    {found.got}")
        for topic, partition, offset, taken in judgement.accepted.places.get(event, ()):
            lines.append(f"    came in {topic}/{partition} at {offset}: {'accepted' if taken else 'too late'}")
        if event in judgement.accepted.events:
            lines.append(f"    event  {judgement.accepted.events[event]}")
        for partition, offset, timestamp, alert in judgement.said.history.get(found.key, ()):
            said = {n: alert.get(n) for n in ("status", "revision", "plan", "hop", "features", "keys")}
            lines.append(f"    said   alerts/{partition}/{offset} at {timestamp}: {said}")
    return lines


def ways(house: House, events: Iterable[str]) -> dict[str, list[str]]:
    """Where each of some events stands in the hop topics: by whom it was sent there, and when."""
    wanted, catalogue = set(events), load_catalogue()
    found: dict[str, list[str]] = defaultdict(list)
    for topic in (t.name for t in house.wanted if ".hop." in t.name):
        for record in house.read(topic):
            if record.value[:1] == b"{":
                continue
            batch, meta = EventBatch.from_ipc(catalogue, record.value)
            ids = batch.table.column("id").to_pylist()
            for row, id in enumerate(ids):
                if id in wanted:
                    stamp, shown = int(batch.stamps[row]), {n: meta.get(n) for n in ("channel", "generation", "plan")}
                    place = f"{topic}/{record.partition} at {record.offset}.{row} at {record.timestamp}"
                    found[id].append(f"{place}: {shown}, stamp {stamp >> 20}.{stamp & (1 << 20) - 1}")
    return found


def keep(house: House, judgement: Judgement) -> None:
    """Write into the house's folder what Kafka will not say any more when it is gone."""
    told: Path = house.folder / "differences.txt"
    some = judgement.differences[:EXPLAINED]
    told.write_text("\n".join(explain(judgement, some)))
    settings = house.settings
    logs = (
        settings.alerts_topic,
        settings.audit_topic,
        settings.rejects_topic,
        settings.actions_topic,
        settings.life_topic,
    )
    for topic in logs:
        with (house.folder / f"{topic}.jsonl").open("wb") as out:
            for r in house.read(topic):
                out.write(orjson.dumps([r.partition, r.offset, r.timestamp]) + b" " + r.value + b"\n")
    events = [d.key[1] for d in some][:FOLLOWED]
    with (house.folder / "ways.txt").open("w") as text:
        for event, steps in ways(house, events).items():
            text.write("\n    ".join((event, *steps)) + "\n")
