"""The product's own decisions in the model's places: `Origin`, with `late` in it, and `Channels`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from risk_stream.stream.intake.origins import Committed, Origin
from risk_stream.stream.letters.channels import Channels
from tests.protocol.decisions import Commit
from tests.protocol.world import Channel, L

__all__ = ["ProductDecisions"]


def _name(channel: Channel) -> str:
    return f"{channel[0]}/{channel[1]}"


def _channel(name: str) -> Channel:
    kind, p = name.split("/")
    return kind if kind == "src" else int(kind), int(p)


def _commit(said: Committed) -> Commit:
    """Through the text that Kafka keeps."""
    read = Committed.read(said.offset, said.metadata())
    assert read == said
    return Commit(said.offset, said.clock, int(said.plan or 0))


class ProductOrigin:
    """The product's origin, one record at a time."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin

    def __getattr__(self, name: str) -> Any:
        return getattr(self.origin, name)

    @property
    def plan(self) -> int:
        return int(self.origin.plan or 0)

    def admit(self, offset: int, t: int) -> bool:
        (late,) = self.origin.admit(np.array([offset], np.int64), np.array([t], np.int64), offset + 1)
        return bool(late)

    def at(self, offset: int) -> Commit:
        return _commit(self.origin.at(offset))

    def accepted(self, commit: Commit) -> None:
        self.origin.accepted(Committed(commit.offset, commit.clock, str(commit.plan)))

    def propose(self, clock: int, plan: int) -> Commit | None:
        wanted = self.origin.propose(clock, str(plan))
        return None if wanted is None else _commit(wanted)


class ProductReceiver:
    """The product's channels; what is saved goes through its plain values."""

    def __init__(self, channels: Iterable[Channel], saved: dict[str, Any] | None) -> None:
        names = [(_name(channel), channel[0] == "src") for channel in channels]
        self.channels = Channels([n for n, origin in names if origin], [n for n, origin in names if not origin])
        if saved is not None:
            self.channels.restore(saved["product"])

    def behind(self, channel: Channel, generation: int) -> bool:
        return channel[0] == "src" and generation < self.channels.era.get(_name(channel), 0)

    def take(self, channel: Channel, generation: int, front: int, more: int | None, stamps: Sequence[int]) -> int:
        return self.channels.take(_name(channel), generation, front, np.array(stamps, np.int64), more)

    def clock(self) -> int:
        return self.channels.clock

    def awaited(self) -> int | None:
        return self.channels.awaited if self.channels.promised else None

    def saved(self) -> dict[str, Any]:
        return {"product": self.channels.copy().state()}


class ProductDecisions:
    """The product's own."""

    def origin(self, p: int, generation: int, commit: Commit, targets: Iterable[Channel]) -> Any:
        committed = Committed(commit.offset, commit.clock, str(commit.plan))
        return ProductOrigin(Origin(f"src/{p}", generation, committed, lateness_ms=L, targets=targets))

    def receiver(self, channels: Iterable[Channel], saved: dict[str, Any] | None) -> ProductReceiver:
        return ProductReceiver(channels, saved)
