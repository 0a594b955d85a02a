"""Models on real data, scored first and learnt when the outcome was known, beside ones that are fitted anew.

Which of the two ships is said by `ships`: both run through the engine, so that what they take is counted alike.

Card transactions (the week 2018-08-08..14, labels seven days late), defaults of credit card clients (each fifth of them
by what the others' outcomes taught), and announced pump-and-dumps (each by a threshold that all others chose). The
data are not part of this repository: `RISK_STREAM_DATA` names the folder that holds them.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from bench import cards, early_warning, pumps, pumps_fitted
from bench.data import data_folder
from bench.report import table
from risk_stream.catalogue import Catalogue, Decoder, EventBatch, hash_column, load_catalogue
from risk_stream.models import Parameter, Step
from risk_stream.rules import Plan, load_plan
from risk_stream.workbench.evaluate import (
    CHEAP,
    NEAR,
    Observed,
    area_under_roc,
    average_precision,
    f1,
    interval,
    observe,
)

__all__ = ["FILES", "run"]

FILES = (*cards.FILES, *early_warning.FILES, *pumps.FILES)
PACKS = Path(__file__).parent / "packs"
#: Records that are decoded and judged at a time.
BATCH = 4_000
#: Clients are parted into so many folds by their number.
FOLDS = 5
#: The fold that is scored is replayed so much later, when the outcomes of all others are known.
LATER = timedelta(days=366)
#: Outcomes of payments are told so often.
HOUR = timedelta(hours=1)
DAY_MS = 86_400_000
#: Seeds of models that draw lots.
SEEDS = range(42, 47)

Floats = NDArray[np.float64]


class Row(NamedTuple):
    """A line of the table."""

    what: str
    figures: tuple[str, ...]
    microseconds: float | None = None  # of the processor for each event


def batches(records: Iterable[bytes], catalogue: Catalogue) -> Iterator[EventBatch]:
    """Records in their order, decoded."""
    decoder, held = Decoder(catalogue), list[bytes]()

    def decoded() -> EventBatch:
        batch, _, rejects = decoder.decode(held, str)
        assert not rejects, rejects[0]
        held.clear()
        return batch

    for record in records:
        held.append(record)
        if len(held) == BATCH:
            yield decoded()
    if held:
        yield decoded()


def plan_of(name: str, catalogue: Catalogue, seed: int | None = None) -> Plan:
    """The plan of one model's file; with a seed, that of the component that draws lots."""
    path = PACKS / f"{name}.yaml"
    plan = load_plan([path], catalogue)
    if seed is None:
        return plan
    scored = plan.models[0]
    last = scored.spec.steps[-1]
    return _with(plan, *scored.spec.steps[:-1], replace(last, parameters={**last.parameters, "seed": seed}))


def anew(plan: Plan, **said: Parameter) -> Plan:
    """The plan of one model, fitted anew each day instead; with these parameters of `Retrained`."""
    return _with(plan, Step("Retrained", {"every": "1d", "lag": 100, **said}))


def _with(plan: Plan, *steps: Step) -> Plan:
    scored = plan.models[0]
    model = replace(scored, spec=replace(scored.spec, steps=steps))
    return Plan(plan.catalogue, plan.rules, plan.wheres, models=[model])


def ships(online: tuple[float, float], fitted: tuple[float, float]) -> str:
    """Which of two models ships, each by (how good, microseconds of an event): a word for the table.

    The online one where it is better, or as good but for `NEAR` at the share `CHEAP` of the time.
    """
    is_near = online[0] >= fitted[0] - NEAR and online[1] <= CHEAP * fitted[1]
    return "the online model ships" if online[0] >= fitted[0] or is_near else "the one fitted anew ships"


def _hashes(texts: list[str]) -> list[int]:
    """As the engine has ids."""
    found: list[int] = hash_column(pa.array(texts, pa.utf8())).tolist()
    return found


# Card transactions


def card_records(payments: list[cards.Payment]) -> Iterator[bytes]:
    """Payments and, seven days after each, its outcome; outcomes are told together, every full hour."""
    told, hour = 0, payments[0].time.replace(minute=0, second=0)
    for p in payments:
        while hour + HOUR <= p.time:
            hour += HOUR
            while payments[told].time + cards.DELAY <= hour:
                yield _outcome(payments[told], hour)
                told += 1
        yield orjson.dumps({**_of_card(p.id, "card_transaction", p.time, p), "amount": p.amount})


def _outcome(p: cards.Payment, known: datetime) -> bytes:
    said = {"of_event": p.id, "label": "fraud" if p.fraud else "good"}
    return orjson.dumps({**_of_card(f"o{p.id}", "outcome", known, p), **said})


def _of_card(id: str, type: str, at: datetime, p: cards.Payment) -> dict[str, object]:
    time = int(at.timestamp() * 1000)
    return {"id": id, "type": type, "time": time, "customer": p.customer, "device": p.terminal}


