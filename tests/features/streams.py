"""Layouts and streams for the tests of windows, drawn by Hypothesis or from a seed, and how to run both sides."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from random import Random

import numpy as np
from hypothesis import strategies as st

from risk_stream.catalogue import text_hash
from risk_stream.features import Aggregate, Bit, KeyState, KindLayout, Op, Periods
from risk_stream.features._words import H_EVICTED, H_LIVE
from tests.features.reference import MISSING, Answer, Event

LATENESS = 60
TYPES = ("order", "transfer")
WHERES = ("", "large", "out")
FIELDS = {"amount": 2, "price": 8, "quantity": 0, "merchant": 0, "due_date": 0}
TEXTS = frozenset({"merchant"})
WINDOWS = (1, 40, 200, 1500)
#: What windows give; scores are given by models.
OPS = tuple(op for op in Op if not op.is_score)
#: Some that all streams lie in, some that begin and end while events come, none as long as the next.
PERIODS = (
    Periods("tenths", range(9_000, 80_000, 100)),
    Periods("uneven", [10_050 + 13 * i * i for i in range(35)]),
    Periods("few", [10_090, 10_800, 11_000, 12_900, 13_000]),
)
#: Of sequences: two and three steps, one thing twice, steps that an event can be several of.
STEPS: tuple[tuple[tuple[Bit, ...], ...], ...] = (
    ((("order", ""),), (("transfer", ""),)),
    ((("order", "large"),), (("order", "out"), ("transfer", "out")), (("transfer", ""),)),
    ((("transfer", ""),), (("transfer", ""),), (("transfer", ""),)),
    ((("order", ""), ("transfer", "large")), (("order", "large"),)),
)
#: Of arrears: what falls due, what is paid and what was returned; some of it is two of them, or nothing is returned.
ACCOUNTS: tuple[tuple[tuple[Bit, ...], ...], ...] = (
    ((("order", ""),), (("transfer", ""),), (("transfer", "out"),)),
    ((("order", "large"), ("transfer", "out")), (("transfer", "large"),), ()),
    ((("transfer", ""),), (("order", "large"), ("order", "out")), (("order", ""),)),
)
BIG = 2**53 - 1
#: Texts that are looked for: some come, and more than a half never does.
SOUGHT = tuple(f"text {n}" for n in range(52))


def aggregate(
    op: Op,
    field: str | None = None,
    *,
    of: tuple[str, ...] = ("order",),
    where: str = "",
    window_ms: int | Periods = 1000,
    name: str = "",
    share: int = 950_000,
    least: int = 2,
    steps: tuple[tuple[Bit, ...], ...] = (),
    within_ms: int = 100,
    values: tuple[str, ...] = SOUGHT,
    due: str | None = None,
    days: Periods = PERIODS[0],
    before: bool = False,
) -> Aggregate:
    """An aggregate by customer over the fields of these tests; `window_ms` is a sliding window or a calendar's."""
    if op is Op.SEQUENCE and not steps:
        steps = STEPS[0]
    if op.is_arrears and not steps:
        steps = ACCOUNTS[0]
    if steps:
        of, where = tuple(sorted({event for step in steps for event, _ in step})), ""
    used = field if op.needs_field else None
    text = used in TEXTS and op in {Op.FIRST, Op.LAST}
    given = (
        (values,)
        if op is Op.SEEN
        else (steps, due, days, before)
        if op.is_arrears
        else (share,)
        if op is Op.QUANTILE
        else (least,)
        if op.is_baseline
        else (steps, within_ms)
        if steps
        else ()
    )
    id = name or f"{op.value} {used} {of} {where} {window_ms} {given}"
    periods = window_ms if isinstance(window_ms, Periods) else None
    ms = window_ms.longest_ms if isinstance(window_ms, Periods) else window_ms
    values_of = {
        "share": share if op is Op.QUANTILE else 0,
        "least": least if op.is_baseline else 1,
        "values": values if op is Op.SEEN else (),
    }
    spans = {"steps": steps, "within_ms": within_ms if steps and not op.is_arrears else 0}
    dates = {"due": due, "days": days, "before": before} if op.is_arrears else {}
    return Aggregate(
        id, op, of, where, "customer", ms, used, FIELDS.get(used or "", 0), text, periods, **spans, **values_of, **dates
    )


