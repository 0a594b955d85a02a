"""The index as a list of dicts: what it should answer, said as plainly as it can be."""

from __future__ import annotations

from collections import Counter
from typing import Any

from risk_stream.access import Scope
from risk_stream.alerts import SEVERITIES, Life
from risk_stream.console.index import Query
from risk_stream.console.index.index import AT_ONCE
from risk_stream.engine import Alert

__all__ = ["Oracle"]

_BEFORE_ALL = -(2**63)
_STANDINGS = ("open", "acknowledged", "closed")


class Oracle:
    """Takes what an index takes."""

    def __init__(self, most: int) -> None:
        self.most, self.rows = most, dict[str, dict[str, Any]]()

    def alert(self, alert: Alert, place: tuple[int, int] = (-1, -1), at: int | None = None) -> None:
        if alert.mode != "live":
            return
        rows = [row for row in self.rows.values() if row["alert"] == alert.id]
        if rows and alert.revision <= rows[0]["revision"]:
            return
        if not rows:
            rows = [self.rows.setdefault(alert.id, _new(alert.id, alert.id))]
            rows[0]["since"] = alert.time if at is None else at
        for row in rows:
            row |= {"revision": alert.revision, "score": alert.score, "summary": alert.summary, "keys": alert.keys}
            if row["version"] == 0:
                ended = alert.status == "withdrawn"
                now = row["since"] if at is None else at
                row |= {name: getattr(alert, name) for name in ("rule", "stage", "severity", "entity", "time", "owner")}
                row |= {"state": alert.status, "changed": now, "closed": now if ended else None}
                row |= {"standing": "closed" if ended else "open", "disposition": "withdrawn" if ended else None}
        self._bound()

    def life(self, life: Life) -> None:
        known = self.rows.get(life.id)
        if known is not None and life.version <= known["version"]:
            return
        if known is None:
            heard = [row for row in self.rows.values() if row["alert"] == life.alert and row["revision"] >= 0]
            row = self.rows[life.id] = _new(life.id, life.alert)
            facts = heard[0] if heard else {"summary": "", "revision": -1, "score": 0.0, "keys": life.keys}
            row |= {name: facts[name] for name in ("revision", "score", "summary", "keys")}
            if life.id != life.alert and self.rows.get(life.alert, {"version": 1})["version"] == 0:
                del self.rows[life.alert]
        else:
            row = known
        for name in (
            *("rule", "stage", "severity", "entity", "time", "since", "changed", "version", "level", "closed", "owner"),
            *("asleep_until", "state", "standing", "assignee", "case", "by", "disposition"),
        ):
            row[name] = getattr(life, name)
        self._bound()

    def _bound(self) -> None:
        if len(self.rows) > self.most:
            many = max(len(self.rows) - self.most, self.most // AT_ONCE)
            ordered = sorted(self.rows.values(), key=lambda r: (r["standing"] != "closed", r["since"], r["id"]))
            for row in ordered[:many]:
                del self.rows[row["id"]]

    def matching(self, query: Query, scope: Scope) -> list[dict[str, Any]]:
        return [row for row in self.rows.values() if scope.sees(row["entity"]) and _matches(row, query)]

    def find(self, query: Query, scope: Scope, sort: str, offset: int, limit: int) -> tuple[list[str], int]:
        found = sorted(self.matching(query, scope), key=lambda row: row["id"])
        name = sort.removeprefix("-")
        found.sort(key=lambda row: _value(row, name), reverse=sort.startswith("-"))
        if name != "id" and sort.startswith("-"):  # ties stand by id all the same
            ranks = sorted({_value(row, name) for row in found})
            found.sort(key=lambda row: (-ranks.index(_value(row, name)), row["id"]))
        return [row["id"] for row in found[offset : offset + limit]], len(found)

    def counts(self, by: tuple[str, ...], query: Query, scope: Scope) -> dict[tuple[str, ...], int]:
        return dict(Counter(tuple(row[name] or "" for name in by) for row in self.matching(query, scope)))


def _new(id: str, alert: str) -> dict[str, Any]:
    row = {"id": id, "alert": alert, "version": 0, "level": 0, "assignee": "", "case": "", "by": ""}
    return {**row, "disposition": None, "closed": None, "asleep_until": None}


def _value(row: dict[str, Any], name: str) -> Any:
    value = row[name]
    if name == "severity":
        return SEVERITIES.index(value)
    if name == "standing":
        return _STANDINGS.index(value)
    return (_BEFORE_ALL if name in {"closed", "asleep_until"} else "") if value is None else value


def _matches(row: dict[str, Any], query: Query) -> bool:
    asleep = _BEFORE_ALL if row["asleep_until"] is None else row["asleep_until"]
    said = [row["summary"].lower(), row["rule"].lower(), *(key.lower() for key in row["keys"].values())]
    return (
        all((row[name] or "") in values for name, values in query.one_of.items())
        and all(row["keys"].get(kind) == key for kind, key in query.keys.items())
        and (query.begins is None or row["time"] >= query.begins)
        and (query.ends is None or row["time"] < query.ends)
        and (query.awake_at is None or asleep <= query.awake_at)
        and (query.asleep_at is None or asleep > query.asleep_at)
        and all(word == row["id"] or any(word.lower() in text for text in said) for word in query.words.split())
    )
