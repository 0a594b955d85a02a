"""Random plans and streams for hypothesis: rule files as YAML text, events as dictionaries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from risk_stream.calendars import load_calendars

__all__ = ["CALENDARS", "START", "TYPES", "events", "house_calendar", "rule_files"]

#: When the worlds begin, ms; some do before clocks are put forward or back, holidays, a year's or a month's end.
START = 1_700_000_000_000
STARTS = tuple(
    round(datetime.fromisoformat(text).timestamp() * 1000)
    for text in (
        *("2025-03-29T18:00Z", "2025-10-25T18:00Z", "2026-02-13T06:00Z", "2025-12-31T09:00Z", "2026-09-30T05:00Z"),
        *("2024-12-27T12:00Z", "2026-02-27T03:00Z", "1990-01-01T01:00Z"),
    )
)
house_calendar = """
name: house
timezone: Europe/Berlin
weekend: [saturday, sunday]
from: 2025
until: 2025
holidays: [2025-03-31, 2025-10-27]
workdays: [2025-10-25]
"""
#: The shipped calendars, and that of a house whose clocks are put forward and back.
CALENDARS = load_calendars(texts={"house.yaml": house_calendar})

#: type -> (keys it has, text fields with their values, numeric fields)
TYPES: dict[str, tuple[tuple[str, ...], dict[str, tuple[str, ...]], tuple[str, ...]]] = {
    "trade": (
        ("account", "position", "customer", "instrument", "counterparty", "device"),
        {"side": ("buy", "sell"), "counter_account": ("A1", "A2", "A3")},
        ("amount", "quantity", "price"),
    ),
    "transfer": (
        ("account", "customer", "device", "counterparty"),
        {
            "direction": ("in", "out"),
            "counterparty_kind": ("own", "person", "securities"),
            "purpose": ("rent", "shares"),
        },
        ("amount",),
    ),
    "repayment": (("loan", "customer", "account"), {"currency": ("CNY", "USD")}, ("amount", "instalment")),
    "instalment_due": (("loan", "customer"), {"customer": ("C1", "C2")}, ("amount",)),
    "repayment_reversal": (("loan", "customer"), {"reason": ("booked twice", "returned")}, ("amount",)),
    "application": (
        ("loan", "customer", "id_number", "device"),
        {"lender": ("L1", "L2", "L3"), "product": ("consumer", "margin")},
        ("amount", "term_months", "declared_income"),
    ),
    "account": (("account", "customer"), {"account_kind": ("cash", "margin")}, ()),
    "customer": (("customer", "group"), {"segment": ("retail", "wealth")}, ()),
    "instrument": (("instrument", "board"), {"instrument_kind": ("share", "fund")}, ()),
}
REQUIRED = {
    "trade": ("account", "instrument", "quantity", "price", "amount"),
    "transfer": ("account", "direction", "amount"),
    "repayment": ("loan", "amount"),
    "instalment_due": ("loan", "amount"),
    "repayment_reversal": ("loan", "amount", "repayment"),
    "application": ("loan", "customer", "amount"),
    "account": ("account", "customer"),
    "customer": ("customer",),
    "instrument": ("instrument",),
}
#: Who an event of this type says the owner of its first key is: in these worlds they never disagree.
TEACHES = {
    "application": ("loan", "customer"),
    "account": ("account", "customer"),
    "customer": ("customer", "group"),
    "instrument": ("instrument", "board"),
}
WINDOWS = ("5s", "1m", "10m", "2h", "30d")
CALENDAR_WINDOWS = (
    *("today", "this_month", "today, calendar: china", "today, calendar: house", "this_week, calendar: house"),
    *("this_month, calendar: house", "this_quarter, calendar: china", "this_year, calendar: house"),
    *("business_day, calendar: house", "business_day, calendar: china", "business_day, calendar: china_interbank"),
    "business_day, calendar: weekdays",
)
#: How long after its event a rule may judge it.
AFTER = (
    *("1s", "4s", "5s", "1m", "10m", "2h"),
    *("{business_days: 0, calendar: house}", "{business_days: 1, calendar: china}"),
    "{business_days: 2, calendar: weekdays}",
)
#: An instalment is due so long after its event, ms: before it, where that was dated back.
DUE = (-9_000_000_000, -86_400_000, -3_600_000, 0, 60_000, 28_800_000)
DAYS = ("2023-11-14", "2023-11-15", "2023-11-16", "2023-11-17", "2024-12-28", "2025-10-26", "2026-02-28")
#: What values are compared with, by what they are.
LIMITS = {
    "number": (3.3713, 20.3713, 150.3713),
    "duration": (1.3713, 3.3713),
    "zscore": (0.3713, -0.7713),
    "percentile": (34.3713, 80.3713),
}
#: Before one of the texts that a feature looks for.
SEEN = "seen "
KEY_VALUES = ("1", "2", "3", "a key that is longer than twenty-three bytes")


def _kinds_of(type_name: str) -> set[str]:
    """The kinds of key an event of this type has, or gets from those who know the owner."""
    keys = set(TYPES[type_name][0])
    return keys | {owner for owned, owner in (("customer", "group"), ("instrument", "board")) if owned in keys}


@st.composite
def _aggregate(
    draw: st.DrawFn, judged: str, types: Sequence[str], patterns: list[str], only: str | None = None
) -> tuple[str, str]:
    """(YAML of an aggregate for rules on `judged`, what it is: one of `LIMITS` or a count, or a text that it may be).

    It is by some key that they have, or by the `only` one. Patterns that it names are put to the others.
    """
    kinds = _kinds_of(judged) if only is None else {only}
    fed = draw(st.sampled_from([t for t in types if _kinds_of(t) & kinds]))
    by = draw(st.sampled_from(sorted(_kinds_of(fed) & kinds)))
    texts, numbers = TYPES[fed][1], TYPES[fed][2]
    where = draw(_where(fed))
    ops = ["count", "since", "distinct", "first text", "last text", "sequence", "seen text"]
    ops += ["sum", "mean", "min", "max", "std", "first", "last", "quantile"] * bool(numbers)
    ops += ["days_past_due", "amount_past_due"] * ("amount" in numbers)
    shared = sorted(set(numbers) & set(TYPES[judged][2]))
    ops += ["zscore", "percentile"] * bool(shared and only is None)  # what is judged later cannot ask these
    op, _, text = draw(st.sampled_from(ops)).partition(" ")
    window = draw(st.sampled_from(draw(st.sampled_from([WINDOWS, CALENDAR_WINDOWS]))))
    if op == "sequence":
        return draw(_sequence(by, window, types, patterns))
    if op in ("days_past_due", "amount_past_due"):
        return draw(_arrears(op, by, types, patterns))
    if draw(st.integers(0, 3)) == 0:
        fed, where = _named(patterns, f"of: {fed}" + (f", where: '{where}'" if where else "")), draw(_where(fed))
    tail = f"by: {by}, window: {window}" + (f", where: '{where}'" if where else "")
    if op in ("count", "since"):
        return f"{{{op}: {fed}, {tail}}}", "count" if op == "count" else "duration"
    if op in ("zscore", "percentile"):
        least = draw(st.sampled_from(["", ", least: 1", ", least: 3"]))
        return f"{{{op}: {draw(st.sampled_from(shared))}, of: {fed}{least}, {tail}}}", op
    if op == "quantile":
        share = draw(st.sampled_from(["0.5", "0.07", "0.95", "1"]))
        return f"{{quantile: {draw(st.sampled_from(numbers))}, p: {share}, of: {fed}, {tail}}}", "number"
    if op == "distinct":
        field = draw(st.sampled_from([*sorted(texts), *numbers]))
        return f"{{distinct: {field}, of: {fed}, {tail}}}", "count"
    field = draw(st.sampled_from(sorted(texts) if text else list(numbers)))
    if op == "seen":
        values = draw(st.permutations(texts[field]))
        return f"{{seen: {field}, values: [{', '.join(values)}], of: {fed}, {tail}}}", SEEN + '", "'.join(
            values[: draw(st.integers(1, 2))]
        )
    return f"{{{op}: {field}, of: {fed}, {tail}}}", texts[field][0] if text else "number"


#: Conditions over the clocks and days of calendars.
CLOCKS = (
    *('hour(time, "house") < 12', 'weekday(time, "china") in [6, 7]', 'month(time, "house") == month(time)'),
    *('business_day(time, "house")', 'business_day(time, "china_interbank")', "day(time) >= 30"),
    *('time_of_day(time, "china") >= hours(9) + minutes(30)', 'date(time, "house") == date(time, "china")'),
)


def _reads(name: str, value: str) -> tuple[str, ...]:
    """Conditions over a text that is `value` at times, for which the text itself must be read."""
    return (
        f'lower({name}) == "{value.lower()}"',
        f'starts_with({name}, "{value[:1]}")',
        f"length({name}) < {len(value) + 1}",
        f'not matches({name}, "{value[-1:]}$")',
        f'contains(coalesce(upper({name}), "none"), "{value[:2].upper()}")',
        f'choose(matches({name}, "[a-m]"), "one", "other") != "one"',
    )


@st.composite
def _where(draw: st.DrawFn, fed: str) -> str:
    """A condition over fields of events of a type, or nothing."""
    texts, numbers = TYPES[fed][1], TYPES[fed][2]
    if draw(st.booleans()):
        return ""
    field, values = draw(st.sampled_from(sorted(texts.items())))
    value = draw(st.sampled_from(values))
    forms = [f'{field} == "{value}"', f'not {field} == "{value}"', f"{field} is missing", *_reads(field, value)]
    if numbers:
        forms += [f'{numbers[0]} > choose({field} == "{value}", 3, 7)', f"{numbers[0]} > 10.25"]
        forms += [f'{numbers[0]} <= 7 or {field} != "{value}"']
    return draw(st.sampled_from(forms))


@st.composite
def _sequence(draw: st.DrawFn, by: str, window: str, types: Sequence[str], patterns: list[str]) -> tuple[str, str]:
    """(YAML of a feature about a sequence of two or three steps by a key, what it is)."""
    steps = []
    for _ in range(draw(st.integers(2, 3))):
        fed = draw(st.sampled_from([t for t in types if by in _kinds_of(t)]))
        where = draw(_where(fed))
        if draw(st.integers(0, 3)) == 0:
            fed, where = _named(patterns, f"of: {fed}" + (f", where: '{where}'" if where else "")), draw(_where(fed))
        steps.append(f"{{{fed}: '{where}'}}" if where else draw(st.sampled_from([fed, f"{{{fed}: }}"])))
    longest = WINDOWS.index(window) if window in WINDOWS else len(WINDOWS) - 2
    within = draw(st.sampled_from(WINDOWS[: longest + 1]))
    sequence = f"sequence: [{', '.join(steps)}], within: {within}"
    op = draw(st.sampled_from(["sequence", "count", "since"]))
    if op == "sequence":
        return f"{{{sequence}, by: {by}, window: {window}}}", "count"
    kind = "count" if op == "count" else "duration"
    return f"{{{op}: {_named(patterns, sequence)}, by: {by}, window: {window}}}", kind


@st.composite
def _arrears(draw: st.DrawFn, op: str, by: str, types: Sequence[str], patterns: list[str]) -> tuple[str, str]:
    """(YAML of the days or the amount past due by a key, what it is): whatever has an amount may fall due or pay."""
    able = [t for t in types if by in _kinds_of(t) and "amount" in TYPES[t][2]]
    parts = []
    for part in ("of", "paid", *draw(st.sampled_from([(), ("returned",)]))):
        fed = draw(st.sampled_from(able))
        where = draw(_where(fed))
        named = _named(patterns, f"of: {fed}, where: '{where}'") if where else fed
        parts.append(f"{part}: {named}")
    more = draw(st.sampled_from(["", ", calendar: china", ", calendar: house"])) + draw(
        st.sampled_from(["", ", before: true", ", before: false"])
    )
    window = draw(st.sampled_from([*WINDOWS, "14600d"]))
    kind = "count" if op == "days_past_due" else "number"
    return f"{{{op}: amount, {', '.join(parts)}, by: {by}, window: {window}{more}}}", kind


def _named(patterns: list[str], what: str) -> str:
    """The name of one more pattern."""
    name = f"p{len(patterns)}"
    patterns.append(f"  {name}: {{{what}}}")
    return name


@st.composite
def _condition(draw: st.DrawFn, judged: str, features: dict[str, str], depth: int = 2) -> str:
    if depth and draw(st.booleans()):
        a, b = draw(_condition(judged, features, depth - 1)), draw(_condition(judged, features, depth - 1))
        return draw(st.sampled_from([f"({a}) and ({b})", f"({a}) or ({b})", f"not ({a})", f"({a}) or not ({b})"]))
    if draw(st.integers(0, 3)) == 0:
        field, values = draw(st.sampled_from(sorted(TYPES[judged][1].items())))
        value = draw(st.sampled_from(values))
        return draw(
            st.sampled_from(
                [
                    f'{field} == "{value}"',
                    f'{field} in ["{value}"]',
                    f"{field} is not missing",
                    *_reads(field, value),
                    *CLOCKS,
                ]
            )
        )
    name, kind = draw(st.sampled_from(sorted(features.items())))
    if kind.startswith(SEEN):
        asked = f'has({name}, "{kind.removeprefix(SEEN)}")'
        return draw(st.sampled_from([asked, f"not {asked}", f"{asked} == false", f"choose({asked}, 2, 1) > 1.5"]))
    if kind not in ("count", *LIMITS):
        return draw(
            st.sampled_from(
                [f'{name} == "{kind}"', f'{name} not in ["{kind}"]', f"{name} is missing", *_reads(name, kind)]
            )
        )
    if kind == "count":
        return f"{name} {draw(st.sampled_from(['>', '==', '<', '!=']))} {draw(st.integers(1, 4))}"
    limit = draw(st.sampled_from(LIMITS[kind]))
    others = sorted(n for n, k in features.items() if k == "number")
    forms = [f"{name} > {limit}", f"{name} < {limit}", f"coalesce({name}, 7) > {limit}", f"{name} is missing"]
    forms += [f"round({name}, 1) > {limit}", f"clamp(floor({name}), -200, 200) < {limit}"]
    if kind == "number":
        forms += [f"sqrt({name} / {name}) + ceil({name}) > {limit}"]
    others = [n for n in others if n != name]
    if others and kind == "number":
        forms += [
            f"{name} / {others[0]} > 0.8713",
            f"abs({name} - {others[0]}) < {limit}",
            f"max({name}, 9) >= {limit}",
            f"choose({name} > {others[0]} + 0.5, {name} + 1, {others[0]}) < {limit}",  # the two may be one feature
        ]
    return draw(st.sampled_from(forms))


@st.composite
def _cases(draw: st.DrawFn, judged: str, features: dict[str, str]) -> str:
    """A constant with cases, by a text of the event or of a feature."""
    fields = [*sorted(TYPES[judged][1].items())]
    fields += [(n, (k,)) for n, k in sorted(features.items()) if k not in ("count", *LIMITS) and SEEN not in k]
    by, texts = draw(st.sampled_from(fields))
    values = [f"{text}: {draw(st.sampled_from([1.3713, 3.3713]))}" for text in texts]
    otherwise = draw(st.sampled_from(["", ", otherwise: 2.3713"]))
    return f"{{by: {by}, {', '.join(draw(st.sampled_from([values, values[:1]])))}{otherwise}}}"


@st.composite
def _days(draw: st.DrawFn) -> str:
    """The days that a rule judges: around those when most worlds begin, or far from all."""
    first, last = sorted(draw(st.lists(st.sampled_from(DAYS), min_size=2, max_size=2)))
    ends = draw(
        st.sampled_from([f"    from: {first}\n", f"    until: {last}\n", f"    from: {first}\n    until: {last}\n"])
    )
    calendar = draw(st.sampled_from(["", "    calendar: china\n", "    calendar: house\n"]))
    return str(ends + calendar)


@st.composite
def _beyond(draw: st.DrawFn, features: dict[str, str], constant: str) -> str:
    """A condition that compares a feature, if one is a number, with a constant."""
    numbers = [name for name, kind in sorted(features.items()) if kind in ("count", *LIMITS)]
    if not numbers:
        return f"{constant} {draw(st.sampled_from(['is missing', 'is not missing']))}"
    name = draw(st.sampled_from(numbers))
    return draw(st.sampled_from([f"{name} > {constant}", f"not ({name} <= {constant})", f"2 * {constant} > {name}"]))


@st.composite
def rule_files(
    draw: st.DrawFn, types: Sequence[str] = tuple(TYPES), *, later: bool = False, keyed: bool = False
) -> str:
    """A rule file that loads: one to four rules on some of `types`, each over one to four features of them.

    With `later` most of them judge some time after their event. With `keyed` some have constants with cases, days on
    which they judge, and shares of keys for which they are live: of these the oracle reads in the plan's texts. What
    limits how many alerts are shown (`at_most`) it need not know: it changes no judgement.
    """
    features, rules, constants, patterns = [], [], [], list[str]()
    for r in range(draw(st.integers(1, 4))):
        judged = draw(st.sampled_from(sorted(types)))
        mine: dict[str, str] = {}
        after, only = "", None
        if later and draw(st.integers(0, 3)):
            after = f"    after: {draw(st.sampled_from(AFTER))}\n"
            only = draw(st.sampled_from(sorted(_kinds_of(judged))))
        for f in range(draw(st.integers(1, 4))):
            text, kind = draw(_aggregate(judged, types, patterns, only))
            mine[f"f{r}_{f}"] = kind
            features.append(f"  f{r}_{f}: {text}")
        when = draw(_condition(judged, mine))
        if keyed and draw(st.integers(0, 2)) == 0:
            constants.append(f"  c{r}: {draw(_cases(judged, mine))}\n")
            when = f"({when}) {draw(st.sampled_from(['and', 'or']))} {draw(_beyond(mine, f'c{r}'))}"
        if keyed and draw(st.integers(0, 3)) == 0:
            after += draw(_days())
        [first] = [line for line in features if line.startswith(f"  f{r}_0:")]
        by = first.split("by: ")[1].split(",")[0]
        if keyed and draw(st.integers(0, 3)) == 0:
            after += f"    at_most: {{alerts: {draw(st.integers(1, 3))}, per: {by}, within: 1h}}\n"
        if keyed and draw(st.integers(0, 3)) == 0:
            after += f"    mode: {{live: {draw(st.sampled_from(['50%', '20.5%']))}, by: {by}}}\n"
        severity = "low"
        if draw(st.integers(0, 2)) == 0:
            severity = f"\n      critical: >-\n        {draw(_condition(judged, mine))}\n      low: otherwise"
        rules.append(
            f"  - id: rule-{r}\n    on: {judged}\n    when: >-\n      {when}\n"
            f"{after}    severity: {severity}\n    owner: tests\n"
            + (f"    summary: 'fired at {{f{r}_0}}'\n" if after else "    summary: fired\n")
        )
    written = "constants:\n" + "".join(constants) if constants else ""
    written += "patterns:\n" + "\n".join(patterns) + "\n" if patterns else ""
    return "stage: trading\n" + written + "features:\n" + "\n".join(features) + "\nrules:\n" + "".join(rules)


@st.composite
def events(
    draw: st.DrawFn,
    most: int = 60,
    late: tuple[int, ...] = (0, 0, 0, 0, 5000, 60_000),
    *,
    least: int = 1,
    steps: tuple[int, ...] = (0, 0, 1000, 4000, 55_000, 3_600_000, 28_800_000),
    keys: int = len(KEY_VALUES),
    types: Sequence[str] = tuple(TYPES),
) -> list[dict[str, Any]]:
    """Events with few keys, small amounts, equal times, some `late` by so many ms, and missing fields."""
    stream: list[dict[str, Any]] = []
    now = draw(st.sampled_from([START, START, START, *STARTS]))
    for i in range(draw(st.integers(least, most))):
        kind = draw(st.sampled_from(sorted(types)))
        now += draw(st.sampled_from(steps))
        event: dict[str, Any] = {"id": f"e{i}", "type": kind, "time": now - draw(st.sampled_from(late))}
        names, texts, numbers = TYPES[kind]
        for name in names:
            if name in REQUIRED[kind] or draw(st.integers(0, 3)):
                event[name] = name[0].upper() + draw(st.sampled_from(KEY_VALUES[-keys:]))
        if kind in TEACHES:
            owned, owner = TEACHES[kind]
            if owner in event:
                event[owner] = owner[0].upper() + event[owned][1:]
        for name, values in texts.items():
            if name in REQUIRED[kind] or draw(st.booleans()):
                event[name] = draw(st.sampled_from(values))
        for name in numbers:
            if name in REQUIRED[kind] or draw(st.booleans()):
                whole = draw(st.integers(1, 40))
                event[name] = whole if name in ("quantity", "instalment", "term_months") else whole / 4
        if "repayment" in REQUIRED[kind]:
            event["repayment"] = "whichever"
        if kind == "instalment_due" and draw(st.booleans()):
            event["due_date"] = event["time"] + draw(st.sampled_from(DUE))
        stream.append(event)
    return stream
