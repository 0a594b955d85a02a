"""A report as text for a terminal, and as a Markdown comment for a pull request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from risk_stream.engine import Alert
from risk_stream.workbench.backtest.edits import Edited
from risk_stream.workbench.backtest.figures import cost_lines, day, keys_of, number_of, of_edited, share
from risk_stream.workbench.backtest.report import Count, Differing, Report, RuleReport
from risk_stream.workbench.backtest.table_words import mix_line, table_in_markdown, table_lines
from risk_stream.workbench.markup import code, plain

__all__ = ["as_markdown", "as_text", "headline", "line_of", "sparkline"]

_BARS = "▁▂▃▄▅▆▇█"
#: Rules that a text names beside those that differ, and columns of a plot.
MOST_RULES, COLUMNS = 30, 60
#: Where at most so many rules fired, each with examples.
WITH_EXAMPLES = 3
_WORD = {"added": "adds", "dropped": "drops", "changed": "says otherwise"}


def sparkline(values: Sequence[int], columns: int = COLUMNS) -> str:
    """Bars for counts in their order; many are added up to so many columns. Nothing for no counts."""
    if not values:
        return ""
    width = -(-len(values) // columns)
    sums = [sum(values[at : at + width]) for at in range(0, len(values), width)]
    top = max(sums)
    return "".join(_BARS[0] if not n else _BARS[max(1, round(n / top * (len(_BARS) - 1)))] for n in sums)


def headline(report: Report) -> str:
    """What was judged, in a sentence."""
    span = ""
    if report.days:
        last = day(report.first_day + report.days - 1)
        span = f" of {report.days} day{'s' * (report.days != 1)} ({day(report.first_day)} to {last})"
    return f"{report.counted.events:,} events{span}"


def as_text(report: Report) -> Iterator[str]:
    """The report in lines: the sides, what differs rule by rule, every rule's alerts, what goes together."""
    yield headline(report)
    for name, side in report.sides.items():
        shadow = f", {side.shadow:,} of shadow rules" if side.shadow else ""
        judged = _judged(side.judged.precision, side.judged.recall)
        rules, alerts = number_of(side.rules, "rule"), number_of(side.live, "alert")
        deciding = f", {number_of(side.tables, 'table')}" if side.tables else ""
        yield f"  {name}: {rules}{deciding}, {alerts} ({_per_day(side.live, report)}){shadow}{judged}"
    yield from _doubts(report)
    if report.differing:
        yield ""
        for rule in report.differing:
            yield from _rule(rule, report)
    for table in report.tables:
        if table.differs:
            yield from table_lines(table)
            yield ""
    yield from _all_rules(report)
    yield from _all_tables(report)
    yield from _together(report)


def _doubts(report: Report) -> Iterator[str]:
    counted = report.counted
    if counted.refused:
        yield f"  {counted.refused:,} records refused; the first: {counted.first_refused}"
    if counted.late:
        yield f"  {counted.late:,} events came too late to be judged"
    for rule, errors in sorted(counted.errors.items()):
        yield f"  {rule} failed on {errors:,} events"
    if report.outcomes:
        others = "all that has none counts as good" if report.others_good else "what has none counts as unknown"
        yield f"  {report.outcomes:,} outcomes; {others}"


def _rule(rule: RuleReport, report: Report) -> Iterator[str]:
    yield f"{rule.rule}: {line_of(rule)}"
    if rule.edited is not None:
        yield from (f"  {line}" for line in of_edited(rule.edited))
    for name, count in rule.sides.items():
        alerts = f"{count.alerts:,} alerts ({_per_day(count.alerts, report)}){_shown(count)}"
        yield f"  {name:8} {sparkline(count.days)}  {alerts}"
    for what, differing in _differences(rule):
        yield f"  {_WORD[what]} {differing.alerts:,}{_outcomes(differing)}: {_keys(differing)}"
        yield from (f"    {_example(alert)}" for alert in differing.examples)
    if rule.cost is not None:
        yield from (f"  costs: {line}" for line in cost_lines(rule.cost))
    yield ""


def line_of(rule: RuleReport) -> str:
    """What becomes of a rule's alerts, in words: adds 37 alerts, drops 112, 3 with another severity or score."""
    said = []
    for what, differing in _differences(rule):
        if what == "changed":
            said.append(f"{differing.alerts:,} with another severity, score or action")
        else:
            said.append(f"{_WORD[what]} {number_of(differing.alerts, 'alert')}")
    modes = [count.mode for count in rule.sides.values()]
    if len(set(modes)) > 1:
        said.append(f"goes from {modes[0]} to {modes[-1]}")
    return ", ".join(said) or "the same alerts"


def _differences(rule: RuleReport) -> Iterable[tuple[str, Differing]]:
    found = (("added", rule.added), ("dropped", rule.dropped), ("changed", rule.changed))
    return [(what, differing) for what, differing in found if differing is not None]


