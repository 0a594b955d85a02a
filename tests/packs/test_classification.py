"""The pack on classification: bucket, class and stage of every worked number of days past due, and each once."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest

from risk_stream.catalogue import Decoder, load_catalogue
from risk_stream.engine import Engine, final
from risk_stream.rules import plan_of_texts
from tests.lending.facts import rows

PACK = Path(__file__).parents[2] / "rules" / "post_loan" / "classification.yaml"
CATALOGUE = load_catalogue()
DAY = 86_400_000
#: 1 January 2026, ten in the morning in China.
START = 1_767_232_800_000
BUCKETS = {"bucket-1-30": "1-30", "bucket-31-60": "31-60", "bucket-61-90": "61-90", "bucket-over-90": "90+"}
CLASSES = {
    "class-special-mention": "special_mention",
    "class-substandard": "substandard",
    "class-doubtful": "doubtful",
    "class-card-doubtful": "doubtful",
    "class-loss": "loss",
    "class-card-loss": "loss",
}
STAGES = {"stage-2-backstop": "2", "stage-3-backstop": "3"}


def event(id: str, kind: str, day: float, **fields: Any) -> dict[str, Any]:
    return {"id": id, "type": kind, "time": START + round(day * DAY), "loan": "L1", "customer": "C1", **fields}


@cache
def fired(lines: str) -> list[tuple[float, str]]:
    """(day, rule) of all that is said of an instalment that nobody ever pays, day after day for two years."""
    contract = {"principal": 1000, "annual_rate": 0.05, "instalments": 1, "first_due": START, "class_lines": lines}
    events = [event("K", "loan", -30, **contract), event("D", "instalment_due", 0, amount=1000)]
    events += [
        {"id": f"B{day}", "type": "business_date", "time": START + day * DAY, "business_date": f"day {day}"}
        for day in range(1, 722)
    ]
    live = PACK.read_text().replace("mode: shadow", "mode: live")
    engine, said = Engine(plan_of_texts({PACK.name: live}, CATALOGUE), reserve_mib=8, lateness_ms=3 * DAY), []
    for at in range(0, len(events), 100):
        batch, _, rejects = Decoder(CATALOGUE).decode([orjson.dumps(e) for e in events[at : at + 100]], str)
        assert rejects == []
        said += engine.apply(batch).alerts
    return sorted(((alert.time - START) / DAY, alert.rule) for alert in final(said))


def standing(lines: str, dpd: int, names: dict[str, str], none: str) -> str:
    """What the last alert of some rules says of a loan that is so many days past due."""
    found = [names[rule] for day, rule in fired(lines) if day <= dpd and rule in names]
    return found[-1] if found else none


@pytest.mark.parametrize("row", rows("dpd_boundary_cases"), ids=lambda r: r["dpd"])
def test_bucket_class_and_stage_are_the_worked_ones_on_every_line_and_beside_it(row: dict[str, str]) -> None:
    dpd = int(row["dpd"])
    assert standing("loan", dpd, BUCKETS, "current") == row["bucket"]
    assert standing("loan", dpd, CLASSES, "normal") == row["cn_min_class_2023"]
    assert standing("credit_card", dpd, CLASSES, "normal") == row["cn_credit_card_class_2011"]
    assert standing("loan", dpd, STAGES, "1") == row["ifrs9_backstop_stage"]


def test_each_step_is_said_once_and_by_the_lines_of_the_loan() -> None:
    of_all = {*BUCKETS, *STAGES, "class-special-mention", "class-substandard"}
    for lines, own in (
        ("loan", {"class-doubtful", "class-loss"}),
        ("credit_card", {"class-card-doubtful", "class-card-loss"}),
    ):
        assert sorted(rule for _, rule in fired(lines)) == sorted(of_all | own)
