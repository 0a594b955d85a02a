"""A house with something to look at: a simulated market with frauds in it, the shipped rules, a desk and a console."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from risk_stream.calendars import shipped
from risk_stream.catalogue import load_catalogue
from risk_stream.cli.metrics import read_numbers
from risk_stream.post import HouseSource, PostOffice
from risk_stream.simulate import Market, to_kafka
from tests.access.served import token_for
from tests.console.running import running_console
from tests.desk.running import running, running_desk
from tests.live.house import House, Worker, eventually, transfer
from tests.notices.servers import Inbox, web_hook

__all__ = ["Scene", "scene_of"]

SHIPPED = Path(__file__).parents[3]

PEOPLE = """
people:
  wang: {name: Wang Fang, roles: [officer], entities: all}
  li: {name: Li Na, roles: [author], entities: all}
  zhao: {name: Zhao Lei, roles: [admin], entities: all}
  chen: {roles: [viewer], entities: all}
"""

#: Frauds of the first days: (kind of episode, day).
EPISODES = (
    *(("velocity_burst", 1), ("many_lenders", 1), ("account_takeover", 2), ("structuring", 3), ("wash_trades", 3)),
    *(("loan_into_market", 4), ("mule_account", 4), ("layering", 5), ("marking_the_close", 5), ("pump_and_dump", 2)),
)
DAYS, CUSTOMERS = 8, 200


@dataclass
class Scene:
    """What is there; `burst` has one more alert come."""

    house: House
    address: str
    tokens: dict[str, str]
    end: int  # the simulated time after which nothing has happened yet, ms
    on_call: Inbox  # what who is on call was told
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))

    def burst(self, account: str) -> None:
        """Eight transfers out of an account within a minute, of which the rule `transfer-burst` says something."""
        self.end += 120_000
        events = [
            transfer(f"B{self.end}-{n}", account, 900.0 + n, time=self.end + n * 5_000, customer=f"C{account}")
            for n in range(8)
        ]
        self._pool.submit(self.house.send, events).result()  # a browser's loop runs in this thread

    def told(self, account: str) -> int:
        """How many notices who is on call had of an account."""
        return sum(account in arrival.text for arrival in self.on_call.arrivals)


@contextlib.contextmanager
def scene_of(house: House, folder: Path) -> Iterator[Scene]:
    """The house with its worker, desk and console, once all of the market is judged."""
    (folder / "access.yaml").write_text(PEOPLE)
    house.environment |= {
        "RULES": json.dumps([str(SHIPPED / "rules")]),
        "CLOCK": "simulated",
        "REDIS_DAYS": 36_500,
        "PEOPLE": str(folder),
        "CONSOLE_PORT": 0,
        "DESK_PORT": 0,
        "NOTICES_PORT": 0,
    }
    worker = Worker(house).start()
    house.environment["METRICS_PORT"] = worker.metrics_port  # where the console asks workers what rules and models cost
    try:
        with web_hook() as hook, running_desk(house.settings), running_console(house.settings) as console:
            worker.ready()
            end = _told(house, worker)
            names = ("wang", "li", "zhao", "chen")
            tokens = {name: token_for(folder, name) for name in names}
            with _post(house, folder, hook.url):
                yield Scene(house, console.address, tokens, end, hook)
    finally:
        worker.stop()


def _post(house: House, folder: Path, url: str) -> contextlib.AbstractContextManager[None]:
    """Who is on call is told of each case by itself, by a web hook."""
    (folder / "receivers.yaml").write_text(f"receivers:\n  on-call: {{url: '{url}', role: officer}}\n")
    (folder / "desk.yaml").write_text("levels: [[officer]]\nstorm: {cases: 1000, at_once: 1000}\n")
    source = HouseSource(folder, shipped())
    return running(lambda: PostOffice(house.settings, source, load_catalogue(), lambda _: None))


def _told(house: House, worker: Worker) -> int:
    """Send the market and wait until all of it is judged; the time of its end, ms."""
    market = Market(11, customers=CUSTOMERS, days=DAYS, episodes=EPISODES, instruments=20, tick_minutes=30)
    topics = {kind: f"{house.name}.{kind}" for kind in ("trades", "loans", "reference")}
    sent = asyncio.run(to_kafka(house.broker, market.slices(500), topics=topics))

    def judged() -> Any:
        now = read_numbers(worker.metrics_port)
        return now.events + now.rejects >= sent and now.lag == 0

    assert eventually(judged, within=60), worker.log
    return market.start_ms + DAYS * 86_400_000
