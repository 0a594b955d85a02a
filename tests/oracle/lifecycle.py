"""Follow loans through a life cycle, step by step, as its file says it: no features, no rules, one event at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import cache
from typing import Any

import yaml

from risk_stream.catalogue import text_hash
from tests.oracle.logic import Value, evaluate

__all__ = ["follow"]

Event = Mapping[str, Any]
_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}

_hash = cache(text_hash)


def follow(text: str, events: Iterable[Event], clock: float) -> set[tuple[str, str]]:
    """(rule, event) of every judgement of a file's steps, time having come to `clock`; limits are lengths of time."""
    file = yaml.safe_load(text)
    loans: dict[str, list[Event]] = {}
    for event in sorted({e["id"]: e for e in events}.values(), key=_place):
        loans.setdefault(event["loan"], []).append(event)
    return {judged for history in loans.values() for judged in _Loan(file, history).judged(clock)}


def _place(event: Event) -> tuple[int, int]:
    return event["time"], _hash(event["id"])


def _ms(length: str) -> int:
    return int(length[:-1]) * _UNITS[length[-1]]


class _Loan:
    """One loan's events in order, and what a life cycle says of them."""

    def __init__(self, file: Mapping[str, Any], history: list[Event]) -> None:
        self.file, self.history = file, history
        self.steps = {step["id"]: step for step in file["steps"]}
        self.window = _ms(file.get("window", "3650d"))

    def judged(self, clock: float) -> Iterable[tuple[str, str]]:
        for at, event in enumerate(self.history):
            before = self.history[:at]
            for id, step in self.steps.items():
                name = f"{self.file['lifecycle']}.{id}"
                if self._is(step, event) and self._is_of_these(event, before):
                    done = self._done(before, event["time"])
                    if not self._may_come(step, done):
                        yield f"{name}.skipped", event["id"]
                    if step.get("once") and id in done:
                        yield f"{name}.repeated", event["id"]
                    if id not in done and done & self._later(id):
                        yield f"{name}.out-of-order", event["id"]
                yield from ((f"{name}.{what}", event["id"]) for what in self._overdue(step, event, clock))

    def _overdue(self, step: Mapping[str, Any], event: Event, clock: float) -> Iterable[str]:
        again = "every" in step
        limit = step.get("every") or step.get("within")
        if limit is None:
            return
        due = event["time"] + _ms(limit)
        by_then = [e for e in self.history if _place(e) <= (due, _hash(event["id"]))]
        if due > clock or not self._is_of_these(event, by_then):
            return
        done = self._done(by_then, due)
        came = self._done(by_then, due, _ms(limit)) if again else done
        ends = {id for id, other in self.steps.items() if other.get("ends") and id != step["id"]}
        if step["id"] in came or done & ends:
            return
        if self._is(self.steps[step["after"]], event):
            yield "overdue"
        if again and self._is(step, event):
            yield "overdue-again"

    def _is(self, step: Mapping[str, Any], event: Event) -> bool:
        proof = step.get("proof")
        if proof is None:
            return event["type"] == "process_step" and event["step"] == step["id"] and event.get("outcome") != "refused"
        where = proof.get("where")
        return event["type"] == proof["of"] and (
            where is None or evaluate(where, lambda name: _of(event, name)) is True
        )

    def _is_of_these(self, event: Event, before: list[Event]) -> bool:
        """Whether the loan is one of the life cycle's: by what the event says, or else the last that said it."""
        if "where" not in self.file:
            return True

        def known(name: str) -> Value:
            said = [e for e in before if e["time"] > event["time"] - self.window and e.get(name) is not None]
            return _of(event, name) if event.get(name) is not None else _of(said[-1], name) if said else None

        return evaluate(self.file["where"], known) is True

    def _done(self, events: list[Event], now: int, within: int = 0) -> set[str]:
        """The steps that came in some events, not longer ago than the window or `within`."""
        recent = [e for e in events if e["time"] > now - (within or self.window)]
        return {id for id, step in self.steps.items() if any(self._is(step, e) for e in recent)}

    def _needs(self, step: Mapping[str, Any]) -> tuple[set[str], set[str]]:
        needs = step.get("needs", [])
        if not isinstance(needs, dict):
            return {needs} if isinstance(needs, str) else set(needs), set()
        every = needs.get("all", [])
        return {every} if isinstance(every, str) else set(every), set(needs.get("any", []))

    def _may_come(self, step: Mapping[str, Any], done: set[str]) -> bool:
        every, one = self._needs(step)
        return every <= done and (not one or bool(one & done))

    def _later(self, id: str) -> set[str]:
        """The steps that need this one, or a step that does, whatever way is taken."""
        found = {other for other, step in self.steps.items() if id in self._needs(step)[0]}
        return found.union(*(self._later(other) for other in found - {id}))


def _of(event: Event, name: str) -> Value:
    value = event.get(name)
    return value if value is None or isinstance(value, str | bool) else Fraction(str(value))
