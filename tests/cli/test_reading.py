"""A file of events is read as a house would have sent it, whatever its dress, and a bad one is one sentence."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from risk_stream.catalogue import ProblemsError
from risk_stream.cli.output import CommandError
from risk_stream.cli.reading import Records, read_mapping

TEXT = frozenset({"id", "account", "purpose"})


def events(path: Path, mapping: Path | None = None) -> list[tuple[int, Any]]:
    """(line, event) of a whole file."""
    records = Records(path, None if mapping is None else read_mapping(mapping, TEXT))
    return [
        (number, json.loads(record))
        for lines, values in records.batches()
        for number, record in zip(lines, values, strict=True)
    ]


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    """A bank's export of transfers."""
    return write(
        tmp_path / "mapping.yaml",
        """
type: transfer
fields:
  id: tx
  time: {column: booked, format: "%Y-%m-%d %H:%M:%S", zone: Asia/Shanghai}
  account: acct
  amount: {column: cents, scale: 0.01}
  direction: {column: dc, values: {D: out, C: in}}
  purpose: memo
  currency: {value: CNY}
""",
    )


def test_lines_keep_their_numbers_and_blank_ones_are_no_records(tmp_path: Path) -> None:
    """The number is what a reject names."""
    path = write(tmp_path / "e.jsonl", '{"a": 1}\n\n  {"a": 2}  \n')
    assert events(path) == [(1, {"a": 1}), (3, {"a": 2})]


def test_a_gzipped_file_is_read_whatever_its_name(tmp_path: Path) -> None:
    """By its first bytes."""
    path = tmp_path / "e.jsonl"
    path.write_bytes(gzip.compress(b'{"a": 1}\n'))
    assert events(path) == [(1, {"a": 1})]


def test_more_than_a_batch_is_read_in_order(tmp_path: Path) -> None:
    """Five thousand records come in three batches."""
    path = write(tmp_path / "e.jsonl", "".join(f'{{"a": {i}}}\n' for i in range(5000)))
    records = Records(path)
    batches = list(records.batches())
    assert [len(lines) for lines, _ in batches] == [2000, 2000, 1000]
    assert batches[2][0][-1] == 5000
    assert records.position == records.size


def test_a_row_becomes_an_event_by_the_mapping(tmp_path: Path, mapping: Path) -> None:
    """Names, times with their zone, scaled amounts, translated choices, constants; text stays text."""
    path = write(
        tmp_path / "t.csv",
        "tx,booked,acct,cents,dc,memo\n"
        '0042,2025-03-01 08:00:00,007,123456,D,"rent, March"\n'
        "43,2025-03-01 08:00:01,8,5,C,\n",
    )
    assert events(path, mapping) == [
        (
            2,
            {
                "type": "transfer",
                "id": "0042",
                "time": 1_740_787_200_000,
                "account": "007",
                "amount": 1234.56,
                "direction": "out",
                "purpose": "rent, March",
                "currency": "CNY",
            },
        ),
        (
            3,
            {
                "type": "transfer",
                "id": "43",
                "time": 1_740_787_201_000,
                "account": "8",
                "amount": 0.05,
                "direction": "in",
                "currency": "CNY",
            },
        ),
    ]


def test_a_cell_that_is_no_time_is_left_for_the_decoder_to_refuse(tmp_path: Path, mapping: Path) -> None:
    """It is a reject with its line, not the end of the replay."""
    path = write(tmp_path / "t.csv", "tx,booked,acct,cents,dc,memo\n1,yesterday,a,1,D,\n")
    assert events(path, mapping)[0][1]["time"] == "yesterday"


def test_a_row_may_say_its_own_type(tmp_path: Path) -> None:
    """A file of several kinds of event."""
    mapping = write(
        tmp_path / "m.yaml",
        "type: {column: k, values: {T: trade, X: transfer}}\nfields: {time: {column: t, format: s}}\n",
    )
    path = write(tmp_path / "t.csv", "k,t\nT,1.5\nX,2\n")
    assert events(path, mapping) == [(2, {"type": "trade", "time": 1500}), (3, {"type": "transfer", "time": 2000})]


def test_a_byte_order_mark_and_short_rows_are_fine(tmp_path: Path) -> None:
    """What spreadsheets write."""
    mapping = write(tmp_path / "m.yaml", "type: transfer\nfields: {id: tx, purpose: memo}\n")
    path = write(tmp_path / "t.csv", "\ufefftx,memo\r\n1\r\n")
    assert events(path, mapping) == [(2, {"type": "transfer", "id": "1"})]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- 1", "must hold `type` and `fields`"),
        ("type: transfer", "must hold `type` and `fields`"),
        ("type: transfer\nfields: {id: {colum: x}}", "id must be a column's name"),
        ("type: transfer\nfields: {id: {column: x, value: 1}}", "id must be a column's name"),
        ("type: transfer\nfields: {time: {column: x, zone: Mars/Base}}", "no time zone 'Mars/Base'"),
        ("type: transfer\nfields: {time: {column: x, values: 3}}", "values must be a map"),
    ],
    ids=["list", "no fields", "typo", "both", "zone", "values"],
)
def test_a_wrong_mapping_is_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    """It names the file and the field."""
    path = write(tmp_path / "m.yaml", text)
    with pytest.raises(CommandError, match=said) as caught:
        read_mapping(path, TEXT)
    assert str(path) in str(caught.value)


def test_a_mapping_that_is_no_yaml_says_where(tmp_path: Path) -> None:
    """File, line and column, as for a rule file."""
    path = write(tmp_path / "m.yaml", "type: transfer\nfields: [")
    with pytest.raises(ProblemsError) as caught:
        read_mapping(path, TEXT)
    assert str(caught.value.problems[0]).startswith(f"{path}:")


def test_a_column_that_is_not_there_is_named_with_those_that_are(tmp_path: Path, mapping: Path) -> None:
    """So that one can see the other spelling."""
    path = write(tmp_path / "t.csv", "tx,booked,account_no\n1,2,3\n")
    with pytest.raises(
        CommandError,
        match="no column 'acct', which the mapping names: its columns are tx, booked, account_no; name one",
    ):
        events(path, mapping)


def test_csv_without_a_mapping_says_what_is_missing(tmp_path: Path) -> None:
    """And where to read on."""
    with pytest.raises(CommandError, match="--mapping FILE"):
        Records(write(tmp_path / "t.csv", "a,b\n"))


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """One sentence."""
    with pytest.raises(CommandError, match="is a folder"):
        Records(tmp_path)


def test_a_file_cut_off_in_its_compression_says_so(tmp_path: Path) -> None:
    """After what could be read."""
    path = tmp_path / "e.gz"
    path.write_bytes(gzip.compress(b'{"a": 1}\n' * 100_000)[:-20])
    with pytest.raises(CommandError, match="its compression ends too soon"):
        events(path)


def test_a_file_that_is_no_text_says_so(tmp_path: Path) -> None:
    """As CSV; as JSON lines each line is a reject."""
    mapping = write(tmp_path / "m.yaml", "type: transfer\nfields: {id: a}\n")
    path = tmp_path / "t.csv"
    path.write_bytes(b"a,b\n\xff\xfe\x00,1\n")
    with pytest.raises(CommandError, match="no UTF-8 text"):
        events(path, mapping)
