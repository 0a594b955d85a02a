"""Writes the parts of docs/ that say what the code says.

These are events.md, commands.md, errors.md, reference.md, scenarios.md, rules.schema.json, the drawing of
architecture.md, the tables of operations.md, performance.md, scale.md and upgrade.md, the cards of the shipped models,
and the dashboards.

`make docs` runs it; a test fails when what is committed differs from what it would write.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from typer.main import get_command

from bench.figures import SCALE, Committed
from docs.architecture import rooms_svg, rooms_table
from docs.dashboards import dashboards
from docs.errors import errors_page
from docs.house import rooms as rooms_of_house
from docs.language import reference_page
from docs.scenarios import scenarios_page
from docs.tables import rows
from risk_stream.calendars import shipped
from risk_stream.catalogue import Catalogue, load_catalogue
from risk_stream.catalogue.formats import FORMATS
from risk_stream.cli import app
from risk_stream.cli.sizing import MEASURED, size
from risk_stream.console import CONSOLE_METRICS
from risk_stream.desk import DESK_METRICS
from risk_stream.lending.ledger.gauges import GAUGES
from risk_stream.models.components import COMPONENTS
from risk_stream.post import NOTICE_METRICS
from risk_stream.rules import load_plan
from risk_stream.rules.schema import rule_schema
from risk_stream.settings import Settings
from risk_stream.sinks import CLERK_METRICS, METRICS, SERVER_METRICS, Metric
from risk_stream.watch import CANARY_METRICS, MIRROR_METRICS
from risk_stream.workbench.model_card import model_card

DOCS = Path(__file__).parent


def events_page(catalogue: Catalogue) -> str:
    """Every event type with its fields."""
    head = (
        "# Events\n\n"
        "<!-- made by `make docs` from risk_stream/catalogue/events; edit there -->\n\n"
        "What a record of a house topic may say. One JSON object per record; money and numbers in major\n"
        'units (`"amount": 1234.5`), times as milliseconds since 1970 UTC or ISO 8601 text. Fields that are not\n'
        "declared are ignored.\n"
        "A house adds types and fields in files of its own (`RISK_STREAM_EVENTS`). The same as JSON Schema:\n"
        "`risk-stream events --schema`.\n\n"
        "**Must** marks what an event cannot be without, **key** what state is kept by, **personal** what is masked.\n"
    )
    kinds = rows(
        ("key", "meaning", "belongs to"),
        ((f"`{k.name}`", k.meaning, f"`{k.belongs_to}`" if k.belongs_to else "") for k in catalogue.kinds),
    )
    parts = [head, "## Keys\n\n" + kinds]
    for event in catalogue.types:
        fields = rows(("field", "type", "unit", "", "meaning"), (field_row(f) for f in event.all_fields))
        parts.append(f"## {event.name}\n\n{event.meaning} Topic family: `{event.topic}`.\n\n{fields}")
    return "\n\n".join(parts) + "\n"


def field_row(field: Any) -> tuple[str, ...]:
    """One field of an event type."""
    kind = field.type.value
    if field.choices:
        kind += ": " + ", ".join(field.choices)
    marks = [
        word
        for word, holds in (("must", field.required), (f"key: {field.key}", field.key), ("personal", field.personal))
        if holds
    ]
    return f"`{field.name}`", kind, field.unit, ", ".join(marks), field.meaning


def commands_page() -> str:
    """Every command with its options."""
    head = "# Commands\n\n<!-- made by `make docs` from risk_stream/cli; edit there -->\n"
    parts = [head]
    for words, command in walk(get_command(app), ()):
        options = rows(("", "", "default"), option_rows(command))
        text = [f"## risk-stream {' '.join(words)}", str(command.help or "").strip()]
        text += [options] if command.params else []
        shown = re.findall(r"^ {2}(risk-stream .*|[A-Z_]+=.*)$", command.epilog or "", re.MULTILINE)
        text += ["```console\n" + "\n".join(f"$ {line}" for line in shown) + "\n```"] if shown else []
        parts.append("\n\n".join(text))
    return "\n\n".join(parts) + "\n"


def walk(command: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Each command that does something, with the words that call it."""
    if hasattr(command, "commands"):
        for name in command.commands:
            yield from walk(command.commands[name], (*words, name))
    else:
        yield words, command


def option_rows(command: Any) -> Iterator[tuple[str, ...]]:
    """One row for each argument and option."""
    for parameter in command.params:
        is_option = parameter.opts[0].startswith("-")
        name = ", ".join(parameter.opts) if is_option else str(parameter.metavar or parameter.name).upper()
        default = parameter.default
        shown = "" if default in {None, "", False} or callable(default) or default == [] else f"`{default}`"
        yield f"`{name}`", parameter.help or "", shown


def settings_table() -> str:
    """Every setting, its default and its meaning."""
    return rows(
        ("variable", "default", "meaning"),
        (
            (f"`RISK_STREAM_{name.upper()}`", f"`{shown(field.default)}`", field.description)
            for name, field in Settings.model_fields.items()
        ),
    )