def layout(aggregates: Sequence[Aggregate], cap: int = 1024) -> KindLayout:
    """Their layout."""
    return KindLayout("customer", aggregates, cap=cap, text_fields=TEXTS)


@st.composite
def aggregates(draw: st.DrawFn) -> Aggregate:
    """Any aggregate that a rule file could ask for."""
    op = draw(st.sampled_from(OPS))
    numbers_only = op not in {Op.DISTINCT, Op.FIRST, Op.LAST}
    name = draw(st.sampled_from([f for f in FIELDS if f not in TEXTS or not numbers_only]))
    if op is Op.SEEN:
        name = "merchant"
    of = draw(st.sampled_from([("order",), ("transfer",), TYPES]))
    window = draw(st.sampled_from([*WINDOWS, *PERIODS]))
    ways = {Op.SEQUENCE: STEPS, Op.SINCE: [(), *STEPS]}
    steps = draw(st.sampled_from(ACCOUNTS if op.is_arrears else ways.get(op, [()])))
    return aggregate(
        op,
        name,
        of=of,
        where=draw(st.sampled_from(WHERES)),
        window_ms=window,
        share=draw(st.sampled_from([1, 70_000, 500_000, 950_000, 999_999, 1_000_000])),
        least=draw(st.sampled_from([1, 2, 5])),
        steps=steps,
        within_ms=draw(st.sampled_from([1, 50, 1000])),
        values=draw(st.sampled_from([SOUGHT, SOUGHT[:1], SOUGHT[2:]])),
        due=draw(st.sampled_from([None, "due_date"])),
        days=draw(st.sampled_from(PERIODS)),
        before=draw(st.booleans()),
    )


def layouts(*, caps: Sequence[int] = (1024,)) -> st.SearchStrategy[KindLayout]:
    """Up to 14 different aggregates."""
    lists = st.lists(aggregates(), min_size=1, max_size=14, unique_by=lambda a: a.id)
    return st.builds(layout, lists, st.sampled_from(caps))


HASHES = tuple(text_hash(text) for text in SOUGHT)
LARGE = (BIG, -BIG, BIG - 1)


def _value(chance: Random) -> int:
    """Nothing, a small number that comes again, any number, or one of the largest."""
    match chance.randrange(4):
        case 0:
            return MISSING
        case 1:
            return chance.randint(-3, 3)
        case 2:
            return chance.randint(-(10**6), 10**6)
        case _:
            return chance.choice(LARGE)


def _event(chance: Random, now: int) -> Event:
    event_type = chance.choice(("login", *TYPES, *TYPES))
    wheres = {"", *(where for where in WHERES if chance.random() < 0.4)}
    counts_for = frozenset((event_type, where) for where in wheres if event_type != "login")
    fields = {name: _value(chance) for name in FIELDS}
    if chance.random() < 0.5:
        fields |= {name: chance.choice(HASHES[::5]) for name in TEXTS}
    fields["due_date"] = MISSING if chance.random() < 0.5 else now + chance.randint(-300, 300)
    late = chance.choice((0, 0, 0, 0, 1, 7, LATENESS))
    id = chance.randint(-3, 3) if chance.random() < 0.5 else chance.randint(-(2**63), 2**63 - 1)
    return Event(now - late, counts_for, fields, chance.choice((None, 0, 0, 0, 1, 2)), id)


@st.composite
def streams(draw: st.DrawFn, *, most: int = 90, twice: bool = True) -> list[Event]:
    """Events of a few keys with ties, gaps and late ones, some without a key, some for nothing, some twice.

    Hypothesis draws one number for each event, of which all that it has is made: drawing twenty takes twenty times as
    long, which is more than the tests do with it.
    """
    step = draw(st.sampled_from([0, 3, 30, 400]))
    count = draw(st.integers(1, most))
    now, events = 10_000, list[Event]()
    for number in draw(st.lists(st.integers(0, 2**62), min_size=count, max_size=count)):
        chance = Random(number)
        recent = [e for e in events if e.time > now - LATENESS]
        if twice and recent and chance.random() < 0.1:
            events.append(chance.choice(recent))
            continue
        now += chance.randint(0, step)
        events.append(_event(chance, now))
    return events if twice else list({(e.key, e.place): e for e in events}.values())


