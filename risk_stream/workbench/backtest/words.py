"""A report as text for a terminal, and as a Markdown comment for a pull request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from risk_stream.engine import Alert
from risk_stream.rules.explain import Cost
from risk_stream.workbench.backtest.edits import Edited
from risk_stream.workbench.backtest.report import Count, Differing, Report, RuleReport
from risk_stream.workbench.markup import code, plain

__all__ = ["as_markdown", "as_text", "cost_lines", "day", "headline", "line_of", "of_edited", "share", "sparkline"]

_BARS = "▁▂▃▄▅▆▇█"
#: Rules that a text names beside those that differ, and columns of a plot.
MOST_RULES, COLUMNS = 30, 60
#: Where at most so many rules fired, each with examples.
WITH_EXAMPLES = 3
_WORD = {"added": "adds", "dropped": "drops", "changed": "says otherwise"}


def day(since_1970: int) -> str:
    """A day as 2026-01-31."""
    return f"{datetime.fromtimestamp(since_1970 * 86_400, UTC):%Y-%m-%d}"


def share(value: float | None) -> str:
    """A share in per cent; a dash where there is none."""
    return "-" if value is None else f"{100 * value:.1f} %"


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
        rules, alerts = _number(side.rules, "rule"), _number(side.live, "alert")
        yield f"  {name}: {rules}, {alerts} ({_per_day(side.live, report)}){shadow}{judged}"
    yield from _doubts(report)
    if report.differing:
        yield ""
        for rule in report.differing:
            yield from _rule(rule, report)
    yield from _all_rules(report)
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
            said.append(f"{_WORD[what]} {_number(differing.alerts, 'alert')}")
    modes = [count.mode for count in rule.sides.values()]
    if len(set(modes)) > 1:
        said.append(f"goes from {modes[0]} to {modes[-1]}")
    return ", ".join(said) or "the same alerts"


def of_edited(edited: Edited) -> Iterator[str]:
    """What changed in a rule, a line for each thing that it says."""
    if edited.status != "edited":
        yield f"{edited.status} (version {edited.version_after or edited.version_before})"
        return
    if edited.means:
        yield f"version {edited.version_before} is now {edited.version_after}"
    for edit in edited.edits:
        if edit.before and edit.after:
            yield f"{edit.what}: {edit.before}  ->  {edit.after}"
        else:
            yield f"{edit.what}: {edit.after}  (new)" if edit.after else f"{edit.what}: {edit.before}  (gone)"


def cost_lines(cost: Cost) -> Iterator[str]:
    """What a rule costs, or that it costs nothing that is not there already."""
    said = [f"{_number(len(hops), 'hop')} more for {name}: {', '.join(hops)}" for name, hops in cost.hops.items()]
    if cost.features:
        said.append(f"{_number(len(cost.features), 'feature')} more: {', '.join(cost.features)}")
    said += [
        f"events by {kind} are kept {now}, without it {had or 'not at all'}" for kind, (had, now) in cost.longer.items()
    ]
    if cost.carried:
        said.append(f"carried to a later hop: {', '.join(cost.carried)}")
    yield from said or ["no hop and no feature that other rules do not need"]


def _number(n: int, what: str) -> str:
    return f"{n:,} {what}{'s' * (n != 1)}"


def _differences(rule: RuleReport) -> Iterable[tuple[str, Differing]]:
    found = (("added", rule.added), ("dropped", rule.dropped), ("changed", rule.changed))
    return [(what, differing) for what, differing in found if differing is not None]


def _outcomes(differing: Differing) -> str:
    known = differing.right + differing.wrong
    return f" ({differing.right:,} of {known:,} right)" if known else ""


def _keys(differing: Differing) -> str:
    named = ", ".join(f"{key} ({n:,})" if n > 1 else key for key, n in differing.keys)
    return f"{named} and {differing.more_keys:,} more" if differing.more_keys else named


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
    if report is not None:
        yield f"Judged on {headline(report)}."
        yield ""
        yield "| rule | | before | after | added | dropped | otherwise |"
        yield "| --- | --- | ---: | ---: | ---: | ---: | ---: |"
        for one in edited:
            yield _row(one, effects.get(one.rule))
        yield ""
    for one in edited:
        yield f"**{one.rule}** {'' if one.status == 'edited' else one.status}".rstrip()
        yield from (f"* {code(line)}" for line in of_edited(one))
        effect = effects.get(one.rule)
        if effect is not None:
            for what, differing in _differences(effect):
                yield f"* {_WORD[what]} {differing.alerts:,}{_outcomes(differing)}: {plain(_keys(differing))}"
                yield from (f"  * {plain(_example(alert))}" for alert in differing.examples[:3])
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
