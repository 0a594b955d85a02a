"""The broker: source logs, hop logs, state topics with a fence, the group's coordinator, and what sinks receive."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from tests.protocol.world import HOPS, NEG, Alert, Channel, Event, stats

__all__ = ["Broker", "Header", "Transaction"]


@dataclass
class Header:
    """The last part of a checkpoint: per hop what is not rows, and where in the state topic a restore begins."""

    hops: list[dict[str, Any]]
    start: int
    cycle: int


@dataclass
class Transaction:
    """A committed checkpoint: parts in the order they were written, header last."""

    parts: list[tuple[Any, ...]]
    header: Header | None = None


@dataclass
class Broker:
    """Never loses what it has acknowledged."""

    rng: random.Random
    mutant: str | None
    origins: int
    partitions: int
    calm: bool = False
    broken: str | None = None
    alerts: list[Alert] = field(default_factory=list)
    rejects: list[tuple[int, int]] = field(default_factory=list)
    audit: dict[tuple[Any, ...], Any] = field(default_factory=dict)
    content: dict[tuple[Any, ...], Any] = field(default_factory=dict)
    inflight: list[tuple[Any, ...]] = field(default_factory=list)  # commits without an answer, not yet applied

    def __post_init__(self) -> None:
        self.source: list[list[Event]] = [[] for _ in range(self.origins)]
        self.logs: dict[Channel, list[Any]] = {(s, p): [] for s in range(HOPS) for p in range(self.partitions)}
        self.state: list[list[Transaction]] = [[] for _ in range(self.partitions)]
        self.fenced = [0] * self.partitions
        self.committed = [(0, NEG, 0)] * self.origins  # offset, and in its metadata clock and plan as of it
        self.current = [0] * self.origins  # generation of each origin's owner

    def commit(self, *request: Any) -> bool | None:
        """An atomic commit of an origin: accepted, refused, or without an answer (None), applied or not."""
        lost = not self.calm and self.rng.random() < 0.08
        if lost and self.rng.random() < 0.5:
            self.inflight.append(request)
            return None
        accepted = self.accept(*request)
        return None if lost else accepted

    def accept(self, p: int, generation: int, offset: int, clock: int, plan: int, lift: bool) -> bool:
        """What the coordinator does with a commit: older generations are refused."""
        if generation != self.current[p] and self.mutant != "commit_unfenced":
            stats["commits of old generations refused"] += 1
            return False
        stats["plans switched at an origin"] += plan != self.committed[p][2]
        stats["lifts and switches"] += lift
        self.committed[p] = offset, clock, plan
        return True

    def append(self, target: Any, record: Any) -> None:
        """A record is in a log; `target` is a hop partition or one of the sinks' topics."""
        if target == "alerts":
            self.alerts.append(record)
            self.same(("alert", *record[:3]), record[3:])
        elif target == "rejects":
            self.rejects.append(record)
        elif target == "audit":
            self.same(("audit", record[0]), record[1])
            self.audit[record[0]] = record[1]
        else:
            self.logs[target].append(record)

    def same(self, name: tuple[Any, ...], value: Any) -> None:
        """Invariant: one name, one content, whoever says it and whenever."""
        if self.content.setdefault(name, value) != value:
            self.broken = self.broken or f"{name} has two contents: {self.content[name]} and {value}"

    def commits_said(self, p: int) -> list[tuple[int, int, int]]:
        """What the audit topic lists of an origin's commits, in the order they were accepted: (offset, clock, plan)."""
        said = [(value[0], *name[2:], *value[1:]) for name, value in self.audit.items() if name[:2] == ("commit", p)]
        return [(offset, clock, plan) for offset, _, _, clock, plan in sorted(said)]
