"""Origins that were read one by one are one past in the order of event time."""

from __future__ import annotations

import struct
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
from hypothesis import given
from hypothesis import strategies as st

from risk_stream.catalogue import Decoder, EventBatch, load_catalogue, text_hash
from risk_stream.stream.past import Spooled, merged

NOW, LATENESS = 1_700_000_000_000, 50
CATALOGUE = load_catalogue()


def batch_of(events: list[tuple[str, int]]) -> EventBatch:
    values = [orjson.dumps({"id": id, "type": "login", "time": NOW + at, "customer": "C"}) for id, at in events]
    return Decoder(CATALOGUE).decode(values, str)[0]


@st.composite
def origins(draw: st.DrawFn) -> list[list[list[tuple[str, int]]]]:
    """Messages of origins, no event more than the lateness behind one before it of the same origin."""
    found = []
    for origin in range(draw(st.integers(1, 4))):
        clock, messages, n = draw(st.integers(0, 500)), [], 0
        for size in draw(st.lists(st.integers(1, 4), max_size=5)):
            message = []
            for _ in range(size):
                at = max(0, clock + draw(st.integers(-LATENESS, 80)))
                clock, n = max(clock, at), n + 1
                message.append((f"o{origin}-{n}", at))
            messages.append(message)
        found.append(messages)
    return found


@given(origins())
def test_all_events_come_in_the_order_of_time_and_id(given_origins: list[list[list[tuple[str, int]]]]) -> None:
    with TemporaryDirectory() as folder:
        spooled = Spooled(CATALOGUE)
        for number, messages in enumerate(given_origins):
            path = spooled.files[str(number)] = Path(folder) / str(number)
            packed = [batch_of(message).to_ipc() for message in messages]
            path.write_bytes(b"".join(struct.pack("<Q", len(one)) + one for one in packed))
        found = [
            (batch.text("id", row), int(batch.times[row]) - NOW)
            for batch in merged(spooled, LATENESS)
            for row in range(len(batch))
        ]
    expected = [event for messages in given_origins for message in messages for event in message]
    assert found == sorted(expected, key=lambda event: (event[1], text_hash(event[0])))
