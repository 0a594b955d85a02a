"""A report as one HTML page that needs nothing else: tables, and plots as SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from risk_stream.engine import Alert
from risk_stream.workbench.backtest.decided import VERDICTS
from risk_stream.workbench.backtest.figures import cost_lines, day, of_edited, share
from risk_stream.workbench.backtest.report import Differing, Report, RuleReport
from risk_stream.workbench.backtest.table_words import because_line, example_line, line_of_table, moved_line
from risk_stream.workbench.backtest.tables import Mix, TableReport
from risk_stream.workbench.backtest.words import headline, line_of
from risk_stream.workbench.markup import document, table

__all__ = ["as_page"]

_WIDTH, _HEIGHT, _COLORS = 720, 110, ("var(--before)", "var(--after)")


def as_page(report: Report, title: str = "Backtest") -> str:
    """The report as a page."""
    return document(title, _body(report))


def _body(report: Report) -> Iterator[str]:
    yield f"<p class=soft>{escape(headline(report))}</p>"
    yield _sides(report)
    for rule in report.differing:
        yield from _rule(rule, report)
    for deciding in report.tables:
        yield from _table(deciding)
    yield from _all_rules(report)
    yield from _together(report)


def _sides(report: Report) -> str:
    rows = []
    for name, side in report.sides.items():
        cells = [side.rules, side.tables, side.live, _per_day(side.live, report), side.shadow]
        shares = [share(side.judged.precision), share(side.judged.recall)]
        rows.append([name, side.plan, *cells, *shares])
    head = ("", "plan", "rules", "tables", "alerts", "a day", "of shadow rules", "precision", "recall")
    return table(head, rows, numbers=range(2, 9))


def _rule(rule: RuleReport, report: Report) -> Iterator[str]:
    yield f"<h2>{escape(rule.rule)}</h2><p>{escape(line_of(rule))}</p>"
    if rule.edited is not None:
        yield "".join(f"<p><code>{escape(line)}</code></p>" for line in of_edited(rule.edited))
    series = [(name, count.days) for name, count in rule.sides.items()]
    yield _key([name for name, _ in series]) + bars([days for _, days in series], report.first_day)
    for what, differing in (("Added", rule.added), ("Dropped", rule.dropped), ("Otherwise", rule.changed)):
        if differing is not None:
            yield _differing(what, differing)
    if rule.cost is not None:
        yield f"<p class=soft>Costs: {escape('; '.join(cost_lines(rule.cost)))}</p>"


def _differing(what: str, differing: Differing) -> str:
    keys = ", ".join(f"{escape(key)} ({n:,})" for key, n in differing.keys)
    more = f" and {differing.more_keys:,} more" if differing.more_keys else ""
    known = differing.right + differing.wrong
    right = f", {differing.right:,} of {known:,} right" if known else ""
    rows = [_example(alert) for alert in differing.examples]
    examples = table(("time (UTC)", "severity", "event", "what happened"), rows)
    return f"<p><b>{what} {differing.alerts:,}</b>{right}: {keys}{more}</p>{examples}"


def _table(deciding: TableReport) -> Iterator[str]:
    """One decision table: what changed in it, the mix of each side, and who goes from what to what."""
    yield f"<h2>{escape(deciding.table)}</h2><p>{escape(line_of_table(deciding))}</p>"
    if deciding.edited is not None:
        yield "".join(f"<p><code>{escape(line)}</code></p>" for line in of_edited(deciding.edited))
    yield table(
        ("", "decisions", *VERDICTS, "mean limit", "mean rate", "mean score", "of the approved went badly"),
        [_mix(name, mix) for name, mix in deciding.sides.items()],
        numbers=range(1, 9),
    )
    for moved in deciding.moved:
        because = "<br>".join(escape(because_line(one)) for one in moved.because)
        yield f"<p><b>{escape(moved_line(moved))}</b><br>{because}</p>"
        yield "".join(f"<p class=soft>{escape(example_line(*pair))}</p>" for pair in moved.examples)
    if deciding.cost is not None:
        yield f"<p class=soft>Costs: {escape('; '.join(cost_lines(deciding.cost)))}</p>"


def _mix(name: str, mix: Mix) -> Sequence[object]:
    verdicts = [f"{one.decisions:,} ({share(one.share)})" for one in mix.verdicts]
    limit = "-" if mix.mean_limit is None else f"{mix.mean_limit:,.2f}"
    rated = mix.mean_rate_from is not None and mix.mean_rate_to is not None
    rate = f"{mix.mean_rate_from:.2%} to {mix.mean_rate_to:.2%}" if rated else "-"
    score = "-" if mix.mean_score is None else f"{mix.mean_score:,.1f}"
    return [name, mix.decisions, *verdicts, limit, rate, score, share(mix.verdicts[0].bad_rate)]


def _example(alert: Alert) -> Sequence[object]:
    at = f"{day(alert.time // 86_400_000)} {alert.time // 3_600_000 % 24:02}:{alert.time // 60_000 % 60:02}"
    return at, alert.severity, alert.event, alert.summary


def _all_rules(report: Report) -> Iterator[str]:
    last = list(report.sides)[-1]
    held = [(rule.rule, rule.sides[last]) for rule in report.rules if last in rule.sides]
    held.sort(key=lambda item: (-item[1].alerts, item[0]))
    yield "<h2>All rules</h2>"
    rows = [
        [
            name,
            count.mode,
            count.alerts,
            count.shown,
            _per_day(count.alerts, report),
            count.about,
            share(count.judged.precision),
            share(count.judged.recall),
        ]
        for name, count in held
    ]
    head = ("rule", "mode", "alerts", "shown", "a day", "customers", "precision", "recall")
    yield table(head, rows, numbers=range(2, 8))


def _together(report: Report) -> Iterator[str]:
    if report.overlaps:
        rows = [[*o.rules, o.events, share(o.share)] for o in report.overlaps]
        yield "<h2>Rules that fire on the same events</h2>"
        yield table(("rule", "and", "events", "of the rarer one's"), rows, numbers=(2, 3))


def _per_day(alerts: int, report: Report) -> str:
    return f"{alerts / max(1, report.days):,.1f}"


def _key(names: Sequence[str]) -> str:
    colors = _COLORS[-len(names) :]
    marks = (f'<i style="background:{color}"></i>{escape(name)}' for name, color in zip(names, colors, strict=False))
    return f'<p class="soft key">alerts a day{"".join(marks)}</p>'


def bars(series: Sequence[Sequence[int]], first_day: int) -> str:
    """Counts of days as bars, those of several series beside each other, as SVG."""
    n, top = max(map(len, series), default=0), max((max(days, default=0) for days in series), default=0)
    if not n or not top:
        return "<p class=soft>none</p>"
    width = _WIDTH / n / len(series)
    shapes = []
    for place, (days, color) in enumerate(zip(series, _COLORS[-len(series) :], strict=False)):
        for at, count in enumerate(days):
            if count:
                height = count / top * (_HEIGHT - 20)
                x, y = (at * len(series) + place) * width, _HEIGHT - 15 - height
                label = f"<title>{day(first_day + at)}: {count:,}</title>"
                shapes.append(
                    f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(0.6, width * 0.9):.1f}" height="{height:.1f}" '
                    f'fill="{color}">{label}</rect>'
                )
    ends = (
        f'<text x="0" y="{_HEIGHT - 3}">{day(first_day)}</text>'
        f'<text x="{_WIDTH}" y="{_HEIGHT - 3}" text-anchor="end">{day(first_day + n - 1)}</text>'
        f'<text x="0" y="10">{top:,}</text>'
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" font-size="10" fill="currentColor">'
        f"{''.join(shapes)}{ends}</svg>"
    )
