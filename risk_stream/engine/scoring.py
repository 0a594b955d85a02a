"""The models of one hop: each event is scored once, when it is first judged, and learnt once, in the order of the log.

What a model says of an event stays with the event's facts: a revision judges by the same score.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
import numpy as np

from risk_stream.catalogue import EventBatch
from risk_stream.engine.lexicon import Lexicon
from risk_stream.engine.machine import Machine, MakeLearner, Noticed, Tap
from risk_stream.engine.view import Features, Floats
from risk_stream.features import Aggregate
from risk_stream.rules import Plan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Longs = NDArray[np.int64]
    Column = Floats | Longs

__all__ = ["Scoring", "Stopwatch", "column_of", "none_of"]

#: Reads a clock, ns: for who measures what models take; it changes nothing that they say.
Stopwatch: TypeAlias = Callable[[], int]

#: Bytes of a part of a checkpoint, at most.
PART_BYTES = 800_000


def column_of(said: Aggregate) -> str:
    """The column of facts that holds what a model says: a number, or a text's hash, as `windows.carry` has them."""
    return f"{'h' if said.text else 'f'}.{said.id}"


def none_of(column: str) -> float | int:
    """What stands in a column that carries aggregates where there is none, as `EventBatch.concat` has it."""
    return np.nan if column.startswith("f.") else 0


def dtype_of(column: str) -> type[np.int64] | type[np.float64]:
    return np.int64 if column.startswith("h.") else np.float64


class Scoring:
    """The models of a hop by their version, and what they said of the events that may still be revised."""

    def __init__(
        self,
        kind: str,
        make: MakeLearner,
        *,
        journal: bool,
        stopwatch: Stopwatch | None = None,
        tap: Tap | None = None,
    ) -> None:
        self.kind, self._make, self._is_noted, self._stopwatch, self._tap = kind, make, journal, stopwatch, tap
        self.machines: dict[str, Machine] = {}  # by version
        self._told: Counter[tuple[str, str]] = Counter()
        self._took: Counter[str] = Counter()
        self._said: deque[tuple[int, Longs, dict[str, Column]]] = deque()  # (entry that frees it, ids, columns)
        self._unsaved: list[tuple[Longs, dict[str, Column]]] = []
        self._recalled: tuple[Longs, dict[str, Column]] | None = None

    @property
    def columns(self) -> list[str]:
        """Names of the columns that hold scores of this hop among facts."""
        return [column_of(said) for machine in self.machines.values() for said in machine.scored.says]

    def use(self, plans: Sequence[Plan]) -> None:
        """Keep the models of some plans; what others had learnt is forgotten, new ones begin."""
        wanted = {scored.version: scored for plan in plans for scored in plan.models_at(self.kind)}
        for version in self.machines.keys() - wanted.keys():
            del self.machines[version]
        for version, scored in wanted.items():
            if version in self.machines:
                self.machines[version].rename(scored)
            else:
                self.machines[version] = Machine(
                    scored, plans[0].catalogue, self._make, journal=self._is_noted, tap=self._tap
                )

    def score(
        self, plan: Plan, batch: EventBatch, features: Features, lexicon: Lexicon, position: int
    ) -> dict[str, Column]:
        """Score events for the first time; -> columns for their facts. The scores are put among the features."""
        columns: dict[str, Column] = {}
        if len(batch) == 0:
            return columns
        for scored in plan.models_at(self.kind):
            begun = 0 if self._stopwatch is None else self._stopwatch()
            machine = self.machines[scored.version]
            said = machine.score(batch, features, lexicon.texts)
            for texts in (said.moved, said.segments):
                _learn(machine, texts, lexicon, position)
            given: tuple[Column, ...] = said
            for aggregate, column in zip(scored.says, given, strict=False):  # segments are said by some alone
                features.values[aggregate.id] = column.view(np.float64)
                columns[column_of(aggregate)] = column
            if self._stopwatch is not None:
                self._took[scored.id] += self._stopwatch() - begun
        return columns

    def keep(self, ids: Longs, columns: dict[str, Column], until: int) -> None:
        """Remember what was said of events, until entry `until` is the ring's oldest."""
        if columns and self._is_noted:
            self._said.append((until, ids, columns))
            self._unsaved.append((ids, columns))

    def free(self, oldest: int) -> None:
        """Let go what only events below an entry of the ring need."""
        while self._said and self._said[0][0] <= oldest:
            self._said.popleft()

    def take_noticed(self) -> list[Noticed]:
        """What was noticed with the events that were scored last, in the order of their rows."""
        noticed = [one for machine in self.machines.values() for one in machine.noticed]
        for machine in self.machines.values():
            machine.noticed = []
        return sorted(noticed, key=lambda one: (one.row, one.scored.id, one.signal.name))

    def take_times(self) -> Counter[str]:
        """Model -> ns that it took since this was last asked; nothing without a stopwatch."""
        taken, self._took = self._took, Counter()
        return taken

    def take_counts(self) -> Counter[tuple[str, str]]:
        """(model, what) -> how often since this was last asked."""
        total = Counter({(m.scored.id, what): n for m in self.machines.values() for what, n in m.totals().items()})
        news, self._told = total - self._told, total
        return news

    # As bytes

    def changes(self) -> list[bytes]:
        """What was learnt and said since this was last asked."""
        parts: list[bytes] = []
        for version, machine in self.machines.items():
            if machine.waiting is not None:
                parts += [_part("w", version, part) for part in machine.waiting.take_journal()]
            if machine.apart is not None:
                parts += [_part("k", version, part) for part in machine.apart.take_journal()]
            if machine.changed:
                parts += _pieces("m", version, machine.save())
            if machine.kept_changed:
                parts += _pieces("g", version, machine.save_kept())
        for ids, columns in self._unsaved:
            parts += _packed(ids, columns)
        self._unsaved.clear()
        return parts

    def image(self, chunk: int, chunks: int) -> list[bytes]:
        """All that is known of one part of so many."""
        parts: list[bytes] = []
        for at, (version, machine) in enumerate(self.machines.items()):
            if machine.waiting is not None:
                parts += [_part("w", version, part) for part in machine.waiting.image(chunk)]
            if machine.apart is not None:
                parts += [_part("k", version, part) for part in machine.apart.image(chunk)]
            if at % chunks == chunk:
                parts += _pieces("m", version, machine.save()) + _pieces("g", version, machine.save_kept())
        for _, ids, columns in self._said:
            rows = ids & (chunks - 1) == chunk
            if rows.any():
                parts += _packed(ids[rows], {name: column[rows] for name, column in columns.items()})
        return parts

    def load(self, parts: Iterable[bytes]) -> None:
        """Take in what `changes` and `image` gave, in the order in which they were made; `use` came before."""
        pieces: dict[tuple[str, str], list[bytes]] = {}
        saved: dict[tuple[str, str], bytes] = {}
        waiting: dict[str, list[bytes]] = {}
        apart: dict[str, list[bytes]] = {}
        said: list[tuple[Longs, dict[str, Column]]] = []
        for part in parts:
            what, version, content = msgspec.msgpack.decode(part)
            if what == "w":
                waiting.setdefault(version, []).append(content)
            elif what == "k":
                apart.setdefault(version, []).append(content)
            elif what in {"m", "g"}:
                place, of, piece = content
                found = pieces[what, version] = [] if place == 0 else pieces[what, version]
                found.append(piece)
                if len(found) == of:
                    saved[what, version] = b"".join(found)
            else:
                ids, columns = content
                columns = {name: np.frombuffer(column, dtype_of(name)) for name, column in columns.items()}
                said.append((np.frombuffer(ids, np.int64), columns))
        for version, machine in self.machines.items():
            if ("m", version) in saved:
                kept = saved.get(("g", version))
                machine.load(saved["m", version], kept, waiting.get(version, []), apart.get(version, []))
        self._recalled = _together(said)
        self.take_counts()  # which were said before

    def recall(self, batch: EventBatch, until: int) -> EventBatch:
        """Events of the log that is read again, with what was said of them before the checkpoint."""
        if self._recalled is None:
            return batch
        ids, known = self._recalled
        hashes = batch.hashes("id")
        at = np.minimum(np.searchsorted(ids, hashes), len(ids) - 1)
        found = ids[at] == hashes
        if not found.any():
            return batch
        columns = {name: np.where(found, column[at], none_of(name)) for name, column in known.items()}
        self._said.append((until, hashes, columns))
        return batch.with_columns(columns)

    def forget_recalled(self) -> None:
        """The log is read again as far as it was applied."""
        self._recalled = None


