"""Real credit card clients through the shipped early-warning pack: does it rank those who default next month?

The data are 20,993 clients of a bank in Taiwan over six months of 2005, with who defaulted in the seventh (Yeh and Lien
2009, "default of credit card clients"). They are not part of this repository: `RISK_STREAM_DATA` names the folder
that holds them.

Month by month each client's line says what a house would: the minimum payment falls due on the 20th, what was paid came
that day, and the month's last day brings the statement. The engine judges them by the pack as it is shipped, and a
client's points are the scores of its alerts, each halved for every `HALF_LIFE` days since. No label is seen: `read`
keeps them apart from the clients that `points` is given, and the two meet when all is judged.
"""

from __future__ import annotations

import csv
import gzip
import time
from calendar import monthrange
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from bench.data import data_folder
from bench.report import table
from risk_stream.catalogue import Decoder, load_catalogue
from risk_stream.engine import Engine
from risk_stream.lending import auc
from risk_stream.rules import load_plan

__all__ = ["FILES", "Client", "Month", "interval", "month_events", "points", "read", "run"]

FILES = ("taiwan_credit_default.csv.gz",)
PACK = Path(__file__).parents[1] / "rules" / "post_loan"
PACKS = (PACK / "early_warning.yaml", PACK / "early_warning_lines.yaml")
MONTHS = range(4, 10)  # of 2005
LABEL = "default_2005-10"
#: The rules that ask how late the house says a line is.
LATE_RULES = {"line-past-due", "line-late-repeatedly", "line-late-streak"}
#: Days of event time in which an alert's points halve: a quarter. 30 days give 0.744, 180 days 0.740.
HALF_LIFE = 90
#: The part of a bill that is its minimum payment. The source does not say it: 19 of 20 clients who "paid the minimum"
#: of July or August paid at least this much of the bill.
MINIMUM = 0.025
#: Clients are drawn again so often for the interval.
DRAWS = 400
#: Events that are decoded and judged at a time.
BATCH = 4000


class Month(NamedTuple):
    """What the panel says of one client and month; amounts in New Taiwan dollars."""

    late: int
    bill: float
    paid: float


class Client(NamedTuple):
    """One client, without the label."""

    id: int
    limit: float
    months: tuple[Month, ...]


def read(path: Path, most: int | None = None) -> tuple[list[Client], NDArray[np.bool_]]:
    """The first `most` clients, or all, and apart from them who defaulted in October 2005."""
    clients, labels = [], []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            labels.append(row[LABEL] == "1")
            names = [f"2005-{month:02}" for month in MONTHS]
            months = tuple(
                # -2, -1 and 0 are no use, paid in full and the minimum paid: none of them is late
                Month(max(0, int(row[f"pay_status_{m}"])), float(row[f"bill_amt_{m}"]), float(row[f"pay_amt_{m}"]))
                for m in names
            )
            clients.append(Client(int(row["client_id"]), float(row["limit_bal"]), months))
            if len(clients) == most:
                break
    return clients, np.array(labels)


def month_events(clients: Sequence[Client], index: int) -> Iterator[bytes]:
    """What a house sends of one month, by time: minimum payments due, payments, statements."""
    for client in clients:
        before = client.months[index - 1].bill if index else 0.0
        if before > 0:
            yield _event(client, "instalment_due", index, amount=round(MINIMUM * before, 2))
    for client in clients:
        if client.months[index].paid > 0:
            yield _event(client, "repayment", index, amount=client.months[index].paid)
    for client in clients:
        late, bill, paid = client.months[index]
        said: dict[str, object] = {"limit": client.limit, "balance": bill, "payments": paid, "cycles_past_due": late}
        if index:
            said["previous_balance"] = client.months[index - 1].bill
        yield _event(client, "statement", index, **said)


def _event(client: Client, kind: str, index: int, **fields: object) -> bytes:
    who = {"loan": f"L{client.id:05}", "customer": f"C{client.id:05}"}
    return orjson.dumps(
        {"id": f"{kind}-{index}-{client.id:05}", "type": kind, "time": _at(kind, index), **who, **fields}
    )


def _at(kind: str, index: int) -> int:
    """When it happens, in ms since 1970: dues and payments on the 20th, statements on the month's last day."""
    month = MONTHS[index]
    day, hour = (monthrange(2005, month)[1], 12) if kind == "statement" else (20, 8 if kind == "instalment_due" else 10)
    return int(datetime(2005, month, day, hour, tzinfo=UTC).timestamp() * 1000)


class Points(NamedTuple):
    """Each client's points as of the last statement, by rule, and what it took."""

    by_rule: dict[str, NDArray[np.float64]]
    alerts: int
    events: int
    seconds: float

    @property
    def total(self) -> NDArray[np.float64]:
        """Of all rules."""
        total: NDArray[np.float64] = np.vstack(list(self.by_rule.values())).sum(axis=0)
        return total


