"""A file is cut at the ends of lines, and a line that is refused is named by its number, wherever it stands."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk_stream.workbench.backtest import history, lines_of
from tests.workbench.backtest import CATALOGUE, transfer


@given(
    st.lists(st.sampled_from(["event", "nameless", "blank", "broken"]), max_size=40),
    st.integers(1, 700),
    st.booleans(),
)
def test_every_line_is_read_once_and_numbered_as_it_stands(kinds: list[str], size: int, ends: bool) -> None:
    lines = []
    for n, kind in enumerate(kinds):
        event = transfer(n, n)
        if kind == "nameless":
            del event["id"]
        lines.append({"blank": b"  ", "broken": b"{"}.get(kind) or orjson.dumps(event))
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(history, "CHUNK_BYTES", size)
        path = Path(folder) / "past.jsonl"
        path.write_bytes(b"\n".join(lines) + (b"\n" if ends and lines else b""))
        chunks = list(lines_of(path))
        reader, ids, refused = history.Reader(CATALOGUE), [], []
        for chunk in chunks:
            batch, wrong = reader.read(chunk)
            ids += [batch.text("id", row) for row in range(len(batch))]
            refused += [one.line for one in wrong]
        assert [chunk.done for chunk in chunks][-1:] == ([path.stat().st_size] if path.stat().st_size else [])
    named = {"event": "t{}", "nameless": "past.jsonl/{}"}
    assert ids == [named[k].format(n if k == "event" else n + 1) for n, k in enumerate(kinds) if k in named]
    assert refused == [n + 1 for n, kind in enumerate(kinds) if kind == "broken"]
