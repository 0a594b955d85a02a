"""How complete events are: the share of fields that may be left out and are said, by type and entity."""

from __future__ import annotations

import json

from risk_stream.access import EVERYWHERE, Scope
from risk_stream.catalogue import load_catalogue
from risk_stream.console.quality import Filled


def taken() -> Filled:
    filled = Filled(load_catalogue())
    filled.take(
        [
            json.dumps({"type": "transfer", "entity": "SEC-SH", "account": "A1", "purpose": "salary"}).encode(),
            json.dumps({"type": "transfer", "entity": "SEC-SH", "account": "A1", "purpose": ""}).encode(),
            json.dumps({"type": "transfer", "entity": "SEC-SZ", "purpose": None}).encode(),
            json.dumps({"type": "unheard of"}).encode(),
            b"[1, 2]",
            b"no JSON",
        ]
    )
    return filled


def test_a_field_counts_where_it_says_something() -> None:
    """Nothing, and an empty text, is not said; what is no event is passed over."""
    [row] = taken().by_type(EVERYWHERE)
    shares = {one["field"]: one["filled"] for one in row["fields"]}
    assert (row["type"], row["events"], shares["purpose"]) == ("transfer", 3, 1 / 3)
    assert row["fields"] == sorted(row["fields"], key=lambda one: (one["filled"], one["field"]))


def test_another_entitys_events_do_not_count() -> None:
    [row] = taken().by_type(Scope(frozenset({"SEC-SH"})))
    assert row["events"] == 2
    assert taken().by_type(Scope(frozenset({"SEC-BJ"}))) == []
