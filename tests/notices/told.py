"""A desk and a planner side by side, as the processes around them would have them."""

from __future__ import annotations

from typing import Any

import msgspec

from risk_stream.alerts import Act, Cause, Desk, Policy, Silence, read_entry
from risk_stream.engine import Alert
from risk_stream.notices import House, Planned, Planner, Receiver
from tests.alerts.made import alert

__all__ = ["MINUTE", "START", "Scene", "receiver"]

MINUTE = 60_000

#: A Monday, 10:00 in Shanghai.
START = 1_772_416_800_000


def receiver(name: str = "wang", **more: Any) -> Receiver:
    """One on this machine."""
    return Receiver(name, url="json://127.0.0.1:1", **more)


class Scene:
    """Time, alerts, acts; what is planned at each moment is in `said`, all of it in `log`."""

    def __init__(self, house: House, policy: Policy | None = None) -> None:
        self.desk, self.planner, self.now = Desk(policy), Planner(house), START
        self.lives: list[bytes] = []
        self.log: list[Planned] = []
        self.heard: dict[str, Alert] = {}
        self._acts = 0

    def _take(self, record: bytes | None) -> None:
        if record is not None:
            self.lives.append(record)
            self.planner.take(read_entry(record))

    def hear(self, rule: str, event: str, *, revision: int = 1, **more: Any) -> str:
        """The engine says something; -> the alert's id."""
        said = alert(rule, event, revision=revision, **{k: v for k, v in more.items() if k != "stage"})
        self._hear(msgspec.structs.replace(said, stage=more.get("stage", said.stage)))
        return said.id

    def again(self, known: Alert, status: str, **more: Any) -> None:
        """The engine says of an alert what it says now."""
        self._hear(msgspec.structs.replace(known, revision=known.revision + 1, status=status, **more))

    def _hear(self, said: Alert) -> None:
        self.heard[said.id] = said
        self._take(self.desk.hear(said, Cause("risk.alerts", 0, len(self.lives)), self.now))

    def act(self, kind: str, *alerts: str, **more: Any) -> None:
        """A person does something."""
        self._acts += 1
        act = Act(id=f"act{self._acts}", act=kind, by="li", at=self.now, alerts=list(alerts), **more)  # type: ignore[arg-type]
        self._take(self.desk.act(act, Cause("risk.actions", 0, len(self.lives)), self.now))

    def silence(self, minutes: int, **more: Any) -> None:
        """Somebody has nobody told for a while."""
        self.act(
            "silence",
            silence=Silence(id="", by="", reason="a test", begins=self.now, ends=self.now + minutes * MINUTE, **more),
        )

    def later(self, minutes: float) -> None:
        """Time passes."""
        self.now += int(minutes * MINUTE)
        while (record := self.desk.pass_time(self.now)) is not None:
            self._take(record)

    def plan(self) -> list[tuple[str, str]]:
        """What is to be told now: receivers and steps."""
        planned = self.planner.plan(self.now)
        self.log += planned
        return [(one.notice.receiver, one.notice.step) for one in planned]

    def heir(self, house: House) -> Planner:
        """Another planner that has read the same logs."""
        made = Planner(house)
        for one in self.log:
            made.heard(one.notice)
        for record in self.lives:
            made.take(read_entry(record))
        return made
