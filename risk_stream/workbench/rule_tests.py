"""Runs the tests that stand in rule files, through the engine that judges live events."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from risk_stream.catalogue import Catalogue, Decoder, Field, FieldType, Reject, hash_column
from risk_stream.engine import Alert, Decided, Engine, final
from risk_stream.rules import Given, Plan, Rule, RuleTest, Validity
from risk_stream.workbench.told import saying, untrained
from risk_stream.workbench.trace import Step, Tracer

__all__ = ["FIRST_TIME", "TestResult", "run_tests"]

#: When the first event of a test happens if it does not say: Wednesday 2024-01-03, ten in the morning in China.
FIRST_TIME = 1_704_247_200_000
_DAY_MS = 86_400_000

_RESERVE_MIB = 8
#: However far back a test goes in time, its events are judged: ms, a hundred years.
_LATENESS_MS = 100 * 365 * 86_400_000


@dataclass(frozen=True, slots=True)
class TestResult:
    """What came of one test in a rule file. `message` is a sentence about what went wrong, empty where it passed."""

    __test__: ClassVar[bool] = False  # pytest takes classes called Test... for its own

    rule: str
    test: str
    file: str
    line: int
    expected: str  # fires or quiet; of a decision table the verdict
    passed: bool
    message: str = ""
    events: tuple[Mapping[str, object], ...] = ()  # as judged, what was made up included
    features: Mapping[str, float | int | str | bool | None] = field(default_factory=dict)  # on the last event
    summary: str = ""  # what the rule said of the last event, or would have said
    steps: tuple[Step, ...] = ()  # its condition on every event that it judged, the last one's last


def run_tests(plan: Plan, rules: Collection[str] | None = None) -> list[TestResult]:
    """Run the ``tests:`` of a plan's rules, or of those with these ids; results stand in the order of the files.

        failed = [result for result in run_tests(load_plan([Path("rules")], catalogue)) if not result.passed]

    Each test has an engine of its own and a plan of its rule alone, so rules in mode `shadow` or `off` are tested too
    and no rule can disturb another's test. The events of ``given`` are judged in order, of whatever type they are, and
    the test passes if the rule fires on the last one (``then: fires``) or does not (``then: quiet``). A rule with
    ``after`` judges the last one of its own types: time goes on to the last event's, and from there by ``until``.

    Models are not trained by the events of a test: what it says under ``scores:`` is what they say of each of them, and
    a model that is not named there says nothing, as while it warms up.

    What a given event leaves out is made up, the same in every run:

    * `time`: that of the event before it and ``after`` on top; the first one's is `FIRST_TIME`, or that time of day on
      a day within the days that the rule judges;
    * every key of its type, required or not: one account, one customer, one device ... for the whole test, so that all
      events belong together unless they say otherwise. Write ``device: null`` for an event that has none;
    * fields the catalogue requires: a number is 1 (or the nearest value allowed), a choice its first choice, a boolean
      false, a timestamp the event's time, a text the field's name. Other fields stay missing.
    """
    decoder = Decoder(plan.catalogue)
    chosen = [rule for rule in plan.rules if rules is None or rule.id in rules]
    results = []
    for rule in sorted(chosen, key=lambda r: (r.file, r.line)):
        tracer = Tracer(rule)  # it fires on every event: its alerts tell what the rule saw, whether it fired or not
        models = untrained(plan.models_asked([rule]))
        alone = Plan(plan.catalogue, [rule.for_all(), tracer.rule], plan.wheres, models=models)
        results += [_run(alone, tracer, decoder, rule, test) for test in rule.tests]
    return results


def _run(alone: Plan, tracer: Tracer, decoder: Decoder, rule: Rule, test: RuleTest) -> TestResult:
    events = tuple(_completed(alone.catalogue, test.given, first_time(rule.validity, test.given)))
    batch, _, rejects = decoder.decode([json.dumps(event).encode() for event in events], str)
    if rejects:
        return _result(rule, test, events, _refused(rejects[0]))
    make = saying(alone.models, test.scores)
    engine = Engine(alone, reserve_mib=_RESERVE_MIB, lateness_ms=_LATENESS_MS, make=make)
    judged = engine.apply(batch)
    until = engine.advance(int(batch.times[-1]) + test.until_ms)
    last = max((i for i, event in enumerate(events) if event["type"] in rule.on), default=-1)
    if rule.after is None and last < len(events) - 1:
        last = -1
    named = events[last]["id"] if last >= 0 else None
    at_last = final((*judged.alerts, *until.alerts))
    said = {a.rule: a for a in at_last if a.event == named}
    seen, fired = said.get(tracer.rule.id), rule.id in said
    if rule.table is not None:
        ruling = next((d for d in final(judged.decisions) if d.event == named and isinstance(d, Decided)), None)
        message = _wrong_ruling(test, tracer, seen, ruling)
    else:
        message = "" if fired is test.fires else _wrong(rule, tracer, seen, fired=fired)
    if not message and test.severity and said[rule.id].severity != test.severity:
        message = f"the rule fires as {said[rule.id].severity}, and should as {test.severity}: on the last event " + (
            _values(tracer, said[tracer.rule.id])
        )
    if rule.after is not None and seen is None:
        message = _not_yet(rule, int(batch.times[last]), engine.clock)
    if judged.rule_errors or until.rule_errors:
        failures = until.rule_errors or judged.rule_errors
        message = f"the rule could not be evaluated: {next(iter(failures.values())).last}"
    traced = {a.event: tracer.steps(a) for a in at_last if a.rule == tracer.rule.id}
    steps = tuple(traced[str(event["id"])] for event in events if event["id"] in traced)
    return _result(rule, test, events, message, seen, {} if seen is None else tracer.features(seen), steps)


def _result(
    rule: Rule,
    test: RuleTest,
    events: tuple[Mapping[str, object], ...],
    message: str,
    seen: Alert | None = None,
    features: Mapping[str, float | int | str | bool | None] = MappingProxyType({}),
    steps: tuple[Step, ...] = (),
) -> TestResult:
    return TestResult(
        rule=rule.id,
        test=test.name,
        file=rule.file,
        line=test.line,
        expected=test.verdict or ("fires" if test.fires else "quiet"),
        passed=not message,
        message=message,
        events=events,
        features=dict(features),
        summary=seen.summary if seen is not None else "",
        steps=steps,
    )


def first_time(validity: Validity | None, given: tuple[Given, ...]) -> int:
    """When the first event of a test happens: at the time of day of `FIRST_TIME`, on a day that the rule judges."""
    if validity is None:
        return FIRST_TIME
    if validity.from_ms is not None and validity.from_ms > FIRST_TIME:
        return FIRST_TIME + -(-(validity.from_ms - FIRST_TIME) // _DAY_MS) * _DAY_MS
    span = sum(one.after_ms for one in given)
    if validity.until_ms is not None and validity.until_ms <= FIRST_TIME + span:
        return FIRST_TIME - -(-(FIRST_TIME + span + 1 - validity.until_ms) // _DAY_MS) * _DAY_MS
    return FIRST_TIME


def _completed(catalogue: Catalogue, given: tuple[Given, ...], first: int) -> Iterator[dict[str, object]]:
    """The events of a test with all that they need."""
    time = first
    for number, one in enumerate(given):
        event_type = catalogue.type(one.type)
        time += one.after_ms
        event: dict[str, object] = {"id": _id(number, len(given)), "time": time}
        event |= {kind: f"made-up-{kind}" for kind in event_type.keys.values()}
        event |= one.fields
        event["type"] = one.type
        time = _ms(event["time"], time)
        event |= {f.name: _made_up(f, time) for f in event_type.fields if f.required and f.name not in event}
        yield {name: value for name, value in event.items() if value is not None}


@lru_cache(maxsize=20_000)  # of n events each takes some n tries, and rules have tests of as many
def _id(number: int, of: int) -> str:
    """An id for one of some given events: at equal times events stand in order of their ids' hashes, so in that given.

    The range of hashes is cut into as many parts as there are events, and each has an id with a hash in its own.
    """
    most = 2 * of  # every of-th text has its hash there: so many are hashed at a time
    for first in itertools.count(0, most):
        tries = pc.binary_join_element_wise(f"given-{number + 1}", _suffixes(first, most), "")
        high = (hash_column(tries) >> 32) + (1 << 31)  # of a range from 0
        if (fitting := np.flatnonzero(high * of >> 32 == number)).size:
            return str(tries[int(fitting[0])])
    raise AssertionError("counting does not end")


@lru_cache(maxsize=100)
def _suffixes(first: int, most: int) -> pa.Array:
    """What tells the tries for one id apart; the first has none."""
    return pa.array([f".{i}" if i else "" for i in range(first, first + most)], pa.utf8())


def _ms(written: object, otherwise: int) -> int:
    """A time as ms; what cannot be read is left for the decoder to refuse."""
    if isinstance(written, int):
        return written
    try:
        moment = datetime.fromisoformat(str(written))
    except ValueError:
        return otherwise
    return round(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1000)


def _made_up(field: Field, time: int) -> object:
    match field.type:
        case FieldType.CHOICE:
            return field.choices[0]
        case FieldType.BOOLEAN:
            return False
        case FieldType.TIMESTAMP:
            return time
        case FieldType.STRING:
            return field.name
        case _:
            least = 1 if field.minimum is None else max(1, math.ceil(field.minimum))
            return least if field.maximum is None else min(least, field.maximum)


def _refused(reject: Reject) -> str:
    return f"the {_ordinal(reject.index + 1)} event given is no event: {reject.message}"


def _ordinal(number: int) -> str:
    suffix = "th" if 10 < number % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"


def _not_yet(rule: Rule, time: int, clock: int) -> str:
    """What a test says of a rule that judges later and has not."""
    assert rule.after is not None
    short = int(rule.after.due(np.array([time]))[0]) - clock
    if short > 0:
        return f"the rule has not judged yet, the test ends {short / 1000:g} s before its time: let it with until:"
    return "the rule does not judge its event, which has no key of the kind that its features are by"


def _wrong(rule: Rule, tracer: Tracer, seen: Alert | None, *, fired: bool) -> str:
    """What a failed test says: what the rule did, and what it saw."""
    did = "fires, and should be quiet" if fired else "is quiet, and should fire"
    if seen is None:
        return f"the rule {did}: it does not judge the last event given, only {', '.join(rule.on)}"
    return f"the rule {did}: on the last event {_values(tracer, seen)}"


def _wrong_ruling(test: RuleTest, tracer: Tracer, seen: Alert | None, ruling: Decided | None) -> str:
    """What a failed test of a decision table says; nothing where it passed."""
    if ruling is None or seen is None:
        return "the table decides nothing: its 'when' is not true on the last event given"
    saw = f"on the last event {_values(tracer, seen)}"
    because = f" ({'; '.join(ruling.reasons)})"
    if ruling.verdict != test.verdict:
        return f"the table says {ruling.verdict}{because}, and should say {test.verdict}: {saw}"
    if test.reasons is not None and tuple(ruling.reasons) != test.reasons:
        return f"the reasons are {_shown(ruling.reasons)}, and should be {_shown(test.reasons)}: {saw}"
    if test.limit is not None and ruling.limit != test.limit:
        return f"the limit is {_shown(ruling.limit)}, and should be {_shown(test.limit)}: {saw}"
    return ""


def _values(tracer: Tracer, seen: Alert) -> str:
    return ", ".join(f"{name} is {_shown(value)}" for name, value in tracer.features(seen).items())


def _shown(value: object) -> str:
    if value is None:
        return "unknown"
    return json.dumps(value, ensure_ascii=False)
