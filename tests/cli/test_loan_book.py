"""`book close` and `book import`: a loan book from its events, and the take-over of a running one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from risk_stream.catalogue import Decoder, load_catalogue
from tests.cli.conftest import Ask
from tests.lending.ledger.said import event, loan, paid
from tests.live.servers import Kafka
from tests.stream.past.test_rejects import house, send

OPENING = """\
loan,customer,entity,product,start_date,outstanding,principal,annual_rate,instalments,first_due,instalment_amount,\
days_past_due,amount_past_due,classification,ifrs9_stage
L1,C1,HQ,consumer,2026-01-15,11053.81,11053.81,0.12,11,2026-03-15,1066.19,0,0,normal,1
L2,C2,HQ,sme,2025-01-15,14053.81,11053.81,0.12,11,2026-03-15,1066.19,100,3000,substandard,3
"""
TOTALS = """\
business_date: 2026-02-28
totals:
  - {entity: HQ, product: consumer, loans: 1, outstanding: "11053.81", past_due: 0}
  - {entity: HQ, product: sme, loans: 1, outstanding: "14053.81", past_due: "3000.00"}
"""


def file_of(path: Path, *events: dict[str, Any]) -> Path:
    path.write_bytes(b"".join(orjson.dumps(one, option=orjson.OPT_APPEND_NEWLINE) for one in events))
    return path


@pytest.fixture
def events(tmp_path: Path) -> Path:
    """Two loans, of which one pays; a payment for a loan that nobody knows; a record that is no event."""
    path = file_of(
        tmp_path / "book.jsonl",
        paid("2026-02-15"),
        loan(entity="HQ", product="consumer"),
        loan("L2", entity="HQ", product="sme"),
        paid("2026-02-15", name="L9", id="P9"),
    )
    path.write_bytes(path.read_bytes() + b'{"type": "repayment"}\n')
    return path


@pytest.fixture
def taken(tmp_path: Path) -> tuple[Path, Path]:
    """The file of a book, and what it must add up to."""
    book, totals = tmp_path / "opening.csv", tmp_path / "totals.yaml"
    book.write_text(OPENING)
    totals.write_text(TOTALS)
    return book, totals


def test_a_book_is_closed_from_files(ask: Ask, events: Path) -> None:
    answer = ask("book", "close", "2026-03-31", events)
    assert answer.code == 0, answer.err
    said = answer.out.splitlines()
    assert said[0] == ("The book at the end of 2026-03-31: 2 loans, 23,394.89 CNY outstanding, 3,198.57 past due")
    assert said[-3:] == [
        "4 events; what could not be used as it came:",
        "  1 unknown_loan: an event of a loan that has no contract which can be used: left out",
        "    repayment P9: loan L9 has no contract that can be used",
    ]
    assert "book.jsonl, line 5" in answer.err


def test_the_figures_of_a_book_are_json_too(ask: Ask, events: Path) -> None:
    answer = ask("book", "close", "2026-03-31", events, "--format", "json")
    assert answer.json["refused"] == 1
    figures = answer.json["figures"]
    assert [part["loans"] for part in figures["buckets"]] == [0, 1, 1, 0, 0]
    assert figures["all"]["outstanding"] == 2_339_489
    assert figures["faults"] == {"unknown_loan": 1}


def test_what_happened_after_a_day_can_be_left_out(ask: Ask, events: Path) -> None:
    late = [loan(), paid("2026-03-20", value_date="2026-02-15")]
    path = file_of(events.with_name("late.jsonl"), *late)
    outstanding = []
    for more in ([], ["--known", "2026-02-28"]):
        answer = ask("book", "close", "2026-02-28", path, "--format", "json", *more)
        outstanding.append(answer.json["figures"]["all"]["past_due"])
    assert outstanding == [0, 106_619]


def test_how_each_loan_stands_is_written_as_events(ask: Ask, events: Path, tmp_path: Path) -> None:
    to = tmp_path / "status.jsonl"
    for _ in range(2):
        assert ask("book", "close", "2026-03-31", events, "--status-to", to).code == 0
        values = to.read_bytes().splitlines()
        batch, _, rejects = Decoder(load_catalogue()).decode(values, str)
        assert rejects == []
        assert batch.texts("id", [0, 1]) == ["loan_status/L1/2026-03-31", "loan_status/L2/2026-03-31"]


def test_the_figures_of_a_book_are_gauges(ask: Ask, events: Path, tmp_path: Path) -> None:
    to = tmp_path / "book.prom"
    assert ask("book", "close", "2026-03-31", events, "--metrics", to).code == 0
    assert (
        'risk_stream_book_outstanding{entity="HQ",product="sme",bucket="31-60",classification="special_mention",'
        'stage="2",currency="CNY"} 12230.54\n'
    ) in to.read_text()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["2026-13-01"], "'2026-13-01' is no date: write 2025-01-31."),
        (["2020-01-01"], "No loan of the book had begun by 2020-01-01."),
        (["2026-03-31", "--calendar", "mars"], "There is no calendar mars: there are china, "),
    ],
)
def test_what_cannot_be_closed_is_said(ask: Ask, events: Path, arguments: list[str], sentence: str) -> None:
    answer = ask("book", "close", arguments[0], events, *arguments[1:])
    assert answer.code == 1
    assert sentence in answer.err


def test_a_table_of_the_house_that_is_wrong_is_said_with_its_line(ask: Ask, events: Path, tmp_path: Path) -> None:
    table = tmp_path / "losses.yaml"
    table.write_text("name: ours\nsource: us\npd: {current: 2}\nlgd: {}\nincrease: {ratio: 3, points: 0}\nhouse: []\n")
    answer = ask("book", "close", "2026-03-31", events, "--losses", table)
    assert answer.code == 1
    assert "losses.yaml:3" in answer.err
    assert "current is a share from 0 to 1" in answer.err


def test_a_running_book_is_taken_over_and_closed(ask: Ask, taken: tuple[Path, Path], tmp_path: Path) -> None:
    to = tmp_path / "opening.jsonl"
    answer = ask("book", "import", taken[0], "--control", taken[1], "--to", to)
    assert (answer.code, answer.err) == (0, "2 loans were taken over; the control totals fit\n")
    assert json.loads(to.read_text().splitlines()[0])["id"] == "loan_opening/L1/2026-02-28"
    closed = ask("book", "close", "2026-02-28", to)
    said = closed.out.splitlines()
    assert said[0] == "The book at the end of 2026-02-28: 2 loans, 25,107.62 CNY outstanding, 3,000.00 past due"
    assert said[3].startswith("  since opening: 2 loans of 25,107.62 are known from 2026-02-28 on")
    status = tmp_path / "status.jsonl"
    ask("book", "close", "2026-03-31", to, "--status-to", status)
    assert [json.loads(line)["since_opening"] for line in status.read_text().splitlines()] == [True, True]


def test_a_difference_to_the_control_totals_refuses_the_whole_book(
    ask: Ask, taken: tuple[Path, Path], tmp_path: Path
) -> None:
    taken[1].write_text(
        TOTALS.replace("14053.81", "14053.80").replace('loans: 1, outstanding: "110', 'loans: 2, outstanding: "110')
    )
    to = tmp_path / "opening.jsonl"
    answer = ask("book", "import", taken[0], "--control", taken[1], "--to", to)
    assert answer.code == 1
    assert answer.err == (
        "risk-stream: Nothing was imported: the book does not fit its control totals: HQ consumer: 1 in number, "
        "the control total is 2; HQ sme: 14,053.81 outstanding, the control total is 14,053.80 (+0.01).\n"
    )
    assert not to.exists()


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("14053.81,110", "14000.00,110", "outstanding is not the principal not yet due and what is past due"),
        ("100,3000", "100,-3000", 'line 3: "amount_past_due" is -3000'),
        ("ifrs9_stage", "stage", "has a column 'stage', which no loan_opening has"),
        ("L2,C2", "L1,C2", "there are two events loan_opening/L1/2026-02-28 (loan_opening) that differ"),
        ("L2,C2", "L2,", '"customer"'),
    ],
)
def test_a_loan_that_cannot_be_taken_over_refuses_the_whole_book(
    ask: Ask, taken: tuple[Path, Path], tmp_path: Path, before: str, after: str, sentence: str
) -> None:
    assert before in OPENING
    taken[0].write_text(OPENING.replace(before, after))
    to = tmp_path / "opening.jsonl"
    answer = ask("book", "import", taken[0], "--control", taken[1], "--to", to)
    assert answer.code == 1
    assert sentence in answer.err
    assert not to.exists()


def test_a_book_that_fits_needs_a_place_to_go(ask: Ask, taken: tuple[Path, Path]) -> None:
    answer = ask("book", "import", taken[0], "--control", taken[1])
    assert answer.code == 1
    assert "say --to FILE or --publish" in answer.err


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("2026-02-28", "someday", "is no date"),
        ('"14053.81"', '"14053.815"', "outstanding has more than two decimals"),
        ('"14053.81"', "many", "outstanding is an amount such as 12345.67"),
        ('"14053.81"', "nan", "outstanding is an amount such as 12345.67, not 'nan'"),
        ('"14053.81"', ".inf", "outstanding is an amount such as 12345.67, not"),
        ('"3000.00"', '"-Infinity"', "past_due is an amount such as 12345.67, not '-Infinity'"),
        ('"3000.00"', "1e400", "past_due is an amount such as 12345.67, not"),
        ('"3000.00"', '"1e999999"', "past_due is an amount such as 12345.67, not '1e999999'"),
        ("product: sme", "product: consumer", "the totals of HQ consumer stand here a second time"),
        ("loans: 1, ", "", "loans is missing"),
    ],
)
def test_control_totals_that_are_wrong_are_said_with_their_line(
    ask: Ask, taken: tuple[Path, Path], before: str, after: str, sentence: str
) -> None:
    taken[1].write_text(TOTALS.replace(before, after))
    answer = ask("book", "import", taken[0], "--control", taken[1])
    assert answer.code == 1
    assert "totals.yaml:" in answer.err
    assert sentence in answer.err


@pytest.mark.live
@pytest.mark.timeout(120)
def test_the_houses_topics_hold_the_book_and_take_its_standings(
    ask: Ask, taken: tuple[Path, Path], kafka: Kafka
) -> None:
    settings = house(kafka, load_catalogue(), "loanbook")
    given = {"prefix": settings.prefix, "house_topics": json.dumps(settings.house_topics), "broker": settings.broker}
    assert ask("book", "import", taken[0], "--control", taken[1], "--publish", **given).code == 0
    send(settings, settings.house_topics["loans"], orjson.dumps(paid("2026-03-15")))
    send(settings, settings.house_topics["loans"], orjson.dumps(event("write_off", "2026-03-16", name="L2")))
    for count in (3 + 1, 3 + 3):
        answer = ask("book", "close", "2026-03-31", "--publish", "--format", "json")
        assert answer.code == 0, answer.err
        figures = answer.json["figures"]
        assert figures["events"] in {4, count}
        assert (figures["all"]["loans"], figures["all"]["outstanding"]) == (1, 1_009_816)
        assert figures["written_off"] == 14_053_81 + 110_54
