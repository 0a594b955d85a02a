"""What a map file changes in refused records, and what is said of one that is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from risk_stream.catalogue import Catalogue, ProblemsError
from risk_stream.stream.past import Mend, mended, read_mends

TOPICS = ("risk.trades", "risk.loans")
FILE = """
- reason: type
  type: transfr
  rename: {acct: account}
  set: {type: transfer}
  default: {entity: Alpha}
  drop: [note]
- topic: risk.loans
  default: {channel: app}
"""


def read(text: str, catalogue: Catalogue, folder: Path) -> list[Mend]:
    path = folder / "mend.yaml"
    path.write_text(text)
    return read_mends(path, catalogue, TOPICS)


def changed(value: Any, mends: list[Mend], *, reason: str = "type", topic: str = "risk.trades") -> Any:
    return orjson.loads(mended(orjson.dumps(value), reason=reason, topic=topic, id="risk.trades/0/7", mends=mends))


def test_entries_that_fit_are_applied(catalogue: Catalogue, tmp_path: Path) -> None:
    """Fields dropped, renamed, set and filled in; what other entries are for stays."""
    mends = read(FILE, catalogue, tmp_path)
    said = {"id": "t1", "type": "transfr", "acct": "A1", "amount": 12.34, "note": "x", "entity": None}
    assert changed(said, mends) == {
        "id": "t1",
        "type": "transfer",
        "account": "A1",
        "amount": 12.34,
        "entity": "Alpha",
    }
    assert changed(said, mends, reason="field") == said
    assert changed(said, mends, reason="field", topic="risk.loans") == {**said, "channel": "app"}


def test_a_renamed_field_replaces_none_that_is_there() -> None:
    """Both were sent: the catalogue's own name is believed."""
    mend = Mend(rename={"acct": "account"})
    assert mend.apply({"acct": "A1", "account": "A2"}) == {"acct": "A1", "account": "A2"}
    assert mend.apply({"acct": "A1", "account": None}) == {"account": "A1"}


def test_an_event_without_an_id_keeps_the_name_it_had() -> None:
    """Its place; sent through another topic it would get another."""
    assert changed({"type": "transfer"}, [])["id"] == "risk.trades/0/7"
    value = b'{"id":"t1", "amount": 1.10}'
    assert mended(value, reason="late", topic="risk.trades", id="x", mends=[]) is value


@pytest.mark.parametrize("value", [b"{", b"\xff", b"[1]", b'"text"', b"", b"null"])
def test_what_is_no_object_stays_as_it_is(value: bytes) -> None:
    """There is nothing to rename in it."""
    mends = [Mend(set={"type": "transfer"})]
    assert mended(value, reason="json", topic="risk.trades", id="x", mends=mends) == value


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("- reasn: type\n  drop: [a]", ":1:3", 'did you mean "reason"'),
        ("- reason: typo\n  drop: [a]", ":1:11", "there is no reason 'typo'"),
        ("- topic: trades\n  drop: [a]", ":1:10", "there is no topic 'trades'"),
        ("- reason: type", ":1:3", "an entry changes something"),
        ("- rename: {acct: acount}", ":1:18", 'did you mean "account"'),
        ("- set: {type: transfr}", ":1:15", 'did you mean "transfer"'),
        ("- default: {colour: red}", ":1:13", "no event type has a field 'colour'"),
        ("- default: {channel: [a]}", ":1:12", "a mapping of the catalogue's fields to values"),
        ("- drop: note", ":1:9", "drop is a list"),
        ("- rename: [a]", ":1:11", "rename is a mapping"),
        ("- type: 7\n  drop: [a]", ":1:9", "type is text, not a number"),
        ("- note", ":1:3", "an entry is a mapping"),
        ("reason: type", ":1:1", "a map file is a list"),
        ("", ":1:1", "a map file is a list"),
    ],
)
def test_a_wrong_file_is_told_with_its_place(
    text: str, place: str, what: str, catalogue: Catalogue, tmp_path: Path
) -> None:
    """Line and column, and what was meant."""
    with pytest.raises(ProblemsError) as error:
        read(text, catalogue, tmp_path)
    assert len(error.value.problems) == 1
    said = str(error.value.problems[0])
    assert f"mend.yaml{place}: " in said
    assert what in said
