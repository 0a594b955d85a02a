"""What a checkpoint of a lane is made of, and how its images are spread over time.

A checkpoint is one transaction on the lane's partition of the state topic: images, then row changes, then the header.
An *image* is a part of a hop's whole state as of some position; a *delta* holds what changed up to n, the position the
checkpoint stands at. A restore reads images and deltas in the order they were written, from the first image of the last
complete walk on; nothing before it is needed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from risk_stream.catalogue.formats import CHECKPOINTS, LaterFormatError

__all__ = ["HEADER_KEY", "CheckpointError", "Header", "Saveable", "Saver", "Standing", "kind_of", "part_key"]

#: The key of headers: compaction keeps the last one.
HEADER_KEY = b"header"

#: A walk through all of the state takes no longer than this where it changes at all, s.
CYCLE_SECONDS = 60.0

#: Bytes of images per byte of deltas. A restore reads every image once, and 1 / IMAGE_SHARE times as much of deltas.
IMAGE_SHARE = 0.5

#: Bytes of images taken in one step: between two steps the loop has a turn.
STEP_BYTES = 1 << 16


#: So many bytes of headers are borne before a walk is made for them alone.
LEAST_WALK = 1 << 20


class CheckpointError(Exception):
    """Raised when a lane's checkpoint cannot be gone on from; the text is one sentence."""


class Saveable(Protocol):
    """What is needed of an engine's hop to save it."""

    @property
    def cycles(self) -> int:
        """Walks through all of the state that are complete."""

    def delta(self, upto: int) -> list[bytes]:
        """What changed since the last delta; `upto` is the position behind all that was applied."""

    def images(self, budget_bytes: int) -> list[bytes]:
        """The next part of the walk, as it is now."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one hop partition stands in a checkpoint."""

    n: int  # the first record whose effect is not in it
    ring: int  # the record from which events that are held back or may still be judged again must be read
    ring_clock: int  # after the last events before that one, ms
    channels: Mapping[str, Any]  # what had been heard before that one
    clock: int  # after the last events before n, ms
    cut: Sequence[int]  # which events of the records before n had gone on: see `hold.Cut`
    since: int = -1  # offset in the state topic of the first part that is needed


@dataclass(frozen=True, slots=True)
class Header:
    """What one checkpoint says of its lane; written last in its transaction."""

    lane: int
    hops: Mapping[str, Standing]
    counts: Mapping[str, int]  # partitions of every topic of which the state depends
    plans: Sequence[str] = ()

    @property
    def since(self) -> int | None:
        """Offset of the first part a restore needs; None where it needs none."""
        return min((standing.since for standing in self.hops.values()), default=None)

    def encode(self) -> bytes:
        """As it is written."""
        hops = {kind: dataclasses.asdict(standing) for kind, standing in self.hops.items()}
        said = {
            "format": CHECKPOINTS.newest,
            "lane": self.lane,
            "hops": hops,
            "counts": self.counts,
            "plans": list(self.plans),
        }
        return orjson.dumps(said)

    @classmethod
    def decode(cls, data: bytes) -> Header:
        """Read one. Raises `CheckpointError`, and `LaterFormatError` for one of a later release."""
        try:
            said = orjson.loads(data)
            CHECKPOINTS.check(said["format"])
            if said["format"] < CHECKPOINTS.oldest:
                raise CheckpointError(
                    f"the checkpoint has format {said['format']}, and this release reads from {CHECKPOINTS.oldest} on:"
                    " begin anew with another prefix"
                )
            hops = {kind: Standing(**standing) for kind, standing in said["hops"].items()}
            return cls(said["lane"], hops, said["counts"], tuple(said["plans"]))
        except LaterFormatError:
            raise
        except (ValueError, KeyError, TypeError) as exc:
            raise CheckpointError(f"the checkpoint cannot be read ({exc!r}): begin anew with another prefix") from exc


def part_key(kind: str, base: int, number: int) -> bytes:
    """A part's key: no two are alike, so compaction keeps all. `base` is the log's end when the lane was opened."""
    return f"{kind}/{base}.{number}".encode()


def kind_of(key: bytes) -> str:
    """The kind a part is of."""
    return key.rpartition(b"/")[0].decode()


@dataclass(slots=True)
class _Step:
    """Images taken together; whether a walk is complete with them."""

    parts: list[bytes]
    complete: bool


@dataclass(slots=True)
class Saver:
    """What of one hop is to be written, and when.

    `since` is the offset of the first part that a restore needs, `size` the bytes of a whole walk, as far as they are
    known.
    """

    hop: Saveable
    since: int | None = None
    size: int = 0
    _steps: list[_Step] = field(default_factory=list)
    _begun: int | None = None  # the first offset of the transaction with the first image of the walk under way
    _walked: int = 0  # bytes of that walk
    _changed: int = 0  # bytes of deltas since a walk was complete
    _headers: int = 0  # bytes of headers since a walk was complete
    _owed: float = 0.0  # bytes of images still to be taken

    def walk(self, seconds: float, header: int = 0) -> Iterator[None]:
        """Take the images that are due after so many seconds and a header of so many bytes, a step at a time.

        A share of the bytes that were written otherwise, and enough that no walk takes longer than CYCLE_SECONDS; none
        where nothing but few headers was written since the last complete one.
        """
        self._headers += header
        if not self._changed and self._headers <= max(self.size, LEAST_WALK):
            return
        self._owed = max(self._owed, self.size * min(1.0, seconds / CYCLE_SECONDS), 1.0)
        while self._owed > 0:
            before = self.hop.cycles
            parts = self.hop.images(min(STEP_BYTES, max(1, int(self._owed))))
            took = sum(map(len, parts))
            self._owed -= max(took, 1)
            self._walked += took
            complete = not parts or self.hop.cycles > before
            self._steps.append(_Step(parts, complete))
            if complete:
                self.size, self._walked, self._changed, self._headers, self._owed = self._walked, 0, 0, 0, 0.0
            yield

    def take(self, upto: int) -> tuple[list[bytes], list[bytes]]:
        """(images taken so far, deltas) for a checkpoint of all that was applied up to a position."""
        deltas = self.hop.delta(upto)
        written = sum(map(len, deltas))
        self._changed += written
        self._owed += written * IMAGE_SHARE
        return [part for step in self._steps for part in step.parts], deltas

    def settle(self, first: int) -> int:
        """What was taken lies in a transaction that begins at `first`; -> the offset of the first part needed now."""
        if self.since is None:
            self.since = first
        for step in self._steps:
            if self._begun is None:
                self._begun = first
            if step.complete:
                self.since, self._begun = self._begun, first  # the step may hold images of the next walk already
        self._steps.clear()
        return self.since
