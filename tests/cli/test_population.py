"""`risk-stream population`: whether those who apply now are those who applied before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Ask


def application(n: int, month: int, **more: Any) -> str:
    said = {"id": f"{month}/{n}", "type": "application", "time": f"2026-{month:02}-15", "loan": f"L{n}"}
    return json.dumps({**said, "customer": f"C{n}", "amount": 1000 * n, "product": "consumer", **more})


@pytest.fixture
def past(tmp_path: Path) -> Path:
    """Three months of a hundred applications; in the last they ask for half as much, and one record is no event."""
    lines = [application(n, month) for month in (5, 6) for n in range(1, 101)]
    lines += [application(n, 7, amount=500 * n) for n in range(1, 101)]
    file = tmp_path / "past.jsonl"
    file.write_text("\n".join([*lines, '{"type": "application"}']) + "\n")
    return file


def test_a_table_says_each_month_and_sentences_what_moved(ask: Ask, past: Path) -> None:
    answer = ask("population", "2026-06", past, "--field", "amount", "--field", "product")
    assert answer.code == 0, answer.err
    said = [line.split() for line in answer.out.splitlines()]
    assert ["2026-06", "100", "0.000", "0.000"] in said
    assert any(line[:2] == ["2026-07", "100"] and float(line[2]) > 0.25 for line in said)
    assert "2026-07: amount is to be acted on: 90,000 and more" in answer.out
    assert "1 records were refused" in answer.err


def test_json_has_every_bin(ask: Ask, past: Path) -> None:
    [month] = ask("population", "2026-07", past, "--format", "json").json
    amount = next(one for one in month["shifts"] if one["characteristic"] == "amount")
    assert (month["month"], amount["reading"]) == ("2026-07", "act")
    assert sum(one["share"] for one in amount["bins"]) == pytest.approx(1.0)
    assert {"term_months", "declared_income", "product", "channel"} <= {
        one["characteristic"] for one in month["shifts"]
    }


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["2026-13"], "2026-13 is no month: write 2026-07."),
        (["2026-04"], "Nobody applied before 2026-04: there are applications from 2026-05 to 2026-07."),
        (["2026-07", "--field", "amuont"], "application has no field 'amuont' that is no key and not personal"),
        (["2026-07", "--field", "address"], "application has no field 'address'"),
        (["2026-07", "--type", "aplication"], "There is no event type 'aplication'"),
        (["2026-07", "--calendar", "chian"], "There is no calendar 'chian'"),
    ],
)
def test_what_cannot_be_asked_is_a_sentence(ask: Ask, past: Path, arguments: list[str], sentence: str) -> None:
    answer = ask("population", arguments[0], past, *arguments[1:])
    assert (answer.code, answer.out) == (1, "")
    assert sentence in answer.err
