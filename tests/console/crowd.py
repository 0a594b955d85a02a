"""A house of two entities with somebody of each role in one of them, on real Kafka and Redis, and its console."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import orjson

from risk_stream.access import ROLES
from risk_stream.catalogue import load_catalogue
from risk_stream.console import Console
from risk_stream.kafka import create_topics, wanted_topics
from risk_stream.settings import Settings
from risk_stream.stream.letters.messages import alert_to
from risk_stream.stream.past import send_all
from tests.access.served import Browser, token_for
from tests.alerts.made import alert
from tests.console.running import running_console
from tests.desk.running import running_desk
from tests.live.house import RULES, eventually

__all__ = ["FAR", "MARKS", "NEAR", "Crowd", "crowd"]

NOW = int(time.time() * 1000)
SCRIPT = '<script>alert("x")</script><img src=x onerror=alert(1)>'


@dataclass(frozen=True)
class Subject:
    """One entity's alert, and whom and what it is about."""

    entity: str
    customer: str
    account: str
    loan: str
    alert: Any
    events: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


def _subject(name: str, entity: str, summary: str) -> Subject:
    keys = {"customer": f"C{name}", "account": f"A{name}", "loan": f"L{name}"}
    whose = {"customer": keys["customer"], "entity": entity}
    said = alert("third", f"T{name}", keys=keys, summary=summary)
    person = {"name": f"Mr {name}", "id_number": "110101199003078515", "segment": "retail"}
    step = {"loan": keys["loan"], "step": "intake"}
    moved = {"account": keys["account"], "amount": 7.0, "direction": "out"}
    events = {
        "trades": [{"id": f"T{name}", "type": "transfer", "time": NOW - 60_000, **whose, **moved}],
        "reference": [{"id": f"K{name}", "type": "customer", "time": NOW - 90_000, **whose, **person}],
        "loans": [{"id": f"S{name}", "type": "process_step", "time": NOW - 80_000, **whose, **step}],
    }
    said = msgspec.structs.replace(said, entity=entity, time=NOW - 60_000, features={"count_10m": 3})
    return Subject(entity, keys["customer"], keys["account"], keys["loan"], said, events)


NEAR = _subject("NEAR", "SEC-SH", f"near {SCRIPT}")
FAR = _subject("FAR", "SEC-SZ", "farthing")

#: What nobody of the near entity may ever be sent.
MARKS = (FAR.entity, FAR.customer, FAR.account, FAR.loan, FAR.alert.id, FAR.alert.event, "farthing", "Mr FAR", "KFAR")


@dataclass
class Crowd:
    """The console, and how everybody asks it: `near` by role, "" is nobody; `far` is an admin of all entities."""

    console: Console
    near: dict[str, Browser]
    far: Browser
    near_case: str = ""
    far_case: str = ""

    def again(self, browser: Browser) -> Browser:
        """A browser that was not there before, with the same token."""
        return Browser(browser.address, browser.token)


@contextmanager
def crowd(broker: str, redis: str, name: str, folder: Path) -> Iterator[Crowd]:
    """The house `name`, until the end of the block."""
    (folder / "rules").mkdir()
    (folder / "rules" / "rules.yaml").write_text(RULES)
    near = "".join(f"  {role}: {{roles: [{role}], entities: [{NEAR.entity}]}}\n" for role in ROLES)
    (folder / "access.yaml").write_text(f"people:\n{near}  all: {{roles: [officer, author, admin], entities: all}}\n")
    settings = Settings(
        broker=broker,
        redis=redis,
        redis_prefix=f"{name}:",
        prefix=f"{name}.",
        group=name,
        house_topics={family: f"{name}.{family}" for family in NEAR.events},
        partitions=1,
        people=folder,
        rules=[folder / "rules"],
        console_port=0,
    )
    create_topics(broker, wanted_topics(settings, load_catalogue()))
    sent = [
        (f"{name}.{family}", None, orjson.dumps(event), 0)
        for subject in (NEAR, FAR)
        for family, events in subject.events.items()
        for event in events
    ]
    said = [alert_to(settings.alerts_topic, subject.alert, 1) for subject in (NEAR, FAR)]
    asyncio.run(send_all(broker, [*sent, *((one.topic, one.key, one.value, one.partition) for one in said)]))
    tokens = {name: token_for(folder, name) for name in (*ROLES, "all")}
    with running_desk(settings), running_console(settings) as console:
        everybody = {name: Browser(console.address, token) for name, token in tokens.items()}
        found = Crowd(console, {"": Browser(console.address)} | everybody, everybody.pop("all"))
        del found.near["all"]
        rows = eventually(lambda: _begun(found.far))
        assert rows, "the desk has begun their lives"
        found.near_case, found.far_case = (rows[subject.alert.id]["case"] for subject in (NEAR, FAR))
        yield found


def _begun(browser: Browser) -> dict[str, dict[str, Any]]:
    rows = {row["id"]: row for row in browser.get("/v1/alerts").json["items"] if row["version"]}
    return rows if len(rows) == 2 else {}
