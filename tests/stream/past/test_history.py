"""The past of events: those that share a key with them, each once, in the order of their times."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_stream.catalogue import Catalogue, Decoder, EventBatch, load_catalogue, text_hash
from risk_stream.stream.past import History, in_order

NOW = 1_700_000_000_000
CATALOGUE = load_catalogue()


def batch_of(catalogue: Catalogue, events: list[dict[str, Any]]) -> EventBatch:
    batch, _, refusals = Decoder(catalogue).decode([orjson.dumps(e) for e in events], lambda i: f"x/0/{i}")
    assert refusals == []
    return batch


def test_only_events_of_the_given_events_keys_are_kept(catalogue: Catalogue) -> None:
    """And those of other accounts of the same owner, whoever says so and wherever it stands in the log."""

    def transfer(n: int, account: str, **more: Any) -> dict[str, Any]:
        return {
            "id": f"t{n}",
            "type": "transfer",
            "time": NOW + n,
            "account": account,
            "direction": "in",
            "amount": 1.0,
            **more,
        }

    def owns(n: int, account: str, customer: str) -> dict[str, Any]:
        return {"id": f"o{n}", "type": "account", "time": NOW - n, "account": account, "customer": customer}

    log = batch_of(
        catalogue,
        [
            transfer(1, "A1"),
            transfer(2, "A2"),
            transfer(3, "A3"),
            transfer(4, "A4", counterparty="P1"),
            transfer(90, "A1"),
            owns(1, "A1", "C1"),
            owns(2, "A2", "C1"),
            owns(3, "A3", "C3"),
        ],
    )
    history = History(catalogue)
    history.want(batch_of(catalogue, [transfer(50, "A1", counterparty="P1")]))
    history.learn(log)
    history.close()
    history.add(log)
    kept = [batch.text("id", row) for batch in history.batches for row in range(len(batch))]
    assert kept == ["t1", "t2", "t4", "o1", "o2"]


@settings(deadline=None)
@given(st.lists(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), min_size=1), max_size=4))
def test_events_stand_in_the_order_of_time_and_id_and_each_once(logs: list[list[tuple[int, int]]]) -> None:
    times = {f"t{n}": NOW + ms for log in logs for n, ms in log}
    batches = [
        batch_of(CATALOGUE, [{"id": f"t{n}", "type": "login", "time": times[f"t{n}"], "customer": "C"} for n, _ in log])
        for log in logs
    ]
    found = [batch.text("id", row) for batch in in_order(batches) for row in range(len(batch))]
    assert found == sorted(times, key=lambda id: (times[id], text_hash(id)))
