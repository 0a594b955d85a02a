"""Keeps Alertmanagers told of the open alerts and silences of a house, from the log of lives alone.

An alert is told when it changes and again each minute, and ends by itself four minutes after it was told last: so what
was closed while nobody told is gone by then, and an Alertmanager that begins anew knows all within a minute. When it is
closed it is told as resolved at once. Each Alertmanager is told by itself, so that one that hangs delays no other.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aiokafka import TopicPartition

from risk_stream.kafka import WAIT_MS, LogFollower, Turn
from risk_stream.settings import Settings
from risk_stream.sinks import Metrics
from risk_stream.watch.alertmanager import Alertmanager, AlertmanagerError
from risk_stream.watch.board import Board, Labels, alert_of, labels_of, resolved, silence_of
from risk_stream.watch.metrics import MIRROR_METRICS

if TYPE_CHECKING:
    from aiokafka.structs import ConsumerRecord

__all__ = ["ENDS_AFTER", "MOST", "Mirror", "Told"]

#: How often what is open is told again, and how long after that it ends by itself, s.
AGAIN, ENDS_AFTER = 60.0, 240.0

#: Changes of so long go in one request, and one that failed is tried again after so long, s.
TOGETHER, AFTER_FAILURE = 0.5, 5.0

#: Where one found no room among the most severe, all are ranked and told anew after so long, s.
CROWDED = 5.0

#: Alerts that an Alertmanager is told of at most: of more the most severe, of them the newest.
MOST = 10_000


class Told:
    """What one Alertmanager was told, and what it is to be told."""

    def __init__(self, board: Board, house: str, console: str, most: int = MOST) -> None:
        self.board, self.house, self.console, self.most = board, house, console, most
        self.there: dict[str, Labels] = {}  # life -> the labels under which it is active there
        self.changed = asyncio.Event()
        self.crowded = False  # whether one found no room since all was told: it may be more severe than those there
        self._dirty: set[str] = set()  # lives that changed since it was told of them
        self._yielding: set[str] = set()  # those that make room for more severe ones
        self._silences_changed = True
        board.hears.append(self._hear)

    def _hear(self, id: str | None) -> None:
        if id is None:
            self._silences_changed = True
        else:
            self._dirty.add(id)
        self.changed.set()

    def again(self) -> None:
        """Have it told of all there is anew."""
        foremost = set(self.board.foremost(self.most))
        self._yielding = self.there.keys() - foremost
        self._dirty |= foremost | self._yielding
        self._silences_changed, self.crowded = True, False
        self.changed.set()

    async def tell(self, alertmanager: Alertmanager, now: int) -> None:
        """Tell it what has changed, at a time, ms. Raises `AlertmanagerError`; it is to be told the same then."""
        asked, self._dirty = self._dirty, set()
        told, there = self._alerts(asked, now)
        try:
            if told:
                await alertmanager.post(told)
        except AlertmanagerError:
            self._dirty |= asked
            raise
        self.there = there
        self._yielding -= asked
        if self._silences_changed:
            self._silences_changed = False
            try:
                await self._silences(alertmanager, now)
            except AlertmanagerError:
                self._silences_changed = True
                raise

    def _alerts(self, asked: set[str], now: int) -> tuple[list[dict[str, Any]], dict[str, Labels]]:
        """What it is told of these lives, and under which labels lives are active there after it."""
        told, there = list[dict[str, Any]](), dict(self.there)
        for id in sorted(asked, key=lambda id: id not in self._yielding):  # room is made before it is taken
            life, before = self.board.open.get(id), there.pop(id, None)
            labels = None if life is None or id in self._yielding else labels_of(life, self.house)
            if before is not None and before != labels:
                told.append(resolved(before, now))
            if life is None or labels is None:
                continue
            if len(there) >= self.most:
                self.crowded = True
            else:
                told.append(alert_of(life, labels, ends=now + int(ENDS_AFTER * 1000), console=self.console))
                there[id] = labels
        return told, there

    async def _silences(self, alertmanager: Alertmanager, now: int) -> None:
        self.board.forget(now)
        wanted, has = self.board.silences, await alertmanager.silences(self.house)
        for ended in has.keys() - wanted.keys():
            for id in has[ended]:
                await alertmanager.unsilence(id)
        refused: AlertmanagerError | None = None
        for id in sorted(wanted.keys() - has.keys()):
            try:
                await alertmanager.silence(silence_of(wanted[id], self.house))
            except AlertmanagerError as exc:  # one that it does not take keeps none of the others from it
                refused = exc
        if refused is not None:
            raise refused


class Mirror:
    """Runs until cancelled; of several mirrors of a house one is active. `told` hears a sentence of what it does now.

    `metrics`, of `MIRROR_METRICS`, are kept up to date; whoever made them serves them.
    """

    def __init__(
        self,
        settings: Settings,
        told: Callable[[str], None],
        metrics: Metrics | None = None,
        *,
        again: float = AGAIN,
    ) -> None:
        self.settings, self._say, self._again = settings, told, again
        self.metrics = metrics or Metrics(of=MIRROR_METRICS)
        self._turn = Turn(settings.broker, settings.life_topic, f"{settings.group}-mirror")

    async def run(self) -> None:
        """Stand by, then tell; where the broker is away, begin again once it answers.

        Raises:
            BrokerError: the broker was never there, or the log of lives is not.
        """
        await self._turn.work(
            self._work,
            topics=[self.settings.life_topic],
            name="the mirror",
            told=self._say,
            waits="another mirror is active, or is about to be: standing by",
            rests=lambda: self.metrics.set("risk_stream_mirror_active", 0.0),
        )

    async def _work(self) -> None:
        """One turn: know what is open, then tell of it as long as it is this one's turn."""
        board = Board()

        def take(records: list[ConsumerRecord]) -> None:
            for record in records:
                board.take(record.value or b"")

        lives = LogFollower(
            self.settings.broker,
            [TopicPartition(self.settings.life_topic, 0)],
            take,
            client_id="risk-stream-mirror",
            name="the log of lives",
            committed=True,
        )
        await lives.start()
        board.forget(_now())
        self._say(f"active: {len(board.open):,} open alerts, {len(board.silences):,} silences")
        self.metrics.set("risk_stream_mirror_active", 1.0)
        urls = self.settings.alertmanager_urls
        tasks = [asyncio.create_task(lives.follow()), *(asyncio.create_task(self._tell(url, board)) for url in urls)]
        try:
            while await self._turn.mine(WAIT_MS):
                for task in tasks:
                    if task.done():
                        task.result()
            self._say("another mirror took over")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await lives.stop()

    async def _tell(self, url: str, board: Board) -> None:
        """Keep one Alertmanager told until cancelled."""
        told, due, was_there = Told(board, self.settings.group, self.settings.console_address), 0.0, True
        async with Alertmanager(url) as alertmanager:
            while True:
                if time.monotonic() >= due:
                    told.again()
                    due = time.monotonic() + self._again
                told.changed.clear()
                try:
                    await told.tell(alertmanager, _now())
                except AlertmanagerError as exc:
                    if was_there:
                        self._say(f"{exc}; it is told again until it does")
                    self.metrics.add("risk_stream_mirror_failures_total", 1.0, url)
                    was_there, due = False, 0.0  # one that begins anew has to hear of all
                    await asyncio.sleep(AFTER_FAILURE)
                    continue
                if not was_there:
                    self._say(f"the Alertmanager at {url} is told again")
                was_there = True
                self.metrics.set("risk_stream_mirror_alerts", float(len(told.there)), url)
                self.metrics.set("risk_stream_mirror_left_out", float(len(board.open) - len(told.there)), url)
                self.metrics.set("risk_stream_mirror_told_timestamp_seconds", time.time(), url)
                if told.crowded:
                    due = min(due, time.monotonic() + CROWDED)
                await asyncio.sleep(TOGETHER)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(told.changed.wait(), max(due - time.monotonic(), 0.0))


def _now() -> int:
    return int(time.time() * 1000)
