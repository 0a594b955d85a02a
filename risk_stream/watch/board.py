"""The open alerts and the silences of a house as the log of lives has them, and how an Alertmanager is told of them.

An Alertmanager knows an alert by its labels, so they hold only what stays (its id, rule, case, entity, keys) and its
severity: where that changes, the old one ends and a new one begins. No sentence is told: it may hold personal data,
which an Alertmanager would show to everybody. The link leads to the console, where each person sees what they may.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

from risk_stream.alerts import SEVERITIES, Life, Silence, read_entry

__all__ = ["SOURCE", "Board", "Labels", "alert_of", "labels_of", "resolved", "rfc3339", "silence_of", "silence_told"]

#: What every alert about customers carries as `source`, so that routes and silences tell it from those of the platform.
SOURCE = "risk-stream"

Labels: TypeAlias = dict[str, str]

_RANK = {severity: rank for rank, severity in enumerate(SEVERITIES)}

#: How an Alertmanager's silence says which of ours it is, at the end of its comment.
_MARK = re.compile(r"\[silence ([A-Za-z0-9_.:-]+) of (.+)\]$")


class Board:
    """The fold of the log; `hears` are told the id of each life that changed, and None of a silence.

    It holds lives that are not closed and silences that are not over: the desk bounds both.
    """

    def __init__(self) -> None:
        self.open: dict[str, Life] = {}
        self.silences: dict[str, Silence] = {}
        self.hears: list[Callable[[str | None], None]] = []

    def take(self, record: bytes) -> None:
        """Take an entry as it stands in the log. Raises `msgspec.ValidationError` or `msgspec.DecodeError`."""
        entry = read_entry(record)
        for life in entry.lives:
            if life.standing == "closed":
                self.open.pop(life.id, None)
            else:
                self.open[life.id] = life
            self._say(life.id)
        for silence in entry.silences:
            self.silences[silence.id] = silence
            self._say(None)

    def forget(self, now: int) -> None:
        """Let go of silences that were over by a time, ms."""
        for id in [id for id, silence in self.silences.items() if silence.ends <= now]:
            del self.silences[id]

    def foremost(self, most: int) -> list[str]:
        """The ids of so many open lives: the most severe, of them the newest."""
        if len(self.open) <= most:
            return list(self.open)
        ranked = sorted(self.open.values(), key=lambda life: (_RANK.get(life.severity, 0), life.since), reverse=True)
        return [life.id for life in ranked[:most]]

    def _say(self, changed: str | None) -> None:
        for hear in self.hears:
            hear(changed)


def labels_of(life: Life, house: str) -> Labels:
    """The labels by which an Alertmanager knows a life of a house, which is called as its group of workers."""
    keys = {f"key_{kind}": key for kind, key in life.keys.items() if re.fullmatch(r"[a-zA-Z0-9_]+", kind)}
    return {
        "alertname": life.rule,
        "source": SOURCE,
        "house": house,
        "severity": life.severity,
        "stage": life.stage,
        "entity": life.entity,
        "rule": life.rule,
        "case": life.case,
        "alert": life.id,
        **keys,
    }


def alert_of(life: Life, labels: Mapping[str, str], *, ends: int, console: str) -> dict[str, Any]:
    """A life as an Alertmanager takes it; it ends by itself at `ends`, ms, unless it is told of again."""
    subject = next((f" on {kind} {key}" for kind, key in life.keys.items()), "")
    who = f" by {life.assignee}" if life.standing == "acknowledged" and life.assignee else ""
    return {
        "labels": dict(labels),
        "annotations": {"summary": f"{life.rule}{subject}: {life.severity}, {life.standing}{who}"},
        "startsAt": rfc3339(life.since),
        "endsAt": rfc3339(max(ends, life.since + 1)),
        "generatorURL": f"{console}/alerts/{life.id}",
    }


def resolved(labels: Mapping[str, str], now: int) -> dict[str, Any]:
    """An alert of these labels that is over by a time, ms."""
    return {"labels": dict(labels), "startsAt": rfc3339(now - 1), "endsAt": rfc3339(now)}


def silence_of(silence: Silence, house: str) -> dict[str, Any]:
    """A silence as an Alertmanager takes it: of alerts about this house's customers alone, by whom it is and why."""
    lists = {
        "rule": silence.rules,
        "stage": silence.stages,
        "severity": silence.severities,
        "entity": silence.entities,
        **{f"key_{kind}": [key] for kind, key in silence.keys.items()},
    }
    ours = [_matcher("source", [SOURCE]), _matcher("house", [house])]
    matchers = [*ours, *(_matcher(name, values) for name, values in lists.items() if values)]
    return {
        "matchers": matchers,
        "startsAt": rfc3339(max(silence.begins, 0)),
        "endsAt": rfc3339(silence.ends),
        "createdBy": silence.by,
        "comment": f"{silence.reason} [silence {silence.id} of {house}]",
    }


def silence_told(comment: str, house: str) -> str | None:
    """Which of a house's silences one of an Alertmanager is, by its comment; None where it is of somebody else."""
    found = _MARK.search(comment)
    return found[1] if found is not None and found[2] == house else None


def rfc3339(ms: int) -> str:
    """A time, ms since 1970 UTC, as an Alertmanager writes it."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _matcher(name: str, values: list[str]) -> dict[str, Any]:
    if len(values) == 1:
        return {"name": name, "value": values[0], "isRegex": False, "isEqual": True}
    return {"name": name, "value": "|".join(map(re.escape, values)), "isRegex": True, "isEqual": True}
