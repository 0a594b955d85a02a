"""A message means the same to every worker, or it is refused; no bytes can crash one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk_stream.catalogue import Catalogue, EventBatch, MessageError, load_catalogue
from tests.catalogue.events import transfer
from tests.catalogue.test_batch import batch_of

CORE = load_catalogue()
MESSAGE = batch_of(transfer(), transfer(customer="C" * 40), transfer(purpose="rent")).to_ipc(channel="a")


def sent(**columns: pa.Array) -> bytes:
    """A message as one that may be wrong: columns of a batch of three replaced."""
    table = pa.ipc.open_stream(MESSAGE).read_next_batch()
    for name, column in columns.items():
        at = table.schema.names.index(name)
        table = table.set_column(at, pa.field(name, column.type), column)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_batch(table)
    return sink.getvalue().to_pybytes()


def test_type_codes_are_those_of_the_reader(house: Catalogue) -> None:
    """A worker with a house's types among the core's reads core messages right, and back."""
    assert house.code("transfer") != CORE.code("transfer")
    read, _ = EventBatch.from_ipc(house, MESSAGE)
    assert [read.text("type", i) for i in range(3)] == ["transfer"] * 3
    back, _ = EventBatch.from_ipc(CORE, read.to_ipc())
    assert back.types.tolist() == [CORE.code("transfer")] * 3


def test_fields_only_the_writer_knows_travel_on(house: Catalogue) -> None:
    """They hurt nobody, and the next worker may know them."""
    event = transfer(branch="B1")
    read, _ = EventBatch.from_ipc(CORE, batch_of(event, catalogue=house).to_ipc())
    assert EventBatch.from_ipc(house, read.to_ipc())[0].text("branch", 0) == "B1"


def test_a_type_the_reader_lacks_is_refused_by_name(house: Catalogue) -> None:
    """A rolling upgrade that went wrong is said, not guessed."""
    event = {"type": "card_payment", "time": transfer()["time"], "card": "K1", "amount": 1.0}
    with pytest.raises(MessageError, match='"card_payment" is not in this catalogue; give all workers the same files'):
        EventBatch.from_ipc(CORE, batch_of(event, catalogue=house).to_ipc())


def test_other_decimals_are_refused(tmp_path: Path) -> None:
    """A price of eight decimals is not one of two."""
    catalogues = []
    for decimals in (2, 4):
        path = tmp_path / f"{decimals}.yaml"
        field = f"{{name: fee_rate, type: number, decimals: {decimals}, meaning: A rate.}}"
        path.write_text(f"types:\n  - extend: transfer\n    fields:\n      - {field}\n")
        catalogues.append(load_catalogue(path))
    message = batch_of(transfer(fee_rate=0.5), catalogue=catalogues[0]).to_ipc()
    with pytest.raises(MessageError, match="fee_rate:2; here they are amount:2,fee_rate:4"):
        EventBatch.from_ipc(catalogues[1], message)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "these bytes are no batch of events"),
        (b"{}", "these bytes are no batch of events"),
        (MESSAGE[: len(MESSAGE) // 2], "these bytes are no batch of events"),
        (sent(amount=pa.array([1.0, 2.0, 3.0])), 'column "amount" is double, not int64'),
        (sent(amount=pa.array([1, None, 3])), "a column of numbers has nulls"),
        (sent(type=pa.array([1, 2, 999], pa.int16())), "a type code that its writer does not name"),
        (sent(type=pa.array([1, 2, -1], pa.int16())), "a type code that its writer does not name"),
    ],
    ids=["empty", "json", "cut", "floats", "nulls", "code above", "code below"],
)
def test_a_wrong_message_is_refused(data: bytes, said: str) -> None:
    """In a sentence."""
    with pytest.raises(MessageError, match=said):
        EventBatch.from_ipc(CORE, data)


def test_arrow_of_others_is_refused() -> None:
    """It lacks what says how to understand it."""
    sink = pa.BufferOutputStream()
    table = pa.record_batch({"id": ["a"]})
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_batch(table)
    with pytest.raises(MessageError, match="not written by risk-stream"):
        EventBatch.from_ipc(CORE, sink.getvalue().to_pybytes())


def test_meta_cannot_overwrite_the_format() -> None:
    """`risk.` is ours."""
    with pytest.raises(ValueError, match="the format's own"):
        batch_of(transfer()).to_ipc(**{"risk.types": "x"})


@given(st.integers(0, len(MESSAGE) - 1), st.binary(min_size=1, max_size=8))
def test_no_damaged_message_crashes_a_worker(at: int, damage: bytes) -> None:
    """It is refused, or its columns can still be walked."""
    data = MESSAGE[:at] + damage + MESSAGE[at + len(damage) :]
    try:
        batch, _ = EventBatch.from_ipc(CORE, data)
    except MessageError:
        return
    for kind in ("customer", "account"):
        assert len(batch.keys(kind)[0]) == len(batch)
        assert (batch.partition(kind, 4) < 4).all()
    assert batch.times.dtype == np.int64


@pytest.mark.parametrize("offsets", [[0, 90, 3, 4], [2, 1, 3, 4], [-1, 1, 3, 4]])
def test_offsets_that_do_not_rise_within_the_texts_are_refused(offsets: list[int]) -> None:
    """Before a kernel follows them out of memory."""
    message = batch_of(*(transfer(purpose=text) for text in ("p", "qr", "s"))).to_ipc()
    before = np.array([0, 1, 3, 4], np.int32).tobytes()
    assert message.count(before) == 1
    with pytest.raises(MessageError, match="no batch of events"):
        EventBatch.from_ipc(CORE, message.replace(before, np.array(offsets, np.int32).tobytes()))
