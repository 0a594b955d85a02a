"""Who did what and when: a table of the log of lives, to find entries by, and whether the log is as it was written."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from risk_stream.access import Scope
from risk_stream.alerts import Act, Entry, Life, Ruling, digest

__all__ = ["ENTRIES", "AuditTable", "Sought", "told"]

Name = TypeVar("Name", str, frozenset[str])

#: Entries that can be found; of more the oldest quarter is let go, and stays in the log.
ENTRIES = 1_000_000

#: What an entry is, beside the acts: the engine said something of an alert, or time passed.
ALERT, TIME = "alert", "time"

#: Lives of an entry that are told one by one.
TOLD = 20


@dataclass(frozen=True, slots=True)
class Sought:
    """Which entries: of these people and acts (empty: all), from and until these times, ms; by people only."""

    people: frozenset[str] = frozenset()
    acts: frozenset[str] = frozenset()
    start: int | None = None
    end: int | None = None
    refused: bool | None = None
    by_people: bool = False


class AuditTable:
    """`take` every entry of the log in its order. Columns of small numbers: a million entries take some 40 MB."""

    def __init__(self, most: int = ENTRIES) -> None:
        self._most = most
        self._columns = {name: array(kind) for name, kind in _COLUMNS.items()}
        self._people, self._acts, self._subjects = _Names[str](), _Names[str](), _Names[str]()
        self._scopes = _Names[frozenset[str]]()
        self._forgotten = 0
        self._number, self._before = 0, ""
        self._broken: str | None = None

    def __len__(self) -> int:
        return len(self._columns["time"])

    @property
    def forgotten(self) -> int:
        """Entries of the log that are older than those here."""
        return self._forgotten

    @property
    def broken(self) -> str | None:
        """What is wrong with the log as it was read, a sentence about the first fault; None where nothing is."""
        return self._broken

    @property
    def last(self) -> tuple[int, str]:
        """The number of the last entry, and its digest."""
        return self._number, self._before

    @property
    def people(self) -> tuple[str, ...]:
        """Everybody who acted, in the order of their names."""
        return tuple(sorted(name for name in self._people.known if name))

    def take(self, entry: Entry, offset: int, record: bytes) -> None:
        """Take an entry: as it was read, where it lies, and its bytes."""
        if self._broken is None and entry.number != self._number + 1:
            self._broken = f"entry {entry.number} follows entry {self._number}: entries were left out, put in, or moved"
        elif self._broken is None and entry.before != self._before:
            self._broken = f"entry {self._number} is not as it was when entry {entry.number} was written"
        self._number, self._before = entry.number, digest(record)
        what = entry.act.act if entry.act is not None else entry.what
        entities = frozenset(life.entity for life in entry.lives) or _entities_of(entry)
        row = {
            "offset": offset,
            "time": entry.time,
            "who": self._people.code(entry.act.by if entry.act is not None else ""),
            "what": self._acts.code(what),
            "scope": self._scopes.code(entities),
            "subject": self._subjects.code(entry.act.subject if entry.act is not None else ""),
            "refused": int(any(not ruling.done for ruling in entry.rulings)),
        }
        for name, value in row.items():
            self._columns[name].append(value)
        if len(self) > self._most:
            gone = self._most // 4
            self._forgotten += gone
            for column in self._columns.values():
                del column[:gone]
            self._columns["subject"] = self._subjects.tidied(self._columns["subject"])

    def find(
        self,
        sought: Sought,
        scope: Scope,
        limit: int,
        offset: int = 0,
        among: Sequence[int] | None = None,
        subject: str = "",
    ) -> tuple[list[int], int]:
        """(where the entries of a page lie in the log, the newest first, how many there are in all).

        `among` are the offsets of the only entries that count, those of one alert, and with them those whose act names
        the `subject`.
        """
        if not len(self):
            return [], 0
        column = {name: np.frombuffer(values, values.typecode) for name, values in self._columns.items()}
        keep = np.ones(len(self), np.bool_)
        if among is not None:
            named = np.isin(column["subject"], self._subjects.codes([subject] if subject else []))
            keep &= named | np.isin(column["offset"], np.array(among, np.int64))
        if sought.people:
            keep &= np.isin(column["who"], self._people.codes(sought.people))
        if sought.by_people:
            keep &= column["who"] != self._people.code("")
        if sought.acts:
            keep &= np.isin(column["what"], self._acts.codes(sought.acts))
        if sought.start is not None:
            keep &= column["time"] >= sought.start
        if sought.end is not None:
            keep &= column["time"] < sought.end
        if sought.refused is not None:
            keep &= column["refused"] == int(sought.refused)
        if scope.entities is not None:
            seen = [code for code, of in enumerate(self._scopes.known) if any(map(scope.sees, of))]
            keep &= np.isin(column["scope"], np.array(seen, np.int64))
        rows: NDArray[np.int64] = np.flatnonzero(keep)[::-1]
        found = column["offset"][rows[offset : offset + limit]].tolist()
        del column  # arrays cannot grow while somebody looks into them
        return found, len(rows)


class _Names(Generic[Name]):
    """Things with small numbers, in the order in which they came."""

    def __init__(self) -> None:
        self.known: list[Name] = []
        self._code: dict[Name, int] = {}

    def code(self, name: Name) -> int:
        code = self._code.get(name)
        if code is None:
            code = self._code[name] = len(self.known)
            self.known.append(name)
        return code

    def tidied(self, column: array[int]) -> array[int]:
        """A column of these codes, after names that it does not hold are forgotten."""
        names = [self.known[code] for code in column]
        self.known, self._code = [], {}
        return array(column.typecode, map(self.code, names))

    def codes(self, names: Iterable[Name]) -> NDArray[np.int64]:
        """Those of the names that are known."""
        return np.array([self._code[name] for name in names if name in self._code], np.int64)


_COLUMNS = {"offset": "q", "time": "q", "who": "i", "what": "i", "scope": "i", "subject": "i", "refused": "b"}


def _entities_of(entry: Entry) -> frozenset[str]:
    """Whose an entry is that changes no alert: what the silence is of, or whoever asked may work."""
    if entry.silences:
        return frozenset(name for silence in entry.silences for name in silence.entities)
    return frozenset(entry.act.entities or ()) if entry.act is not None else frozenset()


def told(entry: Entry, scope: Scope, shown: Callable[[str, str], str] = lambda _, key: key) -> dict[str, object]:
    """An entry as the page shows it: of others' legal entities it has no alert. `shown(kind, key)` masks a key."""
    lives = [life for life in entry.lives if scope.sees(life.entity)]
    said: dict[str, object] = {
        "number": entry.number,
        "time": entry.time,
        "what": entry.what,
        "alerts": [_life(life) for life in lives[:TOLD]],
        "more": max(0, len(lives) - TOLD),
    }
    if entry.act is not None:
        mine = {life.id for life in lives}
        every = scope.entities is None
        said |= _act(entry.act)
        refused = (one for one in entry.rulings if not one.done)
        seen = [_ruling(one) for one in refused if every or one.alert is None or one.alert in mine]
        said["rulings"] = seen[:TOLD]
    if entry.silences:
        silence = entry.silences[0]
        keys = {kind: shown(kind, key) for kind, key in silence.keys.items()}
        said["silence"] = msgspec.structs.replace(silence, keys=keys)
    return said


def _act(act: Act) -> dict[str, object]:
    given = {
        "act": act.act,
        "by": act.by,
        "id": act.id,
        "case": act.case,
        "to": act.to,
        "until": act.until,
        "disposition": act.disposition,
        "comment": act.comment,
        "subject": act.subject,
    }
    return {name: value for name, value in given.items() if value}


def _life(life: Life) -> dict[str, object]:
    return {
        "id": life.id,
        "rule": life.rule,
        "severity": life.severity,
        "standing": life.standing,
        "state": life.state,
        "disposition": life.disposition,
        "assignee": life.assignee,
        "version": life.version,
        "entity": life.entity,
    }


def _ruling(ruling: Ruling) -> dict[str, object]:
    return {"alert": ruling.alert, "why": ruling.why}