def card_figures(folder: Path, catalogue: Catalogue, quick: bool) -> tuple[dict[str, float], list[Row]]:
    """The week's average precision and card precision at 100, of the model and of its rivals."""
    payments = cards.read(folder)
    if quick:
        payments = [p for p in payments if p.time.date() >= cards.LEARNT[0] - timedelta(days=3)]
    week, records = cards.measured(payments), list(batches(card_records(payments), catalogue))
    bad = np.array([p.fraud for p in week])

    asked = _hashes([p.id for p in week])

    def in_week(seen: Observed, scores: Floats) -> Floats:
        row_of = {id: row for row, id in enumerate(seen.ids.tolist())}
        return scores[[row_of[id] for id in asked]]

    def at_100(said: Floats) -> float:
        return cards.card_precision(week, {p.id: score for p, score in zip(week, said.tolist(), strict=True)})

    def row(what: str, said: Floats, us: float) -> Row:
        low, high = interval(lambda at: average_precision(said[at], bad[at]), len(bad), draws=100)
        return Row(what, (f"{average_precision(said, bad):.3f} ({low:.3f} to {high:.3f})", f"{at_100(said):.3f}"), us)

    plan = plan_of("model_cards", catalogue)
    online, fitted = (observe(one, records)["card-fraud"] for one in (plan, anew(plan, window=50_000)))
    own, other = (in_week(seen, seen.scores) for seen in (online, fitted))
    both = [(average_precision(said, bad), seen.microseconds) for said, seen in ((own, online), (other, fitted))]
    found = {"average_precision": both[0][0], "card_precision_at_100": at_100(own)}
    found |= {"average_precision_retrained": both[1][0], "card_precision_at_100_retrained": at_100(other)}
    found |= {"cards_us": both[0][1], "cards_us_retrained": both[1][1]}
    lines = [
        row(f"card-fraud: 54 inputs, logistic regression; {ships(*both)}", own, online.microseconds),
        row("gradient boosting on the same inputs, fitted anew each day", other, fitted.microseconds),
        Row("logistic regression (published)", ("0.606", "0.291")),
        Row("random forest (published)", ("0.658", "0.287")),
        Row("XGBoost tuned (published)", ("0.687", "0.303")),
    ]
    unlabelled: dict[str, list[tuple[float, float, float]]] = {"trees": [], "forest": []}
    start = int(datetime.combine(cards.WEEK[0], datetime.min.time(), UTC).timestamp() * 1000)
    for seed in SEEDS[:1] if quick else SEEDS:
        seen = observe(plan_of("model_cards_unlabelled", catalogue, seed), records)["payment-unlike-others"]
        isolated, us = isolation_forest(seen, start, seed)
        for name, scores, each in (("trees", seen.scores, seen.microseconds), ("forest", isolated, us)):
            said = in_week(seen, scores)
            unlabelled[name].append((average_precision(said, bad), at_100(said), each))
    for name, what in (
        ("trees", f"payment-unlike-others: no label, half-space trees, {len(unlabelled['trees'])} seeds"),
        ("forest", "isolation forest on the same inputs, fitted anew each day to 7 days"),
    ):
        points, cards_found, times = zip(*unlabelled[name], strict=True)
        lines.append(Row(what, (_middle(points), _middle(cards_found)), float(np.median(times))))
        found[f"average_precision_unlabelled_{name}"] = float(np.median(points))
    lines.append(Row("isolation forest; autoencoder (published)", ("0.164; 0.180", "0.190; 0.217")))
    return found, lines


def isolation_forest(seen: Observed, start: int, seed: int) -> tuple[Floats, float]:
    """Scores of events from `start` on by forests fitted at each day's start to the week before; us an event."""
    ensemble, pools = (importlib.import_module(name) for name in ("sklearn.ensemble", "threadpoolctl"))
    days, scores, begun = seen.times // DAY_MS, np.full(len(seen.times), np.nan), time.thread_time()
    for day in np.unique(days[seen.times >= start]).tolist():
        with pools.threadpool_limits(limits=1):
            known, asked = (days >= day - 7) & (days < day), days == day
            forest = ensemble.IsolationForest(random_state=seed).fit(seen.inputs[known])
            scores[asked] = -forest.score_samples(seen.inputs[asked])
    return scores, (time.thread_time() - begun) * 1e6 / int((seen.times >= start).sum())


def _middle(values: Sequence[float]) -> str:
    return f"{np.median(values):.3f} ({min(values):.3f} to {max(values):.3f})"


# Defaults