def shown(default: Any) -> str:
    """A default as it is written in the environment."""
    if default is None:
        return ""
    if isinstance(default, list | dict):
        return json.dumps(default, default=str)
    return str(default)


def metrics_table(metrics: Sequence[Metric]) -> str:
    """Every metric of a process, with its labels and meaning."""
    return rows(
        ("metric", "kind", "labels", "meaning"),
        ((f"`{m.name}`", m.kind, ", ".join(f"`{label}`" for label in m.labels), m.meaning) for m in metrics),
    )


def formats_table() -> str:
    """Everything that is kept or sent, and its format."""
    return rows(
        ("what", "where", "format", "reads", "who reads it"),
        (
            (
                one.what,
                f"`{one.where}`" if one.where.startswith("risk.") else one.where,
                str(one.newest),
                str(one.newest) if one.oldest == one.newest else f"{one.oldest} to {one.newest}",
                one.readers,
            )
            for one in FORMATS
        ),
    )


def gauges_table() -> str:
    """Every gauge of a closed book."""
    return rows(
        ("metric", "labels", "meaning"),
        (
            (f"`{name}`", ", ".join(f"`{label}`" for label in gauge.labels), gauge.meaning)
            for name, gauge in GAUGES.items()
        ),
    )


#: The rate of scale.md, events/s, and how often a worker tells each hop partition how far it is, a second.
RATE, TELLS = 1_000_000, 2

#: Figures of docs/figures.json: what is measured, and how it is written; `bench.figures.SCALE` says what measures it.
FIGURES = {
    "checkpoint_ratio": ("throughput with checkpoints over that without", "{:.2f}"),
    "two_workers_cpu_ratio": (
        "core time of an event on two workers over that on one",
        "{:.2f}",
    ),
    "bytes_per_key": (
        "windows of a key with 16 rows, 8 features at a hop, bytes",
        "{:,.0f}",
    ),
    "large_key_ratio": (
        "an event at a key of 100,000 rows over one at a key of 10, in order",
        "{:.2f}",
    ),
    "large_key_behind_ratio": (
        "the same, of an event with five newer rows of its key",
        "{:.2f}",
    ),
    "skew_100ms_ratio": (
        "an event of two channels 0.1 s of event time apart over one of a single channel, records of 1,000 rows",
        "{:.1f}",
    ),
    "skew_1s_ratio": ("the same, 1 s apart", "{:.1f}"),
    "skew_5s_ratio": ("the same, 5 s apart", "{:.1f}"),
    "skew_5s_revisions": (
        "events judged again for each event, 5 s apart",
        "{:.1f}",
    ),
    "sent_bytes_per_event": (
        "bytes a worker sends to Kafka for an event, all steps",
        "{:,.0f}",
    ),
    "recovery_p50_s": (
        "time until a dead worker's partitions are judged again at 1,000 events/s, s",
        "{:.1f}",
    ),
    "load_5000_rules_s": (
        "5,000 rules in 100 files read and checked, s of a core",
        "{:.1f}",
    ),
    "reload_of_5000_rules_s": (
        "one of the 100 files changed: read, checked and compiled beside the stream, s of a core",
        "{:.1f}",
    ),
    "reload_pause_ms": (
        "longest time without an alert from the saving of a file until it counts, at 250 alerts/s, ms",
        "{:.0f}",
    ),
}


def scale_tables() -> str:
    """The arithmetic of scale.md, from the one place where the measured cost stands, and from docs/figures.json."""
    sizing = size(RATE, MEASURED.keys, MEASURED.rules)
    figures = json.loads((DOCS / "figures.json").read_text())
    assert set(figures) == set(FIGURES)
    kinds = len(load_catalogue().kinds)
    fronts = sizing.workers * kinds * sizing.partitions * TELLS
    more = [
        (
            "records by which workers tell each other how far they are",
            f"{sizing.workers:,} workers x {kinds} kinds of key x {sizing.partitions:,} partitions x {TELLS} a second",
            f"{fronts:,} a second, {fronts / sizing.workers:,.0f} at each worker",
        )
    ]
    if (ratio := figures["checkpoint_ratio"]) is not None:
        more.append(
            (
                "workers, if the cost was measured without checkpoints",
                f"{sizing.workers:,} / {ratio:.2f}, rounded up",
                f"{math.ceil(sizing.workers / ratio):,}",
            )
        )
    if (bytes_per_event := figures["sent_bytes_per_event"]) is not None:
        sent = RATE * bytes_per_event / 1e6
        more.append(
            ("what Kafka takes", f"{RATE:,} events/s x {bytes_per_event:,.0f} bytes", f"{sent:,.0f} MB/s a replica")
        )
    if (per_key := figures["bytes_per_key"]) is not None:
        keys = 100_000_000
        held = keys * per_key / sizing.workers / 2**30
        more.append(
            (
                f"windows of a worker, {keys:,} keys of a kind in all",
                f"{keys:,} x {per_key:,.0f} bytes / {sizing.workers:,} workers",
                f"{held:.1f} GiB",
            )
        )
    arithmetic = rows(("what", "how it is found", "result"), iter([*sizing.steps, *more]))
    measured = rows(
        ("measured", "by", "here"),
        (
            (
                what,
                _measured_by(*SCALE[name]),
                "not measured yet" if figures[name] is None else how.format(figures[name]),
            )
            for name, (what, how) in FIGURES.items()
        ),
    )
    return f"{arithmetic}\n\n{measured}"


