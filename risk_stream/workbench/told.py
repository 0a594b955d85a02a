"""Models that say what a test tells them to: a test of a rule trains none."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from risk_stream.models import Floats, Learner, Longs, Mask, Placed, Scores, Spec
from risk_stream.rules import GivenScore, Scored

__all__ = ["Told", "saying", "untrained"]


@dataclass(slots=True)
class Told:
    """A `Learner` that learns nothing: it says the same of each event; NaN is no score."""

    inputs: int
    score: float = np.nan
    is_over: bool = False

    def run(self, rows: Floats, groups: Longs | None = None, chosen: Mask | None = None) -> Scores:  # noqa: ARG002
        """The score of each row."""
        return Scores(np.full(len(rows), self.score), np.full(len(rows), self.is_over))

    def learn(self, rows: Floats, labels: Floats, groups: Longs | None = None, weights: Floats | None = None) -> None:
        """Nothing is learnt."""

    def moved_by(self, row: Floats, group: int = 0) -> Floats:  # noqa: ARG002
        """[m]: no input moves the score."""
        return np.zeros(self.inputs)

    def save(self) -> bytes:
        """Nothing was learnt."""
        return b""

    def load(self, saved: bytes) -> None:
        """There is nothing to go on from."""

    def counts(self) -> dict[str, int]:
        """Nothing is counted."""
        return {}


@dataclass(slots=True)
class ToldSegment(Told):
    """A `Segmenter` that says the same of each event; no segment where its text is empty."""

    segment: str = ""

    @property
    def sizes(self) -> dict[str, int]:
        """No keys are known."""
        return {}

    def place(self, rows: Floats, keys: Longs, times: Longs) -> Placed:  # noqa: ARG002
        """The score and the segment of each row."""
        which = np.full(len(rows), 0 if self.segment else -1)
        return Placed(*self.run(rows), which, [self.segment] if self.segment else [])

    def rename(self, marks: tuple[tuple[str, str], ...]) -> None:
        """Nothing has a name."""

    def take_journal(self) -> list[bytes]:
        """No keys are known."""
        return []

    def image(self, part: int) -> list[bytes]:  # noqa: ARG002
        """No keys are known."""
        return []

    def load_parts(self, parts: Iterable[bytes]) -> None:
        """There is nothing to go on from."""


def untrained(models: Iterable[Scored]) -> tuple[Scored, ...]:
    """The models, scoring every event and taught by no outcome: each with a spec of its own, by which `saying` goes."""
    return tuple(replace(model, labels=None, spec=replace(model.spec, sample=1.0)) for model in models)


def saying(models: Iterable[Scored], scores: Iterable[GivenScore]) -> Callable[[Spec], Learner]:
    """What makes the learners of some models: those named in `scores` say these, others nothing."""
    given = {one.model: one for one in scores}
    known = {id(model.spec): model.id for model in models}

    def make(spec: Spec) -> Learner:
        one = given.get(known.get(id(spec), ""), GivenScore("", np.nan, over=False))
        said = len(spec.inputs), one.score, one.over
        return ToldSegment(*said, one.segment) if spec.marks else Told(*said)

    return make