def _learn(machine: Machine, said: Longs, lexicon: Lexicon, position: int) -> None:
    """Keep the texts of what moved scores, and of segments."""
    if machine.texts:
        lexicon.learn(said, lambda row: machine.texts.get(int(said[row])), position)


def _pieces(what: str, version: str, saved: bytes) -> list[bytes]:
    """Bytes of any length as parts that are not too large."""
    cuts = range(0, len(saved), PART_BYTES)
    return [_part(what, version, [i, len(cuts), saved[at : at + PART_BYTES]]) for i, at in enumerate(cuts)]


def _part(what: str, version: str, content: Any) -> bytes:
    encoded: bytes = msgspec.msgpack.encode([what, version, content])
    return encoded


def _packed(ids: Longs, columns: Mapping[str, Column]) -> list[bytes]:
    step = max(1, PART_BYTES // (8 * (1 + len(columns))))
    parts = []
    for begin in range(0, len(ids), step):
        rows = slice(begin, begin + step)
        said = {name: np.ascontiguousarray(column[rows]).tobytes() for name, column in columns.items()}
        parts.append(_part("s", "", [np.ascontiguousarray(ids[rows]).tobytes(), said]))
    return parts


def _together(said: list[tuple[Longs, dict[str, Column]]]) -> tuple[Longs, dict[str, Column]] | None:
    """All that was said, ids sorted and each once; what an event lacks is as if its model had said nothing."""
    if not said:
        return None
    ids, first = np.unique(np.concatenate([of for of, _ in said]), return_index=True)
    names = dict.fromkeys(name for _, columns in said for name in columns)
    whole = {
        name: np.concatenate([columns.get(name, np.full(len(of), none_of(name))) for of, columns in said])
        for name in names
    }
    return ids, {name: column[first] for name, column in whole.items()}