def _measured_by(bench: str, figure: str, over: str = "") -> str:
    args = next(row.args for row in Committed.read().rows if row.bench == bench)
    command = " ".join(("bench", bench, *(arg for arg in args if arg != "--quick")))
    return f"`{command}`: {figure}{f' over {over}' if over else ''}"


def performance_table() -> str:
    """Every figure of docs/performance.json beside its rival, and how to get it again."""
    committed = Committed.read()
    table = rows(
        ("what", "here", "next to it", "made by"),
        ((row.what, *row.cells(), f"`{row.command}`") for row in committed.rows),
    )
    return f"{table}\n\nOn {committed.machine}; {committed.when}."


def checked_table() -> str:
    """The figures that `make bench` holds against what is committed."""
    return rows(
        ("benchmark", "figure", "committed", "must be"),
        (
            (row.bench, f"`{figure.name}`", f"{figure.value:g}", figure.bound)
            for row in Committed.read().rows
            for figure in row.figures
            if figure.sort != "absolute"
        ),
    )


def components_table() -> str:
    """What may stand in the pipeline of a model."""
    lines = (
        (
            f"`{c.name}`",
            c.role,
            c.meaning,
            ", ".join(
                f"`{name}`" + ("" if p.required else f" ({shown_default(p.default)})")
                for name, p in c.parameters.items()
            ),
            f"{c.base_us + 10 * c.input_us:,.0f}",
        )
        for c in COMPONENTS.values()
    )
    return rows(("component", "role", "what it gives", "parameters (default)", "us"), lines)


def shown_default(default: object) -> str:
    """A default as a file says it."""
    return json.dumps(default) if isinstance(default, bool) or default is None else str(default)


def with_tables(text: str, **tables: str) -> str:
    """A page with its tables as the code has them, by name."""
    for name, made in tables.items():
        begin, end = f"<!-- {name}: made by `make docs` -->", f"<!-- /{name} -->"
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = f"{before}{begin}\n\n{made}\n\n{end}{after}"
    return text


def model_cards() -> dict[Path, str]:
    """The card of each shipped model, with what docs/model_figures.json says was measured of it."""
    plan = load_plan([DOCS.parent / "rules", DOCS.parent / "models"], load_catalogue())
    figures = json.loads((DOCS / "model_figures.json").read_text())
    return {
        DOCS / "model-cards" / f"{model.id}.md": model_card(plan, model, figures.get(model.id, ()))
        for model in plan.models
    }


def pages() -> dict[Path, str]:
    """What each generated page should hold."""
    operations, scale, models = DOCS / "operations.md", DOCS / "scale.md", DOCS / "models.md"
    performance = DOCS / "performance.md"
    architecture, house = DOCS / "architecture.md", rooms_of_house()
    return {
        DOCS / "events.md": events_page(load_catalogue()),
        DOCS / "commands.md": commands_page(),
        DOCS / "errors.md": errors_page(),
        DOCS / "reference.md": reference_page(),
        DOCS / "scenarios.md": scenarios_page(),
        DOCS / "rules.schema.json": json.dumps(rule_schema(load_catalogue(), shipped()), indent=1) + "\n",
        DOCS / "upgrade.md": with_tables((DOCS / "upgrade.md").read_text(), formats=formats_table()),
        operations: with_tables(
            operations.read_text(),
            settings=settings_table(),
            metrics=metrics_table(METRICS),
            server_metrics=metrics_table(SERVER_METRICS),
            clerk_metrics=metrics_table(CLERK_METRICS),
            desk_metrics=metrics_table(DESK_METRICS),
            mirror_metrics=metrics_table(MIRROR_METRICS),
            console_metrics=metrics_table(CONSOLE_METRICS),
            notice_metrics=metrics_table(NOTICE_METRICS),
            canary_metrics=metrics_table(CANARY_METRICS),
            book_metrics=gauges_table(),
        ),
        architecture: with_tables(architecture.read_text(), rooms=rooms_table(house)),
        DOCS / "house.svg": rooms_svg(house),
        models: with_tables(models.read_text(), components=components_table()),
        performance: with_tables(performance.read_text(), figures=performance_table(), checked=checked_table()),
        scale: with_tables(scale.read_text(), scale=scale_tables()),
        **model_cards(),
        **dashboards(),
    }


if __name__ == "__main__":
    for path, text in pages().items():
        changed = not path.exists() or path.read_text() != text
        path.write_text(text)
        sys.stdout.write(f"{path.relative_to(DOCS.parent)}{'' if changed else ' (as it was)'}\n")
