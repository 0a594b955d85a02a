"""Outcomes are read from lines that a house can write, and a line that is none is refused with its number."""

from __future__ import annotations

import pytest

from risk_stream.workbench.backtest import OutcomeError, read_outcomes
from tests.workbench.backtest import CATALOGUE

KINDS = [kind.name for kind in CATALOGUE.kinds]


def test_an_outcome_is_of_an_event_or_of_keys_in_a_time() -> None:
    lines = [
        b'{"event": "T-1", "label": "fraud"}',
        b"",
        b'{"customer": "C1", "start": "2026-01-01", "end": "2026-02-01T00:00+08:00", "label": "late", "rules": ["a"]}',
        b'{"event": "T-2", "label": "false_alarm"}',
    ]
    one, two, three = read_outcomes(lines, KINDS).known
    assert (one.bad, one.events, one.number) == (True, {"T-1"}, 1)
    assert (two.keys, two.start, two.end) == ((("customer", "C1"),), 1_767_225_600_000, 1_769_875_200_000)
    assert (two.counts_for("a"), two.counts_for("b"), three.bad) == (True, False, False)


def test_a_simulated_episode_is_an_outcome_of_the_rules_that_find_its_kind() -> None:
    line = (
        b'{"id": "e1", "kind": "wash", "complete": true, "start": 1, "end": 9,'
        b' "keys": {"account": ["A", "B"]}, "events": []}'
    )
    (one,) = read_outcomes([line], KINDS, {"wash": ["wash-pair"]}).known
    assert (one.label, one.keys, one.rules) == ("wash", (("account", "A"), ("account", "B")), {"wash-pair"})
    assert read_outcomes([line.replace(b"true", b"false")], KINDS).known == ()


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b"{", "line 1 is no JSON"),
        (b"[]", "line 1 is no JSON object"),
        (b'{"event": "T"}', "line 1 has no label"),
        (b'{"label": "fraud"}', "names no event and no key"),
        (b'{"label": "fraud", "costumer": "C"}', "'costumer' is no part of an outcome"),
        (b'{"label": "fraud", "event": 3}', "are texts"),
        (b'{"label": "fraud", "event": "T", "rules": "a"}', "rules must be a list"),
        (b'{"label": "fraud", "customer": "C", "start": "soon"}', "start must be a time"),
    ],
)
def test_a_line_that_is_no_outcome_is_refused_with_its_number(line: bytes, sentence: str) -> None:
    with pytest.raises(OutcomeError, match="line 1") as caught:
        read_outcomes([line], KINDS)
    assert sentence in str(caught.value)