def _outcomes(differing: Differing) -> str:
    known = differing.right + differing.wrong
    return f" ({differing.right:,} of {known:,} right)" if known else ""


def _keys(differing: Differing) -> str:
    return keys_of(differing.keys, differing.more_keys)


def _example(alert: Alert) -> str:
    at = datetime.fromtimestamp(alert.time / 1000, UTC)
    return f"{at:%Y-%m-%d %H:%M:%S} {alert.severity:8} {alert.event}: {alert.summary}"


def _per_day(alerts: int, report: Report) -> str:
    return f"{alerts / max(1, report.days):,.1f} a day"


def _shown(count: Count) -> str:
    return "" if count.shown == count.alerts else f", {count.shown:,} shown"


def _judged(precision: float | None, recall: float | None) -> str:
    if precision is None and recall is None:
        return ""
    return f"; precision {share(precision)}, recall {share(recall)}"


def _all_rules(report: Report) -> Iterator[str]:
    """The last side's rules, those with the most alerts first."""
    last = list(report.sides)[-1]
    held: list[tuple[str, Count]] = [(r.rule, r.sides[last]) for r in report.rules if last in r.sides]
    fired = sorted((item for item in held if item[1].alerts), key=lambda item: (-item[1].alerts, item[0]))
    if fired:
        yield f"alerts by rule ({last})"
        width = max(len(name) for name, _ in fired[:MOST_RULES])
        for name, count in fired[:MOST_RULES]:
            mode = "" if count.mode == "live" else f"  {count.mode}"
            judged = _judged(count.judged.precision, count.judged.recall)
            yield f"  {name:{width}}  {sparkline(count.days, 30)}  {count.alerts:>8,}{_shown(count)}{mode}{judged}"
            if len(fired) <= WITH_EXAMPLES and not report.differing:
                yield from (f"    {_example(alert)}" for alert in count.examples)
        if len(fired) > MOST_RULES:
            yield f"  and {len(fired) - MOST_RULES} more"
    if report.silent:
        yield f"never fired: {', '.join(report.silent)}"


def _all_tables(report: Report) -> Iterator[str]:
    """What the last side's tables decide."""
    last = list(report.sides)[-1]
    held = [(table.table, table.sides[last]) for table in report.tables if last in table.sides]
    if held:
        yield f"decisions by table ({last})"
        yield from (f"  {name}: {mix_line(mix)}" for name, mix in held)


def _together(report: Report) -> Iterator[str]:
    for a, b in report.inseparable:
        yield f"always fire together: {a} and {b}"
    pairs = [o for o in report.overlaps if o.rules not in report.inseparable and o.share >= 0.5]
    for overlap in pairs:
        names = " and ".join(overlap.rules)
        yield f"fire together: {names}, on {overlap.events:,} events, {share(overlap.share)} of the rarer"


# Markdown


def as_markdown(report: Report | None, edited: Sequence[Edited]) -> Iterator[str]:
    """A comment for a pull request: what changed in the rules and, where a history was judged, what it does."""
    yield "### What this changes in the rules"
    yield ""
    if not edited:
        yield "Nothing that a rule means or says."
        return
    effects = {rule.rule: rule for rule in report.rules} if report is not None else {}
    deciding = {table.table: table for table in report.tables} if report is not None else {}
    if report is not None:
        yield f"Judged on {headline(report)}."
        yield ""
        alerting = [one for one in edited if one.rule not in deciding]
        if alerting:
            yield "| rule | | before | after | added | dropped | otherwise |"
            yield "| --- | --- | ---: | ---: | ---: | ---: | ---: |"
            yield from (_row(one, effects.get(one.rule)) for one in alerting)
            yield ""
    for one in edited:
        yield f"**{one.rule}** {'' if one.status == 'edited' else one.status}".rstrip()
        yield from (f"* {code(line)}" for line in of_edited(one))
        effect = effects.get(one.rule)
        if effect is not None:
            for what, differing in _differences(effect):
                yield f"* {_WORD[what]} {differing.alerts:,}{_outcomes(differing)}: {plain(_keys(differing))}"
                yield from (f"  * {plain(_example(alert))}" for alert in differing.examples[:3])
        if one.rule in deciding:
            yield from table_in_markdown(deciding[one.rule])
        yield ""


def _row(one: Edited, effect: RuleReport | None) -> str:
    counts = ["-", "-"]
    if effect is not None:
        sides = list(effect.sides.items())
        if one.status != "added" and sides:
            counts[0] = f"{sides[0][1].alerts:,}"
        if one.status != "removed" and sides:
            counts[1] = f"{sides[-1][1].alerts:,}"
    found = dict(_differences(effect)) if effect is not None else {}
    cells = [f"{found[what].alerts:,}" if what in found else "0" for what in ("added", "dropped", "changed")]
    return f"| {one.rule} | {one.status} | {' | '.join([*counts, *cells])} |"
