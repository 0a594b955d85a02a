"""What every kind of model can do: score rows and learn them, in the order in which they come."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "LARGEST",
    "Apart",
    "Floats",
    "Learner",
    "Longs",
    "Mask",
    "OtherVersionError",
    "Placed",
    "Retraining",
    "Scores",
    "Segmenter",
]

Floats: TypeAlias = "NDArray[np.float64]"
Longs: TypeAlias = "NDArray[np.int64]"
Mask: TypeAlias = "NDArray[np.bool_]"

#: Numbers beyond this are infinite to a model: the squares of smaller ones can be added up.
LARGEST = 1e100


class OtherVersionError(ValueError):
    """What was saved was learnt with another version of River: the model begins anew. The text is one sentence."""


class Scores(NamedTuple):
    """What a model says of n events: its score [n], NaN where it has none, and where that is over the threshold [n]."""

    scores: Floats
    over: Mask


class Placed(NamedTuple):
    """What a model that gives segments says of n events of keys.

    How far each is from the centre of its key's segment [n], NaN while there is none; whether that is over the
    threshold [n]; the segment as a place in `names` [n], -1 while there is none.
    """

    scores: Floats
    over: Mask
    which: Longs
    names: list[str]


class Learner(Protocol):
    """One model on one partition: a deterministic machine, equal however its rows are cut into calls.

    Rows are float64 [n, m] in the order of the inputs of its `Spec`. NaN is a missing input, and so is a number
    beyond `LARGEST`, which is counted as `infinite`; an input that is a text is its hash, an int64 in the eight bytes
    of the float, and missing where that is 0 or NaN. A row of which all is missing has no score and is not learnt;
    a model never fails on what an event says. Where it is grouped, `groups` int64 [n] say of which group each row is.
    Rows are not changed.
    """

    def run(self, rows: Floats, groups: Longs | None = None) -> Scores:
        """Score each row, then learn it if the model learns from events: row i by what rows before i have taught.

        A model that scores a sample of events is given that sample: the caller chooses.
        """
        ...

    def learn(self, rows: Floats, labels: Floats, groups: Longs | None = None, weights: Floats | None = None) -> None:
        """Learn rows whose outcome is known now, in order; `labels` [n] are 1.0 and 0.0, or a number to be told.

        A detector of anomalies learns the rows of label 0.0 alone. A NaN label or a weight that is not above 0 is
        passed over. `weights` [n] are for those that can weigh rows (see the registry); others learn all alike.
        """
        ...

    def moved_by(self, row: Floats, group: int = 0) -> Floats:
        """[m]: how much each input of one row moved its score up, as the model stands now; for people, never judged.

        Finite numbers.
        """
        ...

    def save(self) -> bytes:
        """All that it has learnt, with a version of the format."""
        ...

    def load(self, saved: bytes) -> None:
        """Go on where `save` was called. Raises `ValueError` with a sentence for what this release cannot read.

        What was learnt with another version of River is such a case, an `OtherVersionError`. The learner is unchanged
        then.
        """
        ...

    def counts(self) -> dict[str, int]:
        """What it has seen so far.

        `scored` and `learnt` rows, `missing` and `infinite` inputs, `empty` rows of which all was missing, `failed`
        ones which the model could not bear, `groups` at hand and `forgotten` ones.
        """
        ...


class Apart(Learner, Protocol):
    """A model whose state has many parts (keys, rows), which are saved apart from what `save` gives."""

    def take_journal(self) -> list[bytes]:
        """The parts that changed since this was last asked, and how they are now."""
        ...

    def image(self, part: int) -> list[bytes]:
        """What belongs to one of 256 parts."""
        ...

    def load_parts(self, parts: Iterable[bytes]) -> None:
        """Take in what `take_journal` and `image` gave, in the order in which they were made; `load` came before.

        Raises `ValueError` where something is missing.
        """
        ...


class Segmenter(Apart, Protocol):
    """A model that groups keys."""

    @property
    def sizes(self) -> dict[str, int]:
        """Name -> keys that are in the segment now."""
        ...

    def place(self, rows: Floats, keys: Longs, times: Longs) -> Placed:
        """Learn events [n, m] of keys [n], which happened at times [n], ms; -> what is said of each."""
        ...

    def rename(self, marks: tuple[tuple[str, str], ...]) -> None:
        """What inputs are called where they are low, and where they are high, from the next review on."""
        ...


class Retraining(Apart, Protocol):
    """A model that is fitted anew to the last outcomes, after so many of them or when so much time has passed."""

    @property
    def period_ms(self) -> int:
        """The event time after which it is fitted anew, ms; 0 where outcomes are counted."""
        ...

    @property
    def fits(self) -> int:
        """How many fits have taken effect."""
        ...

    def is_due(self, time: int) -> bool:
        """Whether event time, ms, has come into another period than it was in when `reach` was last called."""
        ...

    def reach(self, time: int) -> None:
        """Event time has come so far, ms: begin to fit anew where a period has ended."""
        ...