def points(clients: Sequence[Client]) -> Points:
    """Judge all months by the shipped pack; `seconds` are the processor's for decoding and judging."""
    catalogue = load_catalogue()
    plan = load_plan(PACKS, catalogue)
    engine, decoder = Engine(plan), Decoder(catalogue)
    row = {f"{client.id:05}": at for at, client in enumerate(clients)}
    by_rule = {rule.id: np.zeros(len(clients)) for rule in plan.rules}
    alerts, events, seconds = 0, 0, 0.0
    end = _at("statement", len(MONTHS) - 1)
    for index in range(len(MONTHS)):
        records = list(month_events(clients, index))
        for begin in range(0, len(records), BATCH):
            started = time.thread_time()
            batch, _, rejects = decoder.decode(records[begin : begin + BATCH], str)
            said = engine.apply(batch).alerts
            seconds += time.thread_time() - started
            assert not rejects, rejects[0]
            for alert in said:
                days = (end - alert.time) / 86_400_000
                by_rule[alert.rule][row[alert.event.rpartition("-")[2]]] += alert.score * 0.5 ** (days / HALF_LIFE)
            alerts += len(said)
        events += len(records)
    return Points(by_rule, alerts, events, seconds)


def interval(measure: Callable[[NDArray[np.int64]], float], clients: int, draws: int = DRAWS) -> tuple[float, float]:
    """The middle 95 % of what `measure` says of the rows of clients drawn with replacement (bootstrap)."""
    rng = np.random.default_rng(14)
    low, high = np.quantile([measure(rng.integers(0, clients, clients)) for _ in range(draws)], [0.025, 0.975])
    return float(low), float(high)


def _without_counter(found: Points) -> NDArray[np.float64]:
    """Each client's points of the rules that do not ask how many cycles the house says a line is past due."""
    others = [said for rule, said in found.by_rule.items() if rule not in LATE_RULES]
    total: NDArray[np.float64] = np.vstack(others).sum(axis=0)
    return total


def run(quick: bool) -> dict[str, Any]:
    """Judge all clients, or 5,000 of them, and compare with who defaulted."""
    clients, bad = read(data_folder(FILES) / FILES[0], 5_000 if quick else None)
    found = points(clients)
    total, late = found.total, np.array([[month.late for month in client.months] for client in clients])
    odd = np.array([client.id % 2 == 1 for client in clients])
    never = late.max(axis=1) == 0
    counted = late.sum(axis=1)
    low, high = interval(lambda who: auc(-total[who], bad[who]), len(bad))
    more = interval(lambda who: auc(-total[who], bad[who]) - auc(-counted[who], bad[who]), len(bad))
    by_rule = {rule: auc(-said, bad) for rule, said in sorted(found.by_rule.items()) if said.any()}
    top = np.argsort(-total, kind="stable")[: len(clients) // 10]
    rows: list[tuple[str, str]] = [
        ("the early-warning pack", f"{auc(-total, bad):.3f} ({low:.3f} to {high:.3f})"),
        ("  odd client numbers alone, by which nothing was chosen", f"{auc(-total[odd], bad[odd]):.3f}"),
        ("  by what fell due, was paid and is drawn, without months late", f"{auc(-_without_counter(found), bad):.3f}"),
        ("  clients who were never late alone", f"{auc(-total[never], bad[never]):.3f}"),
        ("sum of months late", f"{auc(-counted, bad):.3f}"),
        ("months late at the end", f"{auc(-late[:, -1], bad):.3f}"),
        *((f"  {rule} alone", f"{value:.3f}") for rule, value in sorted(by_rule.items(), key=lambda one: -one[1])),
    ]
    table(("default next month", "AUC"), rows)
    print(f"{len(clients):,} clients, {bad.sum():,} defaulted; {bad[top].mean():.0%} of the tenth with most points")
    print(f"more than the sum of months late: {more[0]:+.4f} to {more[1]:+.4f} of AUC")
    print(f"{found.events:,} events, {found.alerts:,} alerts, {found.events / found.seconds:,.0f} events/s\n")
    return {
        "auc": round(auc(-total, bad), 4),
        "auc_low": round(low, 4),
        "auc_high": round(high, 4),
        "auc_odd_half": round(auc(-total[odd], bad[odd]), 4),
        "auc_without_months_late": round(auc(-_without_counter(found), bad), 4),
        "auc_never_late": round(auc(-total[never], bad[never]), 4),
        "auc_sum_of_months_late": round(auc(-counted, bad), 4),
        "gain_low": round(more[0], 4),
        "gain_high": round(more[1], 4),
        "auc_by_rule": {rule: round(value, 4) for rule, value in by_rule.items()},
        "default_rate": round(float(bad.mean()), 4),
        "default_rate_top_tenth": round(float(bad[top].mean()), 4),
        "clients": len(clients),
        "events": found.events,
        "events_per_second": round(found.events / found.seconds),
    }
