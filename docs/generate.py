"""Writes the parts of docs/ that say what the code says: events.md, commands.md and the tables of operations.md.

`make docs` runs it; a test fails when what is committed differs from what it would write.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from risk_stream.catalogue import Catalogue, load_catalogue
from risk_stream.cli import app
from risk_stream.settings import Settings
from risk_stream.sinks.prometheus import METRICS

DOCS = Path(__file__).parent


def cell(text: object) -> str:
    """Text that does not end a table's cell."""
    return str(text).replace("|", "\\|").replace("\n", " ")


def rows(header: tuple[str, ...], lines: Iterator[tuple[object, ...]]) -> str:
    """A Markdown table."""
    table = [header, tuple("---" for _ in header), *lines]
    return "\n".join("| " + " | ".join(cell(c) for c in line) + " |" for line in table)


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


def metrics_table() -> str:
    """Every metric of a worker, with its labels and meaning."""
    return rows(
        ("metric", "kind", "labels", "meaning"),
        ((f"`{m.name}`", m.kind, ", ".join(f"`{label}`" for label in m.labels), m.meaning) for m in METRICS),
    )


def with_tables(text: str) -> str:
    """operations.md with its two tables as the code has them."""
    for name, made in (("settings", settings_table()), ("metrics", metrics_table())):
        begin, end = f"<!-- {name}: made by `make docs` -->", f"<!-- /{name} -->"
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = f"{before}{begin}\n\n{made}\n\n{end}{after}"
    return text


def pages() -> dict[Path, str]:
    """What each generated page should hold."""
    operations = DOCS / "operations.md"
    return {
        DOCS / "events.md": events_page(load_catalogue()),
        DOCS / "commands.md": commands_page(),
        operations: with_tables(operations.read_text()),
    }


if __name__ == "__main__":
    for path, text in pages().items():
        changed = not path.exists() or path.read_text() != text
        path.write_text(text)
        sys.stdout.write(f"{path.relative_to(DOCS.parent)}{'' if changed else ' (as it was)'}\n")
