"""`risk-stream margin --from`: statuses of margin accounts out of a file of events."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

NOON = 1_772_589_600_000
EVENTS = [
    {
        "type": "holding",
        "account": "A1",
        "instrument": "T1",
        "holding_kind": "financed",
        "held": 100_000,
        "amount": 800_000,
    },
    {"type": "margin_account", "account": "A1", "customer": "C1", "margin_debt": 800_000, "interest_and_fees": 5_000},
    {"type": "price", "instrument": "T1", "price": 17.6},
    {"type": "price", "instrument": "T1", "price": 10.8675},
]


def history(folder: Path, *more: bytes) -> Path:
    lines = [orjson.dumps({**event, "id": f"e{at}", "time": NOON + at}) for at, event in enumerate(EVENTS)]
    path = folder / "history.jsonl"
    path.write_bytes(b"\n".join([*lines, *more]) + b"\n")
    return path


def test_a_file_of_events_gives_the_statuses_as_events(ask, tmp_path: Path) -> None:
    said = ask("margin", "--from", str(history(tmp_path)))
    assert said.code == 0
    (status,) = said.lines
    assert status["type"] == "margin_status"
    assert (status["margin_band"], status["cause"], status["customer"]) == ("call", "e3", "C1")
    assert "1 margin accounts" in said.err


def test_what_it_could_not_use_is_said(ask, tmp_path: Path) -> None:
    """A title nobody priced, a record that is no event, a price that is too fine."""
    more = [
        b"{}",
        orjson.dumps({"type": "price", "time": NOON, "instrument": "T9", "price": 1.00001}),
        orjson.dumps(
            {
                "type": "holding",
                "time": NOON + 9,
                "account": "A1",
                "instrument": "T2",
                "holding_kind": "short",
                "held": 1,
            }
        ),
        orjson.dumps({"type": "margin_account", "time": NOON + 9, "account": "A1"}),
    ]
    said = ask("margin", "--from", str(history(tmp_path, *more)))
    assert said.code == 0
    assert "nobody can tell how their holders stand: T2" in said.err
    assert "1 refused: a price has more than four decimals: 1.00001" in said.err


def test_a_table_of_the_house_is_read_and_a_wrong_one_said_with_its_place(ask, tmp_path: Path) -> None:
    shipped = Path(__file__).parents[2] / "risk_stream" / "lending" / "tables" / "margin_2026.yaml"
    ours = tmp_path / "ours.yaml"
    ours.write_text(shipped.read_text().replace("call: 1.4", "call: 1.34"))
    (status,) = ask("margin", "--from", str(history(tmp_path)), "--table", str(ours)).lines
    assert status["margin_band"] == "warning"
    ours.write_text(shipped.read_text().replace("call: 1.4", "call: 1.6"))
    said = ask("margin", "--from", str(history(tmp_path)), "--table", str(ours))
    assert said.code == 1
    assert "ours.yaml:7" in said.err
    assert "the lines fall" in said.err
    ours.write_text(shipped.read_text().replace("calendar: china", "calendar: mars"))
    said = ask("margin", "--from", str(history(tmp_path)), "--table", str(ours))
    assert said.code == 1
    assert "there is no calendar 'mars'" in said.err


def test_a_busy_port_of_metrics_is_one_sentence() -> None:
    """And what to choose instead."""
    import socket

    from risk_stream.cli.output import CommandError
    from risk_stream.cli.serving import serve_metrics
    from risk_stream.sinks import CLERK_METRICS, Metrics

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CommandError, match=f"127.0.0.1:{port} .*: set RISK_STREAM_MARGIN_PORT to a free port"):
            serve_metrics(Metrics(of=CLERK_METRICS), "127.0.0.1", port, "margin_port")
