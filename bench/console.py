"""The console with a million alerts: how soon lists answer, and what 200 that look on cost at 50 changes a second."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import random
import shutil
import socket
import time
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode

import aiohttp
import msgspec
import numpy as np
import psutil
from playwright.sync_api import sync_playwright

from bench.console_house import ENTITIES, RULES, SCOPES, STAGES, Busy, Served, console
from bench.live import cpu_seconds, pin, servers
from bench.report import table
from risk_stream.alerts import DISPOSITIONS, SEVERITIES

__all__ = ["run"]

ALERTS, QUICK_ALERTS, NOT_CLOSED = 1_000_000, 100_000, 10_000
ASKED, QUICK_ASKED = 600, 200
LOOKERS, STALLED, RATE = 200, 3, 50.0
SECONDS, QUICK_SECONDS = 30.0, 6.0
#: How long it is waited for stalled clients to be dropped, and for the last change to arrive, s.
LONGEST_STALL, LAST = 60.0, 10.0
SORTS = ("time", "since", "severity", "score", "rule", "entity", "assignee", "changed", "id")


def run(quick: bool) -> dict[str, float]:
    """Lists, then lookers, then pages; tables of each."""
    alerts = QUICK_ALERTS if quick else ALERTS
    with servers() as (broker, redis), console(broker, redis, alerts, min(NOT_CLOSED, alerts // 10)) as served:
        pin(served.process.pid)
        lists = _lists(served, QUICK_ASKED if quick else ASKED)
        looked = asyncio.run(_look_on(served, QUICK_SECONDS if quick else SECONDS))
        pages = _pages(served, 3)
        resident = psutil.Process(served.process.pid).memory_info().rss
    print(
        f"{alerts:,} alerts, of which {NOT_CLOSED:,} are not closed, were read from Kafka in {served.seconds:.1f} s\n"
    )
    table(("list", "answers", "p50 ms", "p99 ms", "longest ms", "p99 on core ms"), lists)
    said = ("core used", "messages/s", "stalled, dropped", "others dropped", "views that differ")
    table(("looking on", *said), [(f"{LOOKERS} at {RATE:.0f}/s", *(looked[name] for name in said))])
    table(("page", "ready ms"), pages)
    return {
        "cpu_share": round(float(looked["core used"]), 3),
        "page_ready_ms": round(max(ms for _, ms in pages), 1),
        "list_p99_ms": round(max(row[3] for row in lists), 1),
        "list_core_p99_ms": round(max(row[5] for row in lists), 1),
        "dropped_clients": int(looked["others dropped"]),
        "lost_updates": int(looked["views that differ"]),
        "stalled_dropped": int(looked["stalled, dropped"]),
        "start_seconds": round(served.seconds, 1),
        "alerts": alerts,
        "resident_mib": round(resident / (1 << 20)),
    }


# Lists


def _lists(served: Served, asked: int) -> list[tuple[str, int, float, float, float, float]]:
    """Each list route of the API's document: any three filters, an order, a page deep inside, of some entities."""
    line = http.client.HTTPConnection("127.0.0.1", served.settings.console_port, timeout=30)
    said = _ask(line, "", "/v1/openapi.json")[1]["paths"]
    found = []
    for path, ways in said.items():
        params = {param["name"] for param in ways.get("get", {}).get("parameters", ())}
        if "{" in path or not {"limit", "offset"} <= params:
            continue
        chance, took, used = random.Random(path), list[float](), list[float]()
        _ask(line, served.tokens["anna"], path)  # the first has to read rules, and the like
        while len(took) < (asked if path == "/v1/alerts" else asked // 10):
            token = served.tokens[chance.choice([name for name, seen in SCOPES.items() if seen])]
            filters, total = _filters(chance) if path == "/v1/alerts" else {}, 0
            for deep in (False, True):
                offset = chance.randrange(max(1, total)) if deep else 0
                began = _on_core(served.process.pid)
                ms, answer = _ask(line, token, path, **filters, offset=offset)
                took.append(ms)
                used.append(_on_core(served.process.pid) - began)
                total = answer["total"]
                assert len(answer["items"]) == min(50, total - offset), (path, filters, offset)
        p50, p99, longest = np.percentile(took, [50, 99, 100])
        found.append((path, len(took), float(p50), float(p99), float(longest), float(np.percentile(used, 99))))
    return found


def _on_core(pid: int) -> float:
    """Processor time of a process's first thread, ms: of an answer it is the same on a machine that others use too."""
    return int(Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[0]) / 1e6


def _ask(line: http.client.HTTPConnection, token: str, path: str, **params: object) -> tuple[float, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    began = time.perf_counter()
    line.request("GET", f"{path}?{urlencode(params)}" if params else path, headers=headers)
    answer = line.getresponse()
    body = answer.read()
    took = (time.perf_counter() - began) * 1000
    assert answer.status == 200, (path, params, body[:300])
    return took, json.loads(body)


def _filters(chance: random.Random) -> dict[str, str]:
    """Three filters of those that there are, and an order."""
    some = {
        "standing": ",".join(chance.sample(("open", "acknowledged", "closed"), 2)),
        "severity": ",".join(chance.sample(SEVERITIES, 2)),
        "stage": ",".join(chance.sample(STAGES, 2)),
        "rule": ",".join(chance.sample(RULES, 40)),
        "entity": ",".join(chance.sample(ENTITIES, 3)),
        "assignee": ",".join(chance.sample(("nobody", *SCOPES), 3)),
        "disposition": ",".join(chance.sample(DISPOSITIONS, 2)),
        "from": str(int(time.time() * 1000) - chance.randrange(30 * 86_400_000)),
        "q": chance.choice(("transfers", "away new device", "lenders", "c0001", "转入", "12", "minutes transfers")),
    }
    sort = chance.choice(("", "-")) + chance.choice(SORTS)
    return {name: some[name] for name in chance.sample(sorted(some), 3)} | {"sort": sort}


# Those that look on


class _Looker:
    """Follows what changes as a page does: rows that changed are put in their places, and after a gap all is asked."""

    def __init__(self, served: Served, name: str, http: aiohttp.ClientSession, since: int) -> None:
        self.name, self.versions, self.connected = name, dict[str, int](), 0
        self._address, self._http, self._since = served.address, http, since
        self._headers = {"Authorization": f"Bearer {served.tokens[name]}"}

    async def run(self, on: asyncio.Event) -> None:
        """Until cancelled; `on` is set once it is told of changes."""
        while True:
            with contextlib.suppress(aiohttp.ClientError, ConnectionError):
                async with self._http.get(f"{self._address}/v1/stream", headers=self._headers) as line:
                    self.connected += 1
                    if self.connected > 1:
                        await self.ask_all()
                    await self._follow(line, on)
            await asyncio.sleep(1)

    async def ask_all(self) -> None:
        """All that changed since the beginning, by pages."""
        offset, again = 0, True
        while again:
            params = {"sort": "-changed", "limit": "200", "offset": str(offset)}
            async with self._http.get(f"{self._address}/v1/alerts", headers=self._headers, params=params) as answer:
                rows = [row for row in (await answer.json())["items"] if row["changed"] >= self._since]
            self._put(rows)
            offset, again = offset + 200, len(rows) == 200

    async def _follow(self, line: aiohttp.ClientResponse, on: asyncio.Event) -> None:
        name = b""
        async for said in line.content:
            if said.startswith(b"event: "):
                name = said[7:].strip()
                on.set()
            elif said.startswith(b"data: ") and name == b"alerts":
                changes = _CHANGES.decode(said[6:])
                self._put(changes["changed"])
                if changes["more"]:
                    await self.ask_all()

    def _put(self, rows: list[dict[str, Any]]) -> None:
        for row in rows:
            self.versions[row["id"]] = max(row["version"], self.versions.get(row["id"], 0))


_CHANGES: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder()


async def _stall(served: Served, name: str, until: asyncio.Event) -> None:
    """Asks for what changes and reads none of it, as one whose machine sleeps; then finds that the line is dead."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", served.settings.console_port))
        head = f"GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {served.tokens[name]}\r\n\r\n"
        sock.sendall(head.encode())
        await until.wait()


async def _look_on(served: Served, seconds: float) -> dict[str, float]:
    """Clients that follow what changes while it does; what that takes, and whose view is not the desk's at the end."""
    busy, since, resume = Busy(served.settings, RATE), int(time.time() * 1000), asyncio.Event()
    before = served.figures().get("risk_stream_console_dropped_clients_total", 0.0)
    options: dict[str, Any] = {"connector": aiohttp.TCPConnector(limit=0), "timeout": aiohttp.ClientTimeout(total=None)}
    async with aiohttp.ClientSession(**options, read_bufsize=1 << 20) as http:
        names = [name for number in range(LOOKERS) for name in [[*SCOPES][number % len(SCOPES)]]]
        lookers = [_Looker(served, name, http, since) for name in names]
        on = [asyncio.Event() for _ in lookers]
        late = lookers[:STALLED]  # these begin as stalled ones, and look on once they were dropped

        async def stalled(looker: _Looker, event: asyncio.Event) -> None:
            await _stall(served, looker.name, resume)
            looker.connected = 1
            await looker.run(event)

        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task((stalled if looker in late else _Looker.run)(looker, event))
                for looker, event in zip(lookers, on, strict=True)
            ]
            await asyncio.gather(*(event.wait() for event in on[STALLED:]))
            writing = group.create_task(busy.run())
            await asyncio.sleep(1)
            used, sent, began = cpu_seconds(served.process.pid), served.figures(), time.monotonic()
            await asyncio.sleep(seconds)
            share = (cpu_seconds(served.process.pid) - used) / (time.monotonic() - began)
            messages = (await asyncio.to_thread(served.figures))["risk_stream_console_messages_total"]
            messages -= sent["risk_stream_console_messages_total"]
            dropped = await _dropped(served, before)
            resume.set()
            await asyncio.gather(*(event.wait() for event in on[:STALLED]))
            await asyncio.sleep(1)
            writing.cancel()
            differing = await _settled(lookers, busy)
            for task in tasks:
                task.cancel()
    again = sum(looker.connected > 1 for looker in lookers[STALLED:])
    return {
        "core used": share,
        "messages/s": messages / seconds,
        "stalled, dropped": dropped,
        "others dropped": again,
        "views that differ": differing,
    }


async def _dropped(served: Served, before: float) -> float:
    """How many the console has dropped; waits until the stalled are."""
    deadline = time.monotonic() + LONGEST_STALL
    while True:
        figures = await asyncio.to_thread(served.figures)
        dropped = figures.get("risk_stream_console_dropped_clients_total", 0.0) - before
        if dropped >= STALLED or time.monotonic() > deadline:
            return dropped
        await asyncio.sleep(0.5)


async def _settled(lookers: list[_Looker], busy: Busy) -> int:
    """How many views differ from the desk's word once the last change has had time to arrive."""
    deadline, differing = time.monotonic() + LAST, lookers
    while differing and time.monotonic() < deadline:
        await asyncio.sleep(0.2)
        differing = [looker for looker in differing if looker.versions != busy.versions(SCOPES[looker.name])]
    return len(differing)


# Pages


def _pages(served: Served, times: int) -> list[tuple[str, float]]:
    """The overview and the queue in a browser that was never there before, until what they show stands: median, ms."""
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("no chromium here: make servers says how to get it")
    found = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium)
        for path, shown in (("/", ".tile .count"), ("/alerts", "tbody tr")):
            took = []
            for _ in range(times):
                context = browser.new_context()
                page = context.new_page()
                began = time.perf_counter()
                page.goto(f"{served.address}{path}", wait_until="commit")
                page.locator(shown).first.wait_for()
                took.append((time.perf_counter() - began) * 1000)
                context.close()
            found.append((path, median(took)))
        browser.close()
    return found