def line_records(clients: list[early_warning.Client], bad: NDArray[np.bool_], fold: int | None) -> Iterator[bytes]:
    """Month by month all lines but one fold's, what became of them, and then that fold's months, so much later.

    Without a fold all lines and no outcomes.
    """
    taught = [client for client in clients if fold is None or client.id % FOLDS != fold]
    for index in range(len(early_warning.MONTHS)):
        for client in taught:
            yield _month(client, index, timedelta(0))
    if fold is None:
        return
    known = int(datetime(2005, 10, 31, 12, tzinfo=UTC).timestamp() * 1000)
    for client, is_bad in zip(clients, bad.tolist(), strict=True):
        if client.id % FOLDS != fold:
            said = {"of_event": _name(client, len(early_warning.MONTHS) - 1), "label": "default" if is_bad else "good"}
            loan = {"loan": f"L{client.id:05}"}
            yield orjson.dumps({"id": f"o{client.id:05}", "type": "outcome", "time": known, **loan, **said})
    for index in range(len(early_warning.MONTHS)):
        for client in clients:
            if client.id % FOLDS == fold:
                yield _month(client, index, LATER)


def _name(client: early_warning.Client, index: int) -> str:
    return f"{client.id:05}-{index}"


def _month(client: early_warning.Client, index: int, later: timedelta) -> bytes:
    month = early_warning.MONTHS[index]
    end = datetime(2005, month + 1, 1, tzinfo=UTC) - timedelta(hours=12) + later
    late, bill, paid = client.months[index]
    said = {"late": late, "bill": bill, "paid": paid, "before": client.months[index - 1].bill if index else 0.0}
    line = {"loan": f"L{client.id:05}", "line": client.limit}
    at = int(end.timestamp() * 1000)
    return orjson.dumps({"id": _name(client, index), "type": "card_month", "time": at, **line, **said})


def _last_of(seen: Observed, clients: list[early_warning.Client]) -> NDArray[np.intp]:
    """The row of each client's last month; ids are scored once."""
    row_of = {id: row for row, id in enumerate(seen.ids.tolist())}
    last = len(early_warning.MONTHS) - 1
    return np.array([row_of[id] for id in _hashes([_name(client, last) for client in clients])])


def default_figures(folder: Path, catalogue: Catalogue, quick: bool) -> tuple[dict[str, float], list[Row]]:
    """AUC on next month's defaults, of the five folds together and without any label."""
    clients, bad = early_warning.read(folder / early_warning.FILES[0], 4_000 if quick else None)
    plan = plan_of("model_default", catalogue)
    rates = {"lr": 0.003, "intercept_lr": 0.003}
    plans = {"online": _with(plan, Step("StandardScaler", {}), Step("LogisticRegression", rates)), "fitted": plan}
    areas: dict[str, list[float]] = {name: [] for name in plans}
    took = dict.fromkeys(plans, 0.0)
    fold_of = np.array([client.id % FOLDS for client in clients])
    for fold in range(FOLDS):
        records, here = list(batches(line_records(clients, bad, fold), catalogue)), fold_of == fold
        for name, one in plans.items():
            seen = observe(one, records)["default-next-month"]
            areas[name].append(area_under_roc(seen.scores[_last_of(seen, clients)][here], bad[here]))
            took[name] += seen.microseconds / FOLDS
    own, other = ((float(np.mean(areas[name])), took[name]) for name in plans)
    late = np.array([[month.late for month in client.months] for client in clients]).sum(axis=1).astype(float)
    unlabelled, each, records = [], 0.0, list(batches(line_records(clients, bad, None), catalogue))
    for seed in SEEDS[:1] if quick else SEEDS:
        seen = observe(plan_of("model_default_unlabelled", catalogue, seed), records)["line-unlike-others"]
        unlabelled.append(area_under_roc(seen.scores[_last_of(seen, clients)], bad))
        each = seen.microseconds
    middle, least, most = float(np.median(unlabelled)), min(unlabelled), max(unlabelled)
    lines = [
        Row(f"logistic regression, 28 inputs; {ships(own, other)}", (_range(areas["online"]),), took["online"]),
        Row("default-next-month: gradient boosting, fitted anew each day", (_range(areas["fitted"]),), took["fitted"]),
        Row("gradient boosting offline, five folds", ("0.786",)),
        Row(
            f"line-unlike-others, no label, {len(unlabelled)} seeds",
            (f"{middle:.3f} ({least:.3f} to {most:.3f})",),
            each,
        ),
        Row("sum of months late", (f"{area_under_roc(late, bad):.3f}",)),
        Row("isolation forest (three seeds)", ("0.595 to 0.605",)),
    ]
    said = {"default_auc": other[0], "default_auc_online": own[0], "default_auc_unlabelled": middle}
    return {**said, "defaults_us": other[1], "defaults_us_online": own[1]}, lines


def _range(areas: list[float]) -> str:
    return f"{np.mean(areas):.3f} ({min(areas):.3f} to {max(areas):.3f})"


# Pump and dump


