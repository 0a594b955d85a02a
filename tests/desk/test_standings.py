"""What people did reaches Redis: the last of it for each alert, after an outage too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from redis.exceptions import ConnectionError as AwayError

from risk_stream.alerts import Entry, Life
from risk_stream.desk.standings import StandingWriter
from risk_stream.sinks import AlertSink, AlertStanding


class Sink(AlertSink):
    """Writes into a list; away as often as it is told."""

    def __init__(self, away: int = 0) -> None:
        super().__init__("redis://127.0.0.1:1/0")
        self.away, self.said, self.marks = away, list[AlertStanding](), list[int]()

    async def stand(self, standings: Sequence[AlertStanding], *, reached: int = 0, there_only: bool = False) -> int:
        assert not there_only
        if self.away:
            self.away -= 1
            raise AwayError("it is away")
        self.said += standings
        self.marks.append(reached)
        return len(standings)


def entry(number: int, *lives: Life) -> Entry:
    return Entry(number=number, before="", time=number, what="alert", lives=list(lives))


def life(id: str, standing: str = "open", **more: object) -> Life:
    given = {
        "case": "c1",
        "rule": "r",
        "stage": "trading",
        "severity": "high",
        "owner": "",
        "entity": "",
        "summary": "",
    }
    return Life(id=id, alert=id.partition("-")[0], time=0, standing=standing, **given, **more)  # type: ignore[arg-type]


def run(writer: StandingWriter, until: Callable[[], bool]) -> None:
    """Let it write until something holds."""

    async def work() -> None:
        writing = asyncio.create_task(writer.run())
        async with asyncio.timeout(20):
            while not until():
                await asyncio.sleep(0.01)
        writing.cancel()
        await asyncio.wait([writing])

    asyncio.run(work())


def test_the_last_standing_of_each_alert_is_written_once() -> None:
    """However many entries there were meanwhile; then Redis is told how far it is."""
    sink = Sink()
    writer = StandingWriter(sink, lambda _: None)
    writer.note(entry(1, life("a")))
    writer.note(entry(2, life("a", "acknowledged"), life("b")))
    run(writer, lambda: len(writer) == 0)
    assert [(one.alert, one.entry, one.status) for one in sink.said] == [("a", 2, "acknowledged"), ("b", 2, "open")]
    assert sink.marks == [2]


def test_of_an_alert_raised_again_the_new_life_stands() -> None:
    """A comment on the old one changes nothing in Redis."""
    sink = Sink()
    writer = StandingWriter(sink, lambda _: None)
    old = life("a", "closed", followed_by="a-2")
    writer.note(entry(1, old, life("a-2")))
    writer.note(entry(2, old))
    run(writer, lambda: len(writer) == 0)
    assert [(one.shown["life"], one.status) for one in sink.said] == [("a-2", "open")]


def test_an_outage_is_said_once_and_nothing_is_lost() -> None:
    """Deciding goes on meanwhile."""
    sink, told = Sink(away=3), list[str]()
    writer = StandingWriter(sink, told.append)
    writer.note(entry(1, life("a")))
    run(writer, lambda: len(writer) == 0 and len(told) == 2)
    assert len(sink.said) == 1
    assert "shows old standings" in told[0]
    assert told[1] == "Redis can be written again"


def test_what_is_forgotten_is_not_written() -> None:
    """A desk that takes over writes nothing of alerts that it does not remember."""
    sink = Sink()
    writer = StandingWriter(sink, lambda _: None)
    writer.note(entry(1, life("a"), life("b")))
    writer.keep({"b"})
    run(writer, lambda: len(writer) == 0)
    assert [one.alert for one in sink.said] == ["b"]
