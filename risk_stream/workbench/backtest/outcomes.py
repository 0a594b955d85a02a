"""What turned out to be true: outcomes from a file, and which of them an alert is about.

A line of the file is a JSON object. It says `label`: what it was, such as fraud or default; `good` and `false_alarm`
say that nothing was wrong. It names an event, `{"event": "T-1", "label": "fraud"}`, or keys and a time,
`{"customer": "C1", "start": "2026-01-01", "end": "2026-02-01", "label": "default"}`; with `rules: [...]` it counts for
these alone. The episodes that `risk-stream simulate --truth` writes can be read too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from risk_stream.catalogue.explain import parse_time
from risk_stream.engine import Alert

__all__ = ["GOOD", "Judged", "Outcome", "OutcomeError", "Outcomes", "read_outcomes"]

#: Labels that say that nothing was wrong.
GOOD = frozenset({"good", "false_alarm"})
#: So long after the end of an outcome's time an alert is still about it, ms: a day.
GRACE_MS = 86_400_000
_WORDS = frozenset({"label", "event", "events", "start", "end", "rules", "id", "kind", "keys", "complete"})


class OutcomeError(ValueError):
    """A line of a file of outcomes cannot be read; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What turned out to be true of some events, or of some keys in a time (ms since 1970 UTC, both ends included)."""

    number: int
    label: str
    events: frozenset[str] = frozenset()
    keys: tuple[tuple[str, str], ...] = ()  # kind of key, key
    start: int = -(1 << 62)
    end: int = 1 << 62
    rules: frozenset[str] = frozenset()  # that it counts for; all where there is none

    @property
    def bad(self) -> bool:
        """Whether an alert about it is right."""
        return self.label not in GOOD

    def counts_for(self, rule: str) -> bool:
        """Whether a rule is asked to find it."""
        return not self.rules or rule in self.rules

    def holds_in(self, start: int, end: int) -> bool:
        """Whether its time touches a span; one that is of events alone has no time of its own."""
        return self.start < end and self.end >= start


@dataclass(frozen=True, slots=True)
class Judged:
    """Alerts held against outcomes."""

    right: int  # alerts about something bad, or bad applications that were declined
    wrong: int  # about something that was good
    found: int  # bad outcomes
    to_find: int
    precision: float | None  # of the alerts whose outcome is known, the share that was right
    recall: float | None  # of the bad outcomes, the share that was found

    @staticmethod
    def of(right: int, wrong: int, found: int, to_find: int) -> Judged:
        """With the shares; None where there is nothing to take one of."""
        precision = right / (right + wrong) if right + wrong else None
        return Judged(right, wrong, found, to_find, precision, found / to_find if to_find else None)


@dataclass(slots=True)
class Outcomes:
    """Outcomes, found by event or by key and time."""

    known: Sequence[Outcome] = ()
    by_event: dict[str, list[Outcome]] = field(default_factory=dict)
    by_key: dict[tuple[str, str], list[Outcome]] = field(default_factory=dict)
    complete: bool = field(init=False)
    """Whether what has no outcome was good: so it is where no outcome says of anything that it was."""
    _rules: frozenset[str] | None = field(init=False)  # for which some outcome counts; None: for all

    def __post_init__(self) -> None:
        self.complete = bool(self.known) and all(outcome.bad for outcome in self.known)
        rules = frozenset(rule for outcome in self.known for rule in outcome.rules)
        self._rules = rules if all(outcome.rules for outcome in self.known) else None
        for outcome in self.known:
            for event in outcome.events:
                self.by_event.setdefault(event, []).append(outcome)
            for key in outcome.keys:
                self.by_key.setdefault(key, []).append(outcome)

    def clears(self, rule: str) -> bool:
        """Whether an alert of a rule about which there is no outcome was wrong.

        Nothing can be said of a rule that none of the outcomes counts for.
        """
        return self.complete and (self._rules is None or rule in self._rules)

    def of(self, alert: Alert, rule: str) -> list[Outcome]:
        """Those that an alert of a rule is about."""
        at = alert.time if alert.event_time is None else alert.event_time
        found = list(self.by_event.get(alert.event, ()))
        for key in alert.keys.items():
            found += [o for o in self.by_key.get(key, ()) if o.start <= at <= o.end + GRACE_MS]
        return [outcome for outcome in dict.fromkeys(found) if outcome.counts_for(rule)]


def read_outcomes(
    lines: Iterable[bytes], kinds: Iterable[str], rules_of: Mapping[str, Sequence[str]] | None = None
) -> Outcomes:
    """The outcomes of a file; `kinds` of key there are, `rules_of` are the rules that find a kind of episode.

    Raises:
        OutcomeError: a line is no outcome; says which and why.
    """
    known, found = frozenset(kinds), []
    for number, line in enumerate(lines, 1):
        if line.strip():
            outcome = _outcome(number, line, known, rules_of or {})
            if outcome is not None:
                found.append(outcome)
    return Outcomes(tuple(found))


def _outcome(number: int, line: bytes, kinds: frozenset[str], rules_of: Mapping[str, Sequence[str]]) -> Outcome | None:
    try:
        said = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise OutcomeError(f"line {number} is no JSON ({error}): write one JSON object a line") from None
    if not isinstance(said, dict):
        raise OutcomeError(f"line {number} is no JSON object: write label, and an event or a key")
    unknown = sorted(said.keys() - _WORDS - kinds)
    if unknown:
        raise OutcomeError(
            f"line {number}: '{unknown[0]}' is no part of an outcome: it has label, event, start, end, rules, and keys "
            f"such as customer"
        )
    label = said.get("label", said.get("kind"))
    if not isinstance(label, str) or not label:
        raise OutcomeError(f"line {number} has no label: say what it was, such as fraud, or false_alarm")
    if said.get("complete") is False:
        return None  # an episode that the stream's end cut off
    events = [said["event"]] if "event" in said else []
    keys = [(kind, said[kind]) for kind in kinds if kind in said]
    given = said.get("keys", {})
    if isinstance(given, dict):
        keys += [(kind, key) for kind, held in given.items() for key in (held if isinstance(held, list) else [held])]
    if not events and not keys:
        raise OutcomeError(f"line {number} names no event and no key: say event, or one such as customer")
    if not all(isinstance(text, str) for text in (*events, *(key for _, key in keys))):
        raise OutcomeError(f"line {number}: an event and a key are texts: write them in quotes")
    rules = said.get("rules", rules_of.get(label, ()))
    if not isinstance(rules, list | tuple) or not all(isinstance(rule, str) for rule in rules):
        raise OutcomeError(f"line {number}: rules must be a list of ids")
    start, end = (_time(number, said, name, default) for name, default in (("start", -(1 << 62)), ("end", 1 << 62)))
    return Outcome(number, label, frozenset(events), tuple(keys), start, end, frozenset(rules))


def _time(number: int, said: Mapping[str, Any], name: str, default: int) -> int:
    value = said.get(name)
    if value is None:
        return default
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        return parse_time(value)
    except (TypeError, ValueError):
        raise OutcomeError(
            f"line {number}: {name} must be a time, such as 2026-01-31 or 2026-01-31T09:30:00Z, or ms since 1970"
        ) from None