def pump_figures(folder: Path, catalogue: Catalogue, quick: bool) -> tuple[dict[str, float], list[Row]]:
    """F1 with every threshold chosen on the other pumps, false alarms per coin and day, delay."""
    announced = pumps.read_pumps(folder / pumps.FILES[1])
    bars = pumps.read_bars(folder / pumps.FILES[0])
    records = list(batches(pumps.events_of(bars), catalogue))
    seen = observe(plan_of("model_pump", catalogue), records)["pump"]
    names = [(f"{b.symbol}-{end}", b.symbol) for b in bars for end in b.ends.tolist()]
    place = dict(zip(_hashes([id for id, _ in names]), (symbol for _, symbol in names), strict=True))
    symbols = [place[id] for id in seen.ids.tolist()]
    left = pumps.leave_one_out(symbols, seen.times, seen.scores, announced)
    days = sum(len(b.ends) for b in bars) * pumps.BAR / 86_400

    plan = plan_of("model_pump_fitted", catalogue)
    spec = plan.models[0].spec
    if quick:  # a fifth of the trees
        plan = _with(plan, Step("Retrained", {**spec.steps[-1].parameters, "n_estimators": 60}))
        spec = plan.models[0].spec
    asked = observe(plan, records)["pump-fitted"]
    given = pumps_fitted.Seen(np.array([place[id] for id in asked.ids.tolist()]), asked.times, asked.inputs)
    us = asked.microseconds + pumps_fitted.microseconds(spec, given, announced)
    seeds = SEEDS[:1] if quick else SEEDS
    fitted = sorted((pumps_fitted.judged(spec, given, announced, seed) for seed in seeds), key=lambda one: one.f1)
    middle = fitted[len(fitted) // 2]
    verdict = ships((left.f1, seen.microseconds), (middle.f1, us))
    lines = [
        Row(f"rush orders while the price jumps, 25 s; {verdict}", _alarms(left, days), seen.microseconds),
        Row("pump-fitted: a forest fitted to other pumps, 10 inputs", _alarms(middle, days), us),
        Row(f"  of {len(seeds)} seeds the median", (_middle([one.f1 for one in fitted]),)),
        Row("z-score of rush orders, one threshold for all", ("0.79", "0.047", "19.5 s")),
        Row("random forest, 25 s (published, other pumps)", ("0.92",)),
        Row("random forest, 5 s (published, other pumps)", ("0.83",)),
        Row("threshold on volume and price (published, other pumps)", ("0.60",)),
    ]
    right, wrong, missed = middle.counts.sum(axis=0).tolist()
    print(f"{right} pumps found, {missed} missed, {wrong} false alarms in {days:,.0f} coin days\n")
    said = {"pump_f1": middle.f1, "pump_f1_online": left.f1, "pump_f1_least": fitted[0].f1, "pump_us": us}
    return {**said, "pump_false_alarms_per_coin_day": wrong / days, "pump_us_online": seen.microseconds}, lines


def _alarms(left: pumps.LeftOut, days: float) -> tuple[str, ...]:
    """F1 with its interval, false alarms per coin and day, delay."""
    low, high = interval(lambda at: f1(*left.counts[at].sum(axis=0).tolist()), len(left.counts))
    wrong = left.counts.sum(axis=0).tolist()[1]
    delay = float(np.median(left.delays)) / 1000 if left.delays else float("nan")
    return f"{left.f1:.3f} ({low:.3f} to {high:.3f})", f"{wrong / days:.3f}", f"{delay:.0f} s"


Figures = Callable[[Path, Catalogue, bool], tuple[dict[str, float], list[Row]]]

#: What is measured: the head of the table, and what makes it.
PARTS: dict[tuple[str, ...], Figures] = {
    ("card frauds, 2018-08-08..14", "average precision", "card precision at 100"): card_figures,
    ("default next month", "AUC"): default_figures,
    ("pump and dump", "F1", "false alarms per coin and day", "delay"): pump_figures,
}


def run(quick: bool) -> dict[str, Any]:
    """All three, or shorter ones: less than four weeks of payments, 4,000 clients, one seed, fewer trees."""
    folder, catalogue = data_folder(FILES), load_catalogue(PACKS / "model_events.yaml")
    said: dict[str, Any] = {}
    for head, measure in PARTS.items():
        begun = time.thread_time()
        found, lines = measure(folder, catalogue, quick)
        said |= {name: round(value, 4) for name, value in found.items()}
        empty = [""] * (len(head) - 1)
        table(
            (*head, "us an event"),
            [
                (
                    line.what,
                    *(*line.figures, *empty)[: len(empty)],
                    "" if line.microseconds is None else line.microseconds,
                )
                for line in lines
            ],
        )
        print(f"{time.thread_time() - begun:.0f} s of the processor\n", flush=True)
    return said