def seeded_stream(
    seed: int, n: int, *, keys: int = 3, step: int = 3, late: float = 0.05, span: int = 10**6
) -> list[Event]:
    """A longer stream, for logs long enough to be cached, compacted and capped."""
    rng = np.random.default_rng(seed)
    now, events = 10_000, []
    for _ in range(n):
        now += int(rng.integers(0, step + 1))
        event_type = ("login", *TYPES, *TYPES)[rng.integers(5)]
        wheres = {"", *(w for w in WHERES if rng.random() < 0.4)}
        fields = {f: int(rng.integers(-span, span)) if rng.random() < 0.9 else MISSING for f in FIELDS}
        fields["due_date"] = now + int(rng.integers(-200, 200))
        fields["merchant"] = HASHES[n % 52] if (n := int(rng.integers(0, 60))) % 2 else n * 0x9E3779B97F4A7C
        behind = int(rng.integers(0, LATENESS)) if rng.random() < late else 0
        counts_for = frozenset((event_type, w) for w in wheres if event_type != "login")
        events.append(
            Event(now - behind, counts_for, fields, int(rng.integers(keys)), int(rng.integers(-(2**62), 2**62)))
        )
    return events


def run(
    state: KeyState,
    events: Sequence[Event],
    cuts: Sequence[int] = (),
    *,
    asking: bool = False,
    position: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Apply events to a state in batches that end at `cuts`, or only ask for them; -> values and flags of all."""
    layout, parts = state.layout, []
    places = {bit: b for b, bit in enumerate(layout.bits)}
    bounds = [0, *sorted({c for c in cuts if 0 < c < len(events)}), len(events)]
    for begin, end in itertools.pairwise(bounds):
        batch = events[begin:end]
        keys = np.array([[e.key or 0, 7, -1] for e in batch], np.int64).reshape(-1, 3)
        masks = [0 if asking else sum(1 << places[bit] for bit in e.counts_for if bit in places) for e in batch]
        columns = [[e.fields.get(name, MISSING) for e in batch] for name in layout.columns]
        parts.append(
            state.apply(
                keys,
                np.array([e.key is not None for e in batch], np.bool_),
                np.array([e.time for e in batch], np.int64),
                np.array(masks, np.uint64).view(np.int64),
                np.array(columns, np.int64).reshape(len(layout.columns), len(batch)),
                np.array([e.id for e in batch], np.int64),
                position=position + begin,
            )
        )
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def differs(a: Aggregate, got: float, flagged: bool, want: Answer) -> str:
    """What is wrong with a value, "" for nothing."""
    if flagged == want.exact:
        return f"flagged {flagged}, exact {want.exact}"
    if flagged:
        if a.op in {Op.COUNT, Op.SEQUENCE} and not want.at_least <= got <= want.at_most:
            return f"{a.op.value} {got} outside [{want.at_least}, {want.at_most}]"
        if a.op is Op.SEEN and int(got) & ~int(want.at_most):
            return f"seen {int(got):b}, and there was {int(want.at_most):b}"
        return ""
    if a.text:
        as_hash = int(np.float64(got).view(np.int64))
        return "" if as_hash == (want.value or 0) else f"text {as_hash}, not {want.value}"
    if want.value is None:
        return "" if math.isnan(got) else f"{got}, not missing"
    if a.op in {Op.STD, Op.ZSCORE}:
        return "" if math.isclose(got, want.value, rel_tol=1e-9, abs_tol=0) else f"{got}, not {want.value}"
    return "" if got == want.value else f"{got!r}, not {want.value!r}"


def live_bytes(state: KeyState) -> int:
    """The part of `bytes` that is in use."""
    return int(state._store.heap[H_LIVE]) * 8


def evicted(state: KeyState) -> int:
    """Keys forgotten because all their rows had expired."""
    return int(state._store.heap[H_EVICTED])
