"""A checkpoint of another release or another hop is refused in a sentence, never read by chance."""

from __future__ import annotations

import msgspec
import pytest

from risk_stream.engine.saved import FORMAT, SCORED_FORMAT, TIMED_FORMAT, head_of


def head(**more: object) -> bytes:
    return b"H" + msgspec.msgpack.encode({"format": FORMAT, "kind": "account", **more})


@pytest.mark.parametrize("format", [FORMAT, TIMED_FORMAT, SCORED_FORMAT])
def test_the_last_head_of_a_format_that_is_known_is_read(format: int) -> None:
    assert head_of([b"Ix", head(clock=1), head(format=format, clock=2), b"Jy"], "account")["clock"] == 2


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([b"Ix"], "has no head"),
        ([head(format=SCORED_FORMAT + 1)], rf"is in format {SCORED_FORMAT + 1}, which a later release wrote"),
        ([head(kind="device")], "a checkpoint of device was given to account"),
    ],
)
def test_what_cannot_be_read_is_refused(parts: list[bytes], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        head_of(parts, "account")
