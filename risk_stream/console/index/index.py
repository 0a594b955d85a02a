"""The index of alerts: fed from what the engine says and from the log of lives, asked by pages and the interface."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from risk_stream.access import EVERYWHERE, Masking, Scope
from risk_stream.alerts import Life
from risk_stream.catalogue import MASK
from risk_stream.console.index.asking import matching, order_of, row_of
from risk_stream.console.index.columns import NEVER
from risk_stream.console.index.query import Changes, Page, Place, Query, Row
from risk_stream.console.index.rows import Rows
from risk_stream.console.index.window import window

if TYPE_CHECKING:
    from risk_stream.engine import Alert

__all__ = ["HOUR_MS", "MOST_ROWS", "Index"]

#: Rows that are kept; each takes some 700 bytes.
MOST_ROWS = 1_000_000

#: Where there are more, one in so many goes at once.
AT_ONCE = 256

#: Rows that went, as far back as it is remembered for who asks what changed.
MOST_GONE = 10_000

HOUR_MS = 3_600_000

#: Combinations of names that are counted in a table; of more, as of cases with rules, those that there are.
MOST_CELLS = 1_000_000

ALL = Query()


class Index:
    """One row for each life; before the desk has begun one, an alert that is live is a row of version 0.

    What people have (standing, case, severity as the desk took it) is a life's, the highest version of it; sentence,
    keys and score are the alert's, its highest revision, masked. So either may come first, and again. Not for threads.
    """

    def __init__(self, masking: Masking, *, most: int = MOST_ROWS) -> None:
        self.most = most
        self.version = 0  # counts changes
        self.dropped = 0  # rows that went because there were too many
        self._masking = masking
        self._rows = Rows()
        self._gone: deque[tuple[int, str, str]] = deque(maxlen=MOST_GONE)  # version, id, entity that saw it

    def __len__(self) -> int:
        return len(self._rows)

    # What is asked

    def find(
        self, query: Query = ALL, scope: Scope = EVERYWHERE, sort: str = "-time", offset: int = 0, limit: int = 50
    ) -> Page:
        """A page of the rows that a query finds. Raises `QueryError` for an order that is none."""
        order = order_of(self._rows, sort)
        found = matching(self._rows, query, scope)
        page = window(found, order, offset, offset + limit)
        return Page([row_of(self._rows, slot) for slot in page.tolist()], len(found))

    def one(self, id: str, scope: Scope = EVERYWHERE) -> Row | None:
        """A row by its id; None where it is not there, or not for who asks."""
        slot = self._seen(id, scope)
        return None if slot is None else row_of(self._rows, slot)

    def place(self, id: str) -> Place | None:
        """Where the record lies that says the whole of a row's alert; None where it was not heard."""
        slot = self._rows.slots.get(id)
        if slot is None or self._rows.numbers["offset"][slot] < 0:
            return None
        return Place(int(self._rows.numbers["partition"][slot]), int(self._rows.numbers["offset"][slot]))

    def entry(self, id: str) -> int | None:
        """The offset of the entry that made a row's life as it is; None where the desk has not said anything of it."""
        slot = self._rows.slots.get(id)
        return None if slot is None or self._rows.numbers["entry"][slot] < 0 else int(self._rows.numbers["entry"][slot])

    def counts(self, by: Sequence[str], query: Query = ALL, scope: Scope = EVERYWHERE) -> dict[tuple[str, ...], int]:
        """How many rows there are of each combination of names of some columns; of those that there are."""
        found = matching(self._rows, query, scope)
        columns = [self._rows.coded[name] for name in by]
        shape = [len(column.names) for column in columns]
        if not columns or not len(found):
            return {(): len(found)} if not columns else {}
        flat = np.ravel_multi_index([column.codes[found] for column in columns], shape)
        counts = np.bincount(flat) if np.prod(shape) <= MOST_CELLS else None
        some, numbers = (
            np.unique(flat, return_counts=True) if counts is None else (counts.nonzero()[0], counts[counts > 0])
        )
        codes = np.unravel_index(some, shape)
        names = zip(*([c.names[code] for code in of] for c, of in zip(columns, codes, strict=True)), strict=True)
        return dict(zip(names, numbers.tolist(), strict=True))

    def newest(self, query: Query = ALL, scope: Scope = EVERYWHERE) -> int | None:
        """When the last alert was raised here, ms; None where there is none."""
        if not len(self):
            return None
        since, held = self._rows.numbers["since"], self._rows.held
        last = int(since.max(where=held, initial=NEVER))
        for among in (np.flatnonzero(held & (since > last - 24 * HOUR_MS)), None):  # there most find theirs
            found = matching(self._rows, query, scope, among)
            if len(found):
                return int(since[found].max())
        return None

    def per_hour(
        self, until: int, hours: int, query: Query = ALL, scope: Scope = EVERYWHERE, *, column: str = "since"
    ) -> list[tuple[int, dict[str, int]]]:
        """How many alerts came in each of some hours, by severity; the last is the hour of `until`, ms.

        Each with when it began, ms. `column` is the time that counts: when alerts were raised here, or their events'.
        """
        first = until // HOUR_MS - hours + 1
        times, severity = self._rows.numbers[column], self._rows.coded["severity"]
        within = self._rows.held & (times >= first * HOUR_MS) & (times < (first + hours) * HOUR_MS)
        found = matching(self._rows, query, scope, np.flatnonzero(within))
        width = len(severity.names)
        flat = (times[found] // HOUR_MS - first) * width + severity.codes[found]
        table = np.bincount(flat, minlength=hours * width).reshape(hours, width).tolist()
        names = severity.names
        return [
            ((first + hour) * HOUR_MS, {name: n for name, n in zip(names, counts, strict=True) if n})
            for hour, counts in enumerate(table)
        ]

    def dispositions(self, rule: str | None = None, scope: Scope = EVERYWHERE) -> dict[str, Counter[str]]:
        """Of each rule, or of one, how many of its alerts were closed as what."""
        query = Query(one_of={"standing": ["closed"], **({} if rule is None else {"rule": [rule]})})
        found: dict[str, Counter[str]] = {}
        for (name, disposition), count in self.counts(("rule", "disposition"), query, scope).items():
            found.setdefault(name, Counter())[disposition] = count
        return found

    def similar(self, id: str, scope: Scope = EVERYWHERE, limit: int = 20) -> list[Row]:
        """Closed rows of the same rule or of a same key, the last closed first; `same` says in what they are alike."""
        slot = self._seen(id, scope)
        if slot is None:
            return []
        rows = self._rows
        _, keys = rows.said(slot)
        alike = {"rule": rows.coded["rule"].codes == rows.coded["rule"].codes[slot]}
        alike |= {kind: rows.kinds[kind] == rows.kinds[kind][slot] for kind in keys}
        some = np.flatnonzero(rows.held & np.logical_or.reduce([*alike.values()]))
        found = matching(rows, Query(one_of={"standing": ["closed"]}), scope, some[some != slot])
        page = window(found, order_of(rows, "-closed"), 0, limit)
        return [
            {**row_of(rows, one), "same": [what for what, same in alike.items() if same[one]]} for one in page.tolist()
        ]

    def changed_since(self, version: int, scope: Scope = EVERYWHERE, query: Query = ALL, most: int = 500) -> Changes:
        """The rows that changed after a version and are found by a query, and what went from sight of the scope.

        Those that went because there were too many are not told of: they are the oldest of all, and nobody waits for
        them.
        """
        rows, touched = self._rows, self._rows.numbers["touched"]
        new = matching(rows, query, scope, np.flatnonzero(rows.held & (touched > version)))
        new = new[np.argsort(-touched[new])]
        gone = dict.fromkeys(id for at, id, entity in self._gone if at > version and scope.sees(entity))
        lost = len(self._gone) == MOST_GONE and self._gone[0][0] > version + 1
        return Changes(
            self.version,
            [row_of(rows, slot) for slot in new[:most].tolist()],
            [id for id in gone if self._seen(id, scope) is None][:most],
            lost or len(new) > most or len(gone) > most,
        )

    def _seen(self, id: str, scope: Scope) -> int | None:
        slot = self._rows.slots.get(id)
        return slot if slot is not None and scope.sees(self._rows.coded["entity"][slot]) else None

    # What is fed

    def alert(self, alert: Alert, place: tuple[int, int] = (-1, -1), at: int | None = None) -> None:
        """What the engine says; `place` is the record's partition and offset, `at` when it was written, ms."""
        if alert.mode != "live":
            return
        rows, slots = self._rows, self._rows.of_alert(alert.id)
        if slots and alert.revision <= rows.numbers["revision"][slots[0]]:
            return
        summary, keys = self._shown(alert)
        if not slots:
            slots = [rows.add(alert.id)]
            rows.put(slots[0], since=alert.time if at is None else at)
        for slot in slots:
            rows.put(slot, revision=alert.revision, score=alert.score, partition=place[0], offset=place[1])
            rows.say(slot, summary, keys)
            if rows.numbers["version"][slot] == 0:
                self._leave(slot, alert.entity)
                ended = alert.status == "withdrawn"
                told = rows.numbers["since"][slot] if at is None else at
                rows.put(slot, time=alert.time, changed=told, closed=told if ended else NEVER)
                rows.name(slot, rule=alert.rule, stage=alert.stage, severity=alert.severity, entity=alert.entity)
                rows.name(slot, state=alert.status, owner=alert.owner)
                rows.stand(slot, "closed" if ended else "open")
                rows.name(slot, disposition="withdrawn" if ended else "")
            self._touch(slot)
        self._bound()

    def life(self, life: Life, offset: int = -1) -> None:
        """What people have; `offset` is that of the entry in the log of lives."""
        rows, slot = self._rows, self._rows.slots.get(life.id)
        if slot is not None and life.version <= rows.numbers["version"][slot]:
            return
        if slot is None:
            slot = self._begun(life)
        self._leave(slot, life.entity)
        rows.put(slot, time=life.time, since=life.since, changed=life.changed, version=life.version, level=life.level)
        rows.put(slot, closed=NEVER if life.closed is None else life.closed, entry=offset)
        rows.put(slot, asleep_until=NEVER if life.asleep_until is None else life.asleep_until)
        rows.name(slot, rule=life.rule, stage=life.stage, severity=life.severity, entity=life.entity, owner=life.owner)
        rows.name(slot, state=life.state, assignee=life.assignee, case=life.case, by=life.by)
        rows.name(slot, disposition=life.disposition or "")
        rows.stand(slot, life.standing)
        self._touch(slot)
        self._bound()

    def _begun(self, life: Life) -> int:
        """The row of a life that was not heard of, with what the engine is known to say of its alert."""
        rows, siblings = self._rows, self._rows.of_alert(life.alert)
        slot = rows.add(life.id)
        if siblings and rows.numbers["revision"][siblings[0]] >= 0:
            rows.copy_facts(slot, siblings[0])
        else:
            hidden = self._masking.kinds | {"rule"}
            rows.say(slot, "", {kind: key for kind, key in life.keys.items() if kind not in hidden})
        if life.id != life.alert:
            rows.follow(life.id, life.alert)
            first = rows.slots.get(life.alert)
            if first is not None and rows.numbers["version"][first] == 0:
                self._remove(first)
        return slot

    def _shown(self, alert: Alert) -> tuple[str, Mapping[str, str]]:
        """The sentence and the keys of an alert, without what is personal."""
        said = {"keys": alert.keys, "features": alert.features, "summary": alert.summary}
        if alert.was is not None:
            said["was"] = alert.was
        masked = self._masking.alert(said)
        return masked["summary"], {kind: key for kind, key in masked["keys"].items() if key != MASK}

    def _touch(self, slot: int) -> None:
        self.version += 1
        self._rows.numbers["touched"][slot] = self.version

    def _leave(self, slot: int, entity: str) -> None:
        """Remember that a row goes from one entity to another: who saw it may do so no more."""
        before = self._rows.coded["entity"][slot]
        if before != entity and self._rows.numbers["touched"][slot]:
            self._gone.append((self.version + 1, self._rows.ids[slot], before))

    def _remove(self, slot: int) -> None:
        """Let a row go that another stands for now."""
        self.version += 1
        self._gone.append((self.version, self._rows.ids[slot], self._rows.coded["entity"][slot]))
        self._rows.remove(slot)

    def _bound(self) -> None:
        """Let the oldest go where there are too many: a few at once, for it takes a look at all of them."""
        if len(self._rows) <= self.most:
            return
        many = max(len(self._rows) - self.most, self.most // AT_ONCE)
        for slot in self._rows.oldest(many).tolist():
            self._rows.remove(slot)
        self.version += 1
        self.dropped += many
        self._rows.tidy()
